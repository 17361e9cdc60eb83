#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "keep/loop_policy.h"

enum { LOWEST = 0, MIDDLE = 1u << 31 };

static void test_pause(void **state)
{
    (void)state;
    static const struct {
        int64_t every_ms;
        unsigned jitter, failures;
        uint32_t random;
        int64_t pause_ms;
    } rows[] = {
        {2000, 0, 0, LOWEST, 2000},
        {2000, 0, 1, LOWEST, 2000}, /* the first failure is tried again after one period */
        {2000, 0, 2, LOWEST, 4000},
        {2000, 0, 3, LOWEST, 8000},
        {2000, 0, 5, LOWEST, 30000},
        {2000, 0, 4000000000u, LOWEST, 30000},
        {60000, 0, 9, LOWEST, 60000}, /* never later than its own period */
        {2000, 10, 0, LOWEST, 1800},
        {2000, 10, 0, MIDDLE, 2000},
        {2000, 10, 0, UINT32_MAX, 2199},
        {2000, 10, 2, LOWEST, 3600},
        {2000, 100, 0, LOWEST, 1},
        {1, 0, 0, LOWEST, 1},
        {(int64_t)3650 * 86400000, 100, 0, UINT32_MAX, INT64_C(630719999853)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct config_loop loop = {.every_ms = rows[i].every_ms, .jitter = rows[i].jitter};
        const struct loop_policy_now now = {.failures = rows[i].failures, .random = rows[i].random};
        int64_t pause_ms = loop_policy_pause(&loop, &now);
        if (pause_ms != rows[i].pause_ms)
            fail_msg("row %zu: %lld", i, (long long)pause_ms);
        assert_int_equal(loop_policy_first(&loop, &now), 0);
    }
}

static void test_at(void **state)
{
    (void)state;
    struct config_loop loop = {0};
    assert_true(cron_parse(SLICE("0 3 * * *"), &loop.cron, NULL));
    struct loop_policy_now now = {.wall_ms = (int64_t)(2 * 3600 + 59 * 60) * 1000 + 1, .zone = gmtime_r};
    assert_int_equal(loop_policy_first(&loop, &now), 59999);
    assert_int_equal(loop_policy_pause(&loop, &now), 59999);
    now.failures = 7; /* its times are its times */
    assert_int_equal(loop_policy_pause(&loop, &now), 59999);
    now.wall_ms = (int64_t)3 * 3600 * 1000;
    assert_int_equal(loop_policy_pause(&loop, &now), 86400000);
    assert_true(cron_parse(SLICE("0 0 31 2 *"), &loop.cron, NULL));
    assert_int_equal(loop_policy_pause(&loop, &now), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
