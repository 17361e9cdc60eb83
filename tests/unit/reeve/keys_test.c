#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "reeve/keys.h"

static struct keys parse(const char *text)
{
    struct keys keys;
    struct error error = {0};
    assert_true(keys_parse(text, &keys, &error));
    return keys;
}

static void test_keys_as_docker_writes_them(void **state)
{
    (void)state;
    struct keys keys = parse("ctrl-p,ctrl-q");
    assert_int_equal(keys.count, 2);
    assert_memory_equal(keys.bytes, "\x10\x11", 2);
    keys = parse("ctrl-\\,ctrl-\\");
    assert_memory_equal(keys.bytes, "\x1c\x1c", 2);
    keys = parse("ctrl-],d");
    assert_memory_equal(keys.bytes,
                        "\x1d"
                        "d",
                        2);
    keys = parse("ctrl-A");
    assert_memory_equal(keys.bytes, "\x01", 1);
    assert_int_equal(parse("").count, 0);
}

static void test_what_is_no_key(void **state)
{
    (void)state;
    const char *const wrong[] = {"ctrl-", "ctrl-1", "ctrl-ab", "ab", "a,", ",a", " ", "a,b,c,d,e,f,g,h,i"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct keys keys;
        struct error error = {0};
        assert_false(keys_parse(wrong[i], &keys, &error));
        assert_non_null(strstr(error.text, "--detach-keys"));
    }
}

/* Types the text in all pieces of two; the same must come out. */
static void types(const char *text, const char *typed, const char *through, bool detached)
{
    for (size_t cut = 0; cut <= strlen(typed); cut++) {
        struct keys keys = parse(text);
        struct buffer out = BUFFER(1000);
        bool found = keys_feed(&keys, slice_of(typed, cut), &out) ||
                     keys_feed(&keys, slice_of_text(typed + cut), &out);
        assert_int_equal(found, detached);
        assert_int_equal(buffer_size(&out), strlen(through));
        if (*through)
            assert_memory_equal(buffer_slice(&out).data, through, strlen(through));
        buffer_free(&out);
    }
}

static void test_what_is_typed_goes_through(void **state)
{
    (void)state;
    types("ctrl-\\,ctrl-\\", "ls -l\r", "ls -l\r", false);
    types("ctrl-\\,ctrl-\\",
          "a\x1c"
          "b",
          "a\x1c"
          "b",
          false);
    types("ctrl-\\,ctrl-\\", "a\x1c\x1c", "a", true);
    types("ctrl-\\,ctrl-\\",
          "a\x1c"
          "b\x1c\x1c",
          "a\x1c"
          "b",
          true);
    types("a,a,b", "xaaab", "xa", true);
    types("a,b,a,c", "ababac", "ab", true);
    types("", "\x1c\x1c", "\x1c\x1c", false);
}

static void test_one_that_nothing_follows(void **state)
{
    (void)state;
    struct keys keys = parse("ctrl-\\,ctrl-\\");
    struct buffer out = BUFFER(10);
    assert_false(keys_feed(&keys, SLICE("\x1c"), &out));
    assert_int_equal(buffer_size(&out), 0);
    keys_release(&keys, &out);
    assert_true(slice_equal(buffer_slice(&out), SLICE("\x1c")));
    assert_false(keys_feed(&keys, SLICE("\x1c"), &out)); /* counts anew */
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_as_docker_writes_them),
        cmocka_unit_test(test_what_is_no_key),
        cmocka_unit_test(test_what_is_typed_goes_through),
        cmocka_unit_test(test_one_that_nothing_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
