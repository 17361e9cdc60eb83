#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "wire/range.h"

static struct range ranges[RANGE_MOST];
static size_t count;

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t size;
        enum range_result result;
        size_t count;
        struct range ranges[3];
    } rows[] = {
        {"bytes=0-99", 1000, RANGE_PARTS, 1, {{0, 100}}},
        {"bytes=0-0", 1, RANGE_PARTS, 1, {{0, 1}}},
        {"bytes=10-", 1000, RANGE_PARTS, 1, {{10, 990}}},
        {"bytes=-10", 1000, RANGE_PARTS, 1, {{990, 10}}},
        {"bytes=-2000", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"bytes=990-2000", 1000, RANGE_PARTS, 1, {{990, 10}}},
        {"bytes=0-18446744073709551615", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"Bytes=1-1, 5-6 ,-1", 1000, RANGE_PARTS, 3, {{1, 1}, {5, 2}, {999, 1}}},
        {"bytes=0-4,5-9", 1000, RANGE_PARTS, 2, {{0, 5}, {5, 5}}},
        {"bytes=5-9,0-4", 1000, RANGE_PARTS, 2, {{5, 5}, {0, 5}}},
        {"bytes=0-999", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"bytes=0-998", 1000, RANGE_PARTS, 1, {{0, 999}}},
        {"bytes=999-999", 1000, RANGE_PARTS, 1, {{999, 1}}},
        {"bytes=-1000", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"bytes=0-1,5-6,6-7", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=500-,0-1", 1000, RANGE_PARTS, 2, {{500, 500}, {0, 2}}},
        {"bytes=2000-,0-1", 1000, RANGE_PARTS, 1, {{0, 2}}},
        {"bytes=1000-", 1000, RANGE_UNSATISFIABLE, 0, {{0}}},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, {{0}}},
        {"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, {{0}}},
        {"bytes=-0", 1000, RANGE_UNSATISFIABLE, 0, {{0}}},
        {"bytes=0-5,5-9", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=0-5,3-", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes", 1000, RANGE_WHOLE, 0, {{0}}},
        {"", 1000, RANGE_WHOLE, 0, {{0}}},
        {"lines=0-1", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=5-4", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=a-b", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=0-1x", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=+0-1", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=--1", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=5", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=-", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=0-1,x", 1000, RANGE_WHOLE, 0, {{0}}},
        {"bytes=0-18446744073709551616", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"bytes=1-9999999999999999999999", 1000, RANGE_PARTS, 1, {{1, 999}}},
        {"bytes=-99999999999999999999999", 1000, RANGE_PARTS, 1, {{0, 1000}}},
        {"bytes=99999999999999999999999-", 1000, RANGE_UNSATISFIABLE, 0, {{0}}},
        {"bytes=0-", UINT64_MAX, RANGE_PARTS, 1, {{0, UINT64_MAX}}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(range_parse(slice_of_text(rows[i].value), rows[i].size, ranges, &count),
                         rows[i].result);
        assert_int_equal(count, rows[i].count);
        for (size_t j = 0; j < count; j++) {
            assert_true(ranges[j].start == rows[i].ranges[j].start);
            assert_true(ranges[j].size == rows[i].ranges[j].size);
        }
    }
    assert_int_equal(range_parse((struct slice){0}, 5, ranges, &count), RANGE_WHOLE);
}

static enum range_result parse_many(int parts, int step)
{
    char value[512] = "bytes=";
    size_t size = strlen(value);
    for (int i = 0; i < parts; i++)
        size += (size_t)snprintf(value + size, sizeof(value) - size, "%d-%d,", i * step, i * step);
    return range_parse(slice_of(value, size), 1000, ranges, &count);
}

static void test_too_many_ranges(void **state)
{
    (void)state;
    assert_int_equal(parse_many(RANGE_MOST, 1), RANGE_PARTS);
    assert_int_equal(count, RANGE_MOST);
    assert_int_equal(parse_many(RANGE_MOST + 1, 1), RANGE_WHOLE);
    assert_int_equal(parse_many(RANGE_MOST + 1, 100), RANGE_WHOLE);
}

static void test_if_range(void **state)
{
    (void)state;
    struct slice etag = SLICE("\"a\"");
    assert_true(range_is_current((struct slice){0}, etag, 784111777));
    assert_true(range_is_current(SLICE("\"a\""), etag, 784111777));
    assert_false(range_is_current(SLICE("\"b\""), etag, 784111777));
    assert_false(range_is_current(SLICE("W/\"a\""), SLICE("W/\"a\""), 784111777));
    assert_false(range_is_current(SLICE("\"a\""), (struct slice){0}, 784111777));
    assert_true(range_is_current(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), etag, 784111777));
    assert_false(range_is_current(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), etag, 784111778));
    assert_false(range_is_current(SLICE("nonsense"), etag, 784111777));
    assert_false(range_is_current(SLICE(""), etag, 784111777));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_too_many_ranges),
        cmocka_unit_test(test_if_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
