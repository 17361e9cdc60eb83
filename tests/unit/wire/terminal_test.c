#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/terminal.h"

static void test_what_a_viewer_sends(void **state)
{
    (void)state;
    char out[TERMINAL_SMALL_SIZE];
    struct terminal_record record;
    assert_int_equal(terminal_read_from_viewer(SLICE("0ls\r"), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_INPUT);
    assert_true(slice_equal(record.data, SLICE("ls\r")));
    assert_int_equal(terminal_read_from_viewer(SLICE("0"), &record), TERMINAL_FINE);
    assert_int_equal(record.data.size, 0);
    assert_int_equal(terminal_read_from_viewer(SLICE("2"), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_PAUSE);
    assert_int_equal(terminal_read_from_viewer(SLICE("3"), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_RESUME);
    size_t size = terminal_write_size(out, TERMINAL_RESIZE, 132, 43);
    assert_in_range(size, 1, sizeof out);
    assert_int_equal(terminal_read_from_viewer(slice_of(out, size), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_RESIZE);
    assert_int_equal(record.columns, 132);
    assert_int_equal(record.rows, 43);
}

static void test_what_a_hold_sends(void **state)
{
    (void)state;
    char out[TERMINAL_SMALL_SIZE];
    struct terminal_record record;
    assert_int_equal(terminal_read_from_hold(SLICE("0\x1b[1m"), &record), TERMINAL_FINE);
    assert_true(slice_equal(record.data, SLICE("\x1b[1m")));
    assert_int_equal(terminal_read_from_hold(SLICE("1"), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_TITLE);
    assert_int_equal(terminal_read_from_hold(SLICE("6exited with 0"), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_END);
    assert_true(slice_equal(record.data, SLICE("exited with 0")));
    size_t size = terminal_write_size(out, TERMINAL_SIZE, 80, 24);
    assert_int_equal(terminal_read_from_hold(slice_of(out, size), &record), TERMINAL_FINE);
    assert_int_equal(record.columns, 80);
    assert_int_equal(record.rows, 24);
    size = terminal_write_place(out, UINT64_MAX - 1);
    assert_in_range(size, 1, sizeof out);
    assert_int_equal(terminal_read_from_hold(slice_of(out, size), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_PLACE);
    assert_true(record.place == UINT64_MAX - 1);
}

static void test_what_is_no_record(void **state)
{
    (void)state;
    const struct slice from_viewers[] = {{0},         SLICE("1"), SLICE("1abc"), SLICE("1abcde"),
                                         SLICE("2x"), SLICE("3x")};
    const struct slice from_holds[] = {{0},        SLICE("4"),        SLICE("4abcde"),
                                       SLICE("5"), SLICE("51234567"), SLICE("5123456789")};
    struct terminal_record record;
    char *large = calloc(1, TERMINAL_RECORD_LARGEST + 1);
    for (size_t i = 0; i < sizeof from_viewers / sizeof *from_viewers; i++)
        assert_int_equal(terminal_read_from_viewer(from_viewers[i], &record), TERMINAL_BAD);
    for (size_t i = 0; i < sizeof from_holds / sizeof *from_holds; i++)
        assert_int_equal(terminal_read_from_hold(from_holds[i], &record), TERMINAL_BAD);
    large[0] = TERMINAL_INPUT;
    assert_int_equal(terminal_read_from_viewer(slice_of(large, TERMINAL_RECORD_LARGEST), &record),
                     TERMINAL_FINE);
    assert_int_equal(record.data.size, TERMINAL_DATA_LARGEST);
    assert_int_equal(terminal_read_from_viewer(slice_of(large, TERMINAL_RECORD_LARGEST + 1), &record),
                     TERMINAL_BAD);
    assert_int_equal(terminal_read_from_hold(slice_of(large, TERMINAL_RECORD_LARGEST + 1), &record),
                     TERMINAL_BAD);
    free(large);
    /* Each side skips what a later version may say, and what only it says itself. */
    assert_int_equal(terminal_read_from_viewer(SLICE("9later"), &record), TERMINAL_UNKNOWN);
    assert_int_equal(terminal_read_from_hold(SLICE("9later"), &record), TERMINAL_UNKNOWN);
    assert_int_equal(terminal_read_from_hold(SLICE("2"), &record), TERMINAL_UNKNOWN);
}

static void test_sizes_are_brought_into_range(void **state)
{
    (void)state;
    char out[TERMINAL_SMALL_SIZE];
    struct terminal_record record;
    size_t size = terminal_write_size(out, TERMINAL_RESIZE, 0, 0);
    assert_int_equal(terminal_read_from_viewer(slice_of(out, size), &record), TERMINAL_FINE);
    assert_int_equal(record.columns, TERMINAL_COLUMNS_LEAST);
    assert_int_equal(record.rows, TERMINAL_ROWS_LEAST);
    size = terminal_write_size(out, TERMINAL_RESIZE, UINT16_MAX, UINT16_MAX);
    assert_int_equal(terminal_read_from_viewer(slice_of(out, size), &record), TERMINAL_FINE);
    assert_int_equal(record.columns, TERMINAL_COLUMNS_MOST);
    assert_int_equal(record.rows, TERMINAL_ROWS_MOST);
    assert_int_equal(terminal_columns(-1), TERMINAL_COLUMNS_LEAST);
    assert_int_equal(terminal_columns(INT64_MAX), TERMINAL_COLUMNS_MOST);
    assert_int_equal(terminal_rows(43), 43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_viewer_sends),
        cmocka_unit_test(test_what_a_hold_sends),
        cmocka_unit_test(test_what_is_no_record),
        cmocka_unit_test(test_sizes_are_brought_into_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
