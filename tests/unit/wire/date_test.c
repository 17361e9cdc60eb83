#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "wire/date.h"

static const int64_t example = 784111777; /* RFC 9110's: Sun, 06 Nov 1994 08:49:37 GMT */

static void test_the_three_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++) {
        int64_t seconds = 0;
        assert_true(date_parse(slice_of_text(forms[i]), 1800000000, &seconds));
        assert_int_equal(seconds, example);
    }
}

/* One second out of every third day until 2400 against the C library. */
static void test_format_agrees_with_the_c_library_and_reads_back(void **state)
{
    (void)state;
    for (int64_t seconds = 0; seconds < 13569465600; seconds += 86400 * 3 + 86399) {
        char ours[DATE_SIZE + 1] = {0}, theirs[64];
        time_t time = (time_t)seconds;
        struct tm parts;
        date_format(seconds, ours);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time, &parts));
        assert_string_equal(ours, theirs);
        int64_t back = 0;
        assert_true(date_parse(slice_of(ours, DATE_SIZE), 0, &back));
        assert_int_equal(back, seconds);
        strftime(theirs, sizeof(theirs), "%a %b %e %H:%M:%S %Y", &parts);
        assert_true(date_parse(slice_of_text(theirs), 0, &back));
        assert_int_equal(back, seconds);
    }
}

static void test_dates_out_of_reach_are_clipped(void **state)
{
    (void)state;
    char out[DATE_SIZE + 1] = {0};
    date_format(INT64_MIN, out);
    assert_string_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT");
    date_format(INT64_MAX, out);
    assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void test_two_digit_years(void **state)
{
    (void)state;
    int64_t seconds = 0, now = 1795406400; /* 2026 */
    assert_true(date_parse(SLICE("Monday, 01-Jan-76 00:00:00 GMT"), now, &seconds));
    assert_true(seconds > now);
    assert_true(date_parse(SLICE("Monday, 01-Jan-77 00:00:00 GMT"), now, &seconds));
    assert_int_equal(seconds, 220924800);
}

static void test_malformed_dates(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    int64_t seconds = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_false(date_parse(slice_of_text(rows[i]), 0, &seconds));
    assert_true(date_parse(SLICE("Tue, 29 Feb 2000 08:49:60 GMT"), 0, &seconds));
}

static void test_every_prefix_is_malformed(void **state)
{
    (void)state;
    struct slice text = SLICE("Sun, 06 Nov 1994 08:49:37 GMT");
    int64_t seconds = 0;
    for (size_t size = 0; size < text.size; size++)
        assert_false(date_parse(slice_between(text, 0, size), 0, &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_three_forms),
        cmocka_unit_test(test_format_agrees_with_the_c_library_and_reads_back),
        cmocka_unit_test(test_dates_out_of_reach_are_clipped),
        cmocka_unit_test(test_two_digit_years),
        cmocka_unit_test(test_malformed_dates),
        cmocka_unit_test(test_every_prefix_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
