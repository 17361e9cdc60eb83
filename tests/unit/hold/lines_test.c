#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "hold/lines.h"
#include "wire/logline.h"

/* Texts joined: "a|b+c|" is "a", then "b" with more to come, then "c". */
static void collect(void *owner, struct slice text, bool more)
{
    assert_true(text.size <= LOGLINE_TEXT_LARGEST);
    buffer_append(owner, text);
    buffer_append_text(owner, more ? "+" : "|");
}

static struct buffer texts_of(struct slice whole, size_t split)
{
    struct buffer found = BUFFER(1 << 22);
    struct lines lines = lines_new(collect, &found);
    lines_feed(&lines, slice_between(whole, 0, split));
    lines_feed(&lines, slice_from(whole, split));
    lines_finish(&lines);
    lines_finish(&lines);
    lines_free(&lines);
    return found;
}

static void test_lines_at_every_split(void **state)
{
    (void)state;
    struct slice whole = SLICE("one\n\ntwo\r\n\xff\xc3\nlast");
    for (size_t split = 0; split <= whole.size; split++) {
        struct buffer found = texts_of(whole, split);
        struct slice expected = SLICE("one||two\r|\xff\xc3|last|");
        assert_true(slice_equal(buffer_slice(&found), expected));
        buffer_free(&found);
    }
}

static void test_nothing_comes_of_nothing(void **state)
{
    (void)state;
    struct buffer found = texts_of(SLICE(""), 0);
    assert_int_equal(buffer_size(&found), 0);
    buffer_free(&found);
}

/* A line of `size` bytes whose last bytes are `end`, then a newline and "z". */
static void assert_long(size_t size, const char *end, size_t first_cut)
{
    char *text = memory_new(size + 3);
    memset(text, 'x', size);
    if (end)
        memcpy(text + LOGLINE_TEXT_LARGEST - 2, end, strlen(end));
    memcpy(text + size, "\nz", 2);
    const size_t splits[] = {0,
                             1,
                             LOGLINE_TEXT_LARGEST - 2,
                             LOGLINE_TEXT_LARGEST - 1,
                             LOGLINE_TEXT_LARGEST,
                             LOGLINE_TEXT_LARGEST + 1,
                             LOGLINE_TEXT_LARGEST + 2,
                             size - 1,
                             size,
                             size + 1};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        struct buffer found = texts_of(slice_of(text, size + 2), splits[i] < size + 2 ? splits[i] : size + 2);
        struct slice bytes = buffer_slice(&found);
        assert_memory_equal(bytes.data, text, first_cut);
        if (first_cut < size) {
            assert_int_equal(bytes.data[first_cut], '+');
            assert_memory_equal(bytes.data + first_cut + 1, text + first_cut, 1);
        }
        assert_true(slice_ends_with(bytes, SLICE("|z|")));
        buffer_free(&found);
    }
    free(text);
}

static void test_a_line_that_is_too_long_is_split(void **state)
{
    (void)state;
    const size_t most = LOGLINE_TEXT_LARGEST;
    assert_long(most - 1, NULL, most - 1);
    assert_long(most, NULL, most);
    assert_long(most + 1, NULL, most);
    assert_long(most * 3 + 7, NULL, most);
}

static void test_a_split_spares_characters(void **state)
{
    (void)state;
    const size_t most = LOGLINE_TEXT_LARGEST;
    assert_long(most + 10, "x\xc3\xa9", most - 1);        /* é would be cut */
    assert_long(most + 10, "\xf0\x9f\x98\x80", most - 2); /* so would a smile */
    assert_long(most + 10, "\xc3\xa9", most);             /* é fits exactly */
    assert_long(most + 10, "\xff\xff\xff", most);         /* no characters to spare */
    assert_long(most + 10, "\x80\x80\x80\x80\x80\x80", most);
}

static void test_an_idle_stream_gives_its_memory_back(void **state)
{
    (void)state;
    struct buffer found = BUFFER(1 << 20);
    struct lines lines = lines_new(collect, &found);
    lines_feed(&lines, SLICE("begun"));
    lines_trim(&lines);
    assert_int_equal(buffer_size(&lines.partial), 5);
    lines_feed(&lines, SLICE(" and ended\n"));
    lines_trim(&lines);
    assert_null(lines.partial.data);
    assert_true(slice_equal(buffer_slice(&found), SLICE("begun and ended|")));
    lines_free(&lines);
    buffer_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_at_every_split),
        cmocka_unit_test(test_nothing_comes_of_nothing),
        cmocka_unit_test(test_a_line_that_is_too_long_is_split),
        cmocka_unit_test(test_a_split_spares_characters),
        cmocka_unit_test(test_an_idle_stream_gives_its_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
