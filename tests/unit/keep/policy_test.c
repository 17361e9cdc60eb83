#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <cmocka.h>

#include "keep/policy.h"

enum { MIDDLE = 0x80000000u }; /* factor 1.0 */

static const struct config_backoff usual = {.initial_ms = 200, .max_ms = 30000, .reset_after_ms = 60000};

struct row {
    enum config_restart restart;
    bool success;
    bool ran;
    int64_t stable_ms;
    unsigned failures;
    uint32_t random;
    enum policy_verdict verdict;
    int64_t delay_ms;
    unsigned after;
};

static const struct row rows[] = {
    /* always: whatever happened, again */
    {CONFIG_RESTART_ALWAYS, true, true, 10, 0, MIDDLE, POLICY_RETRY, 200, 1},
    {CONFIG_RESTART_ALWAYS, false, true, 10, 0, MIDDLE, POLICY_RETRY, 200, 1},
    {CONFIG_RESTART_ALWAYS, false, false, 0, 3, MIDDLE, POLICY_RETRY, 1600, 4},
    /* on-failure: success is an end */
    {CONFIG_RESTART_ON_FAILURE, true, true, 10, 5, MIDDLE, POLICY_ENDED, 0, 0},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 0, MIDDLE, POLICY_RETRY, 200, 1},
    {CONFIG_RESTART_ON_FAILURE, false, false, 0, 0, MIDDLE, POLICY_RETRY, 200, 1},
    /* never: both are, but what never ran is tried again */
    {CONFIG_RESTART_NEVER, true, true, 10, 0, MIDDLE, POLICY_ENDED, 0, 0},
    {CONFIG_RESTART_NEVER, false, true, 10, 0, MIDDLE, POLICY_FAILED, 0, 0},
    {CONFIG_RESTART_NEVER, false, false, 0, 0, MIDDLE, POLICY_RETRY, 200, 1},
    /* exponential, capped, for ever */
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 1, MIDDLE, POLICY_RETRY, 400, 2},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 2, MIDDLE, POLICY_RETRY, 800, 3},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 7, MIDDLE, POLICY_RETRY, 25600, 8},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 8, MIDDLE, POLICY_RETRY, 30000, 9},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 100000, MIDDLE, POLICY_RETRY, 30000, 100001},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, UINT_MAX, MIDDLE, POLICY_RETRY, 30000, UINT_MAX},
    /* jitter: 20 % either way, of the cap too */
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 0, 0, POLICY_RETRY, 160, 1},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 0, UINT32_MAX, POLICY_RETRY, 239, 1},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 20, 0, POLICY_RETRY, 24000, 21},
    {CONFIG_RESTART_ON_FAILURE, false, true, 0, 20, UINT32_MAX, POLICY_RETRY, 35999, 21},
    /* a stable run forgives, one that is a moment too short does not */
    {CONFIG_RESTART_ON_FAILURE, false, true, 60000, 9, MIDDLE, POLICY_RETRY, 200, 1},
    {CONFIG_RESTART_ON_FAILURE, false, true, 59999, 9, MIDDLE, POLICY_RETRY, 30000, 10},
    {CONFIG_RESTART_ALWAYS, true, true, 60000, 9, MIDDLE, POLICY_RETRY, 200, 1},
};

static void test_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct policy_end end = {.success = row->success, .ran = row->ran, .stable_ms = row->stable_ms};
        struct policy_decision decision =
            policy_decide(row->restart, &usual, (struct policy_history){row->failures}, &end, row->random);
        if (decision.verdict != row->verdict || decision.delay_ms != row->delay_ms ||
            decision.history.failures != row->after)
            fail_msg("row %zu: verdict %d, %lld ms, %u failures", i, (int)decision.verdict,
                     (long long)decision.delay_ms, decision.history.failures);
    }
}

static void test_odd_settings(void **state)
{
    (void)state;
    struct policy_end end = {.ran = true};
    struct config_backoff zero = {0};
    assert_int_equal(
        policy_decide(CONFIG_RESTART_ALWAYS, &zero, (struct policy_history){3}, &end, 0).delay_ms, 1);
    struct config_backoff small_cap = {.initial_ms = 5000, .max_ms = 100, .reset_after_ms = 60000};
    assert_int_equal(
        policy_decide(CONFIG_RESTART_ALWAYS, &small_cap, (struct policy_history){0}, &end, MIDDLE).delay_ms,
        100);
    struct config_backoff large = {.initial_ms = INT64_MAX / 2 + 1, .max_ms = INT64_MAX / 2 + 1};
    large.reset_after_ms = 60000;
    assert_true(policy_decide(CONFIG_RESTART_ALWAYS, &large, (struct policy_history){9}, &end, 0).delay_ms >
                0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_odd_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
