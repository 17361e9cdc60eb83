#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/event_id.h"

static void test_check(void **state)
{
    (void)state;
    char long_text[200];
    assert_int_equal(event_id_check(SLICE("123456789")), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(event_id_check((struct slice){0}), 0);
    for (size_t i = 0; i < sizeof long_text; i++)
        long_text[i] = (char)i;
    assert_int_equal(event_id_check(slice_of(long_text, 200)), event_id_check(slice_of(long_text + 136, 64)));
    assert_int_not_equal(event_id_check(slice_of(long_text, 199)), event_id_check(slice_of(long_text, 200)));
}

static void test_generation(void **state)
{
    (void)state;
    const struct event_id_file file = {.inode = 7, .born_s = 1000, .born_ns = 5};
    const struct event_id_file others[] = {{8, 1000, 5}, {7, 1001, 5}, {7, 1000, 6}};
    char start[2 * EVENT_ID_FIRST_LINE];
    uint64_t known = event_id_generation(&file, SLICE("one\n"));
    assert_int_not_equal(known, 0);
    assert_int_equal(event_id_generation(&file, SLICE("one\ntwo\n")), known);
    assert_int_not_equal(event_id_generation(&file, SLICE("onf\n")), known);
    assert_int_equal(event_id_generation(&file, SLICE("one")), 0);
    assert_int_equal(event_id_generation(&file, (struct slice){0}), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_not_equal(event_id_generation(&others[i], SLICE("one\n")), known);
    /* The start of a file is its own, whatever its first line is. */
    struct event_id begun = event_id_start(&file);
    assert_int_not_equal(begun.generation, 0);
    assert_int_not_equal(begun.generation, event_id_generation(&file, SLICE("\n")));
    assert_int_equal(begun.offset, 0);
    assert_int_equal(begun.check, 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_not_equal(event_id_start(&others[i]).generation, begun.generation);
    /* A long first line is known by its beginning, whether its end is there or not. */
    memset(start, 'x', sizeof start);
    start[sizeof start - 1] = '\n';
    known = event_id_generation(&file, slice_of(start, EVENT_ID_FIRST_LINE));
    assert_int_not_equal(known, 0);
    assert_int_equal(event_id_generation(&file, slice_of(start, sizeof start)), known);
    assert_int_equal(event_id_generation(&file, slice_of(start, EVENT_ID_FIRST_LINE - 1)), 0);
}

static void test_text(void **state)
{
    (void)state;
    const struct event_id ids[] = {
        {0}, {1, 2, 3}, {UINT64_MAX, INT64_MAX, UINT32_MAX}, {0xabcdef, 4096, 0x10}};
    char text[EVENT_ID_SIZE];
    struct event_id read;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        size_t size = event_id_format(&ids[i], text);
        assert_int_equal(strlen(text), size);
        assert_true(event_id_parse(slice_of(text, size), &read));
        assert_int_equal(read.generation, ids[i].generation);
        assert_int_equal(read.offset, ids[i].offset);
        assert_int_equal(read.check, ids[i].check);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "1",
                                      "1:2",
                                      "1:2:3:4",
                                      "1:2:3:",
                                      ":1:2",
                                      "1::2",
                                      "1:2:",
                                      " 1:2:3",
                                      "1:2:3 ",
                                      "+1:2:3",
                                      "1:-2:3",
                                      "01:2:3",
                                      "1:02:3",
                                      "A:2:3",
                                      "g:2:3",
                                      "1:a:3",
                                      "1:2:g",
                                      "0x1:2:3",
                                      "10000000000000000:2:3",
                                      "1:9223372036854775808:3",
                                      "1:2:100000000"};
    struct event_id id;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(event_id_parse(slice_of_text(bad[i]), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_generation),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
