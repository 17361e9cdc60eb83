#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/cron.h"

static int64_t at(int year, int month, int day, int hour, int minute)
{
    struct tm parts = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute};
    return (int64_t)timegm(&parts) * 1000;
}

/* A zone whose clocks are put forward from 2:00 to 3:00 on 2026-03-29 (UTC+1 before, UTC+2 after) and back
 * from 3:00 to 2:00 on 2026-10-25. */
static struct tm *summer(const time_t *seconds, struct tm *parts)
{
    bool in_summer = *seconds >= at(2026, 3, 29, 1, 0) / 1000 && *seconds < at(2026, 10, 25, 1, 0) / 1000;
    time_t local = *seconds + (in_summer ? 7200 : 3600);
    return gmtime_r(&local, parts);
}

static struct cron read_cron(const char *text)
{
    struct cron cron;
    struct error error = {0};
    if (!cron_parse(slice_of_text(text), &cron, &error))
        fail_msg("%s: %s", text, error.text);
    return cron;
}

static void test_next(void **state)
{
    (void)state;
    const int64_t now = at(2026, 11, 25, 16, 20); /* a Wednesday */
    const struct {
        const char *text;
        int64_t next;
    } rows[] = {
        {"* * * * *", at(2026, 11, 25, 16, 21)},
        {"*/15 * * * *", at(2026, 11, 25, 16, 30)},
        {"20 16 * * *", at(2026, 11, 26, 16, 20)},
        {"0 3 * * *", at(2026, 11, 26, 3, 0)},
        {"  5,50  16-18/2\t* * * ", at(2026, 11, 25, 16, 50)},
        {"10/20 * * * *", at(2026, 11, 25, 16, 30)},
        {"0 0 1 * *", at(2026, 12, 1, 0, 0)},
        {"0 0 1 jan *", at(2027, 1, 1, 0, 0)},
        {"0 12 * * MON-Fri", at(2026, 11, 26, 12, 0)},
        {"0 12 * * 0", at(2026, 11, 29, 12, 0)},
        {"0 12 * * 7", at(2026, 11, 29, 12, 0)},
        {"0 0 13 * fri", at(2026, 11, 27, 0, 0)}, /* either day is enough */
        {"0 0 29 2 *", at(2028, 2, 29, 0, 0)},
        {"59 23 31 12 *", at(2026, 12, 31, 23, 59)},
        {"0 0 */2 * *", at(2026, 11, 27, 0, 0)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cron cron = read_cron(rows[i].text);
        if (cron_next(&cron, now + 999, gmtime_r) != rows[i].next)
            fail_msg("%s: %lld, not %lld", rows[i].text, (long long)cron_next(&cron, now, gmtime_r) / 1000,
                     (long long)rows[i].next / 1000);
    }
}

static void test_clocks_that_are_put_forward_and_back(void **state)
{
    (void)state;
    struct cron cron = read_cron("30 2 * * *");
    /* 2:30 does not come on the 29th of March. */
    assert_int_equal(cron_next(&cron, at(2026, 3, 28, 2, 0), summer), at(2026, 3, 30, 0, 30));
    /* ... and comes twice on the 25th of October. */
    int64_t first = cron_next(&cron, at(2026, 10, 24, 12, 0), summer);
    assert_int_equal(first, at(2026, 10, 25, 0, 30));
    assert_int_equal(cron_next(&cron, first, summer), at(2026, 10, 25, 1, 30));
}

static void test_what_never_comes(void **state)
{
    (void)state;
    struct cron cron = read_cron("0 0 31 2,4,6 *");
    assert_int_equal(cron_next(&cron, 0, gmtime_r), -1);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "expected five fields (minute hour day month weekday), found 0"},
        {"* * * *", "expected five fields (minute hour day month weekday), found 4"},
        {"* * * * * *", "expected five fields (minute hour day month weekday), found more"},
        {"60 * * * *", "\"60\" is not a minute (0-59)"},
        {"* 24 * * *", "\"24\" is not a hour (0-23)"},
        {"* * 0 * *", "\"0\" is not a day of the month (1-31)"},
        {"* * * 13 *", "\"13\" is not a month (1-12)"},
        {"* * * * 8", "\"8\" is not a day of the week (0-7)"},
        {"5-1 * * * *", "\"5-1\" is not a minute"},
        {"*/0 * * * *", "\"*/0\" is not a minute"},
        {"1,,2 * * * *", "\"\" is not a minute"},
        {"@daily", "\"@daily\" is not a minute"},
        {"* * * janu *", "\"janu\" is not a month"},
        {"99999999999999999999 * * * *", "is not a minute"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cron cron;
        struct error error = {0};
        assert_false(cron_parse(slice_of_text(rows[i].text), &cron, &error));
        if (!strstr(error.text, rows[i].error))
            fail_msg("%s: %s", rows[i].text, error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_clocks_that_are_put_forward_and_back),
        cmocka_unit_test(test_what_never_comes),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
