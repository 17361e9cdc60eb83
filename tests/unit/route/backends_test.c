#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "route/backends.h"
#include "route/unavailable.h"

struct row {
    enum target_state state;
    bool ready, wanted, demand;
    enum target_cause_kind cause;
    enum backends_verdict verdict, without_keeper;
};

/* Every state, and what makes a difference in it. */
static const struct row rows[] = {
    {TARGET_DOWN, false, false, false, TARGET_CAUSE_NONE, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_DOWN, false, true, false, TARGET_CAUSE_NONE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_DOWN, false, false, true, TARGET_CAUSE_NONE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_DOWN, false, false, true, TARGET_CAUSE_IDLE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_DOWN, false, false, true, TARGET_CAUSE_STOPPED, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_DOWN, false, false, false, TARGET_CAUSE_STOPPED, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_STARTING, false, true, false, TARGET_CAUSE_NONE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_STARTING, true, true, false, TARGET_CAUSE_NONE, BACKENDS_GO, BACKENDS_GO}, /* start-first */
    {TARGET_READY, true, true, false, TARGET_CAUSE_NONE, BACKENDS_GO, BACKENDS_GO},
    {TARGET_READY, false, true, false, TARGET_CAUSE_NONE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_STOPPING, false, false, false, TARGET_CAUSE_STOPPED, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_STOPPING, false, true, false, TARGET_CAUSE_NONE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_STOPPING, false, false, true, TARGET_CAUSE_IDLE, BACKENDS_WAIT, BACKENDS_REFUSE},
    {TARGET_BACKOFF, false, true, true, TARGET_CAUSE_EXIT, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_ENDED, false, true, true, TARGET_CAUSE_EXIT, BACKENDS_REFUSE, BACKENDS_REFUSE},
    {TARGET_FAILED, false, true, true, TARGET_CAUSE_EXEC, BACKENDS_REFUSE, BACKENDS_REFUSE},
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct target_row row = {.state = rows[i].state,
                                 .ready = rows[i].ready,
                                 .wanted = rows[i].wanted,
                                 .demand = rows[i].demand,
                                 .cause.kind = rows[i].cause};
        if (backends_verdict_of(&row, false) != rows[i].verdict ||
            backends_verdict_of(&row, true) != rows[i].without_keeper)
            fail_msg("row %zu: %s", i, target_state_name(row.state));
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    struct target_row row = {.state = TARGET_BACKOFF, .next_attempt_ms = 5000};
    assert_int_equal(unavailable_retry_after_s(&row, 0), 5);
    assert_int_equal(unavailable_retry_after_s(&row, 1), 5);
    assert_int_equal(unavailable_retry_after_s(&row, 4000), 1);
    assert_int_equal(unavailable_retry_after_s(&row, 4999), 1);
    assert_int_equal(unavailable_retry_after_s(&row, 6000), 1); /* about to happen */
    row.state = TARGET_STARTING;
    assert_int_equal(unavailable_retry_after_s(&row, 0), 1);
    row.state = TARGET_FAILED;
    assert_int_equal(unavailable_retry_after_s(&row, 0), 30);
    assert_int_equal(unavailable_terminal_retry_after_s(&row, 0), 3);
    row.state = TARGET_STARTING;
    assert_int_equal(unavailable_terminal_retry_after_s(&row, 0), 1);
    row = (struct target_row){.state = TARGET_BACKOFF, .next_attempt_ms = 9000};
    assert_int_equal(unavailable_terminal_retry_after_s(&row, 0), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
