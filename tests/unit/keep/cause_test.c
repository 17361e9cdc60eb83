#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/utf8.h"
#include "keep/cause.h"
#include "keep/dependency.h"
#include "keep/ending.h"
#include "keep/verbs.h"

static void test_times_as_one_says_them(void **state)
{
    (void)state;
    static const struct {
        int64_t milliseconds;
        const char *text;
    } rows[] = {{0, "0.0 s"},      {204, "0.2 s"},      {9999, "10.0 s"},   {10000, "10 s"},
                {119999, "119 s"}, {120000, "2 m"},     {180000, "3 m"},    {7199999, "119 m"},
                {7200000, "2 h"},  {172799999, "47 h"}, {172800000, "2 d"}, {8640000000, "100 d"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CAUSE_TIME_SIZE];
        assert_string_equal(cause_time(rows[i].milliseconds, text), rows[i].text);
    }
}

static void test_ends(void **state)
{
    (void)state;
    struct target_cause cause;
    struct hold_end end = {.code = 7, .after_ms = 200};
    cause_of_end(&cause, &end);
    assert_int_equal(cause.kind, TARGET_CAUSE_EXIT);
    assert_int_equal(cause.code, 7);
    assert_string_equal(cause.text, "exited with 7 after 0.2 s");
    assert_false(cause_is_success(&cause));
    end.code = 0;
    cause_of_end(&cause, &end);
    assert_true(cause_is_success(&cause));
    assert_true(ending_is_success(ENDING_ITSELF, &cause));
    assert_false(ending_is_success(ENDING_NOT_READY, &cause));
    end = (struct hold_end){.code = -1, .signal = SIGKILL, .after_ms = 180000};
    cause_of_end(&cause, &end);
    assert_int_equal(cause.kind, TARGET_CAUSE_SIGNAL);
    assert_int_equal(cause.signal, SIGKILL);
    assert_string_equal(cause.text, "killed by SIGKILL after 3 m");
    end = (struct hold_end){.code = -1, .signal = SIGSEGV, .core = true};
    cause_of_end(&cause, &end);
    assert_string_equal(cause.text, "killed by SIGSEGV after 0.0 s, core dumped");
    end.signal = 40;
    cause_of_end(&cause, &end);
    assert_string_equal(cause.text, "killed by signal 40 after 0.0 s");
    end = (struct hold_end){.failed = true, .error = ENOENT, .text = "cannot execute ./x: No such file"};
    cause_of_end(&cause, &end);
    assert_int_equal(cause.kind, TARGET_CAUSE_EXEC);
    assert_int_equal(cause.code, ENOENT);
    assert_string_equal(cause.text, "cannot execute ./x: No such file");
}

static void test_a_text_that_was_cut_is_still_utf8(void **state)
{
    (void)state;
    char text[1024];
    memset(text, 'a', sizeof text);
    memcpy(text + 510, "\xc3\xa4", 2);
    text[1023] = '\0';
    struct target_cause cause;
    cause_set(&cause, TARGET_CAUSE_EXEC, "%s", text);
    assert_int_equal(strlen(cause.text), 511);
    assert_true(utf8_valid(slice_of_text(cause.text)));
}

static void test_why_a_run_ends(void **state)
{
    (void)state;
    static const struct {
        enum ending before;
        enum target_state state;
        enum table_event event;
        enum ending after;
    } rows[] = {
        {ENDING_ITSELF, TARGET_STARTING, TABLE_STOP, ENDING_STOP},
        {ENDING_ITSELF, TARGET_READY, TABLE_STOP, ENDING_STOP},
        {ENDING_ITSELF, TARGET_READY, TABLE_RESTART, ENDING_RESTART},
        {ENDING_ITSELF, TARGET_STARTING, TABLE_UNWANT, ENDING_UNWANTED},
        {ENDING_ITSELF, TARGET_READY, TABLE_UNWANT, ENDING_ITSELF}, /* it stays up */
        {ENDING_ITSELF, TARGET_STARTING, TABLE_NOT_READY, ENDING_NOT_READY},
        {ENDING_ITSELF, TARGET_READY, TABLE_ENDING, ENDING_ITSELF},
        {ENDING_ITSELF, TARGET_READY, TABLE_LOST, ENDING_ITSELF},
        {ENDING_NOT_READY, TARGET_STOPPING, TABLE_STOP, ENDING_STOP},
        {ENDING_NOT_READY, TARGET_STOPPING, TABLE_UNWANT, ENDING_NOT_READY}, /* the failure counts */
        {ENDING_STOP, TARGET_STOPPING, TABLE_RESTART, ENDING_RESTART},
        {ENDING_RESTART, TARGET_STOPPING, TABLE_STOP, ENDING_STOP},
        {ENDING_RESTART, TARGET_STOPPING, TABLE_LOST, ENDING_RESTART},
        {ENDING_STOP, TARGET_STOPPING, TABLE_START, ENDING_STOP},
        {ENDING_ITSELF, TARGET_DOWN, TABLE_STOP, ENDING_ITSELF},
        {ENDING_ITSELF, TARGET_BACKOFF, TABLE_RESTART, ENDING_ITSELF},
        {ENDING_ITSELF, TARGET_FAILED, TABLE_RESTART, ENDING_ITSELF},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ending_after(rows[i].before, rows[i].state, rows[i].event) != rows[i].after)
            fail_msg("row %zu", i);
}

static void test_what_follows_an_end(void **state)
{
    (void)state;
    for (int ending = 0; ending < ENDINGS; ending++) {
        /* Who is stopped stays down, whatever else. */
        assert_int_equal(ending_event((enum ending)ending, true, true, TABLE_OVER_RETRY), TABLE_OVER_DOWN);
        assert_int_equal(ending_event((enum ending)ending, true, false, TABLE_OVER_RETRY), TABLE_OVER_DOWN);
    }
    for (int wanted = 0; wanted < 2; wanted++) {
        assert_int_equal(ending_event(ENDING_ITSELF, false, wanted, TABLE_OVER_ENDED), TABLE_OVER_ENDED);
        assert_int_equal(ending_event(ENDING_NOT_READY, false, wanted, TABLE_OVER_RETRY), TABLE_OVER_RETRY);
        assert_int_equal(ending_event(ENDING_RESTART, false, wanted, TABLE_OVER_RETRY), TABLE_OVER_AGAIN);
        enum table_event expected = wanted ? TABLE_OVER_AGAIN : TABLE_OVER_DOWN;
        assert_int_equal(ending_event(ENDING_STOP, false, wanted, TABLE_OVER_RETRY), expected);
        assert_int_equal(ending_event(ENDING_UNWANTED, false, wanted, TABLE_OVER_RETRY), expected);
    }
    assert_null(ending_text(ENDING_ITSELF, "x"));
    assert_null(ending_text(ENDING_NOT_READY, "x"));
    assert_string_equal(ending_text(ENDING_STOP, "by hand"), "by hand");
    assert_non_null(ending_text(ENDING_STOP, NULL));
}

static void test_dependencies(void **state)
{
    (void)state;
    static const enum dependency expected[TARGET_STATES][2] = {
        [TARGET_DOWN] = {DEPENDENCY_WAIT, DEPENDENCY_FAILED},
        [TARGET_STARTING] = {DEPENDENCY_WAIT, DEPENDENCY_WAIT},
        [TARGET_READY] = {DEPENDENCY_READY, DEPENDENCY_READY},
        [TARGET_STOPPING] = {DEPENDENCY_WAIT, DEPENDENCY_WAIT},
        [TARGET_BACKOFF] = {DEPENDENCY_FAILED, DEPENDENCY_FAILED},
        [TARGET_ENDED] = {DEPENDENCY_READY, DEPENDENCY_READY},
        [TARGET_FAILED] = {DEPENDENCY_FAILED, DEPENDENCY_FAILED},
    };
    for (int target = 0; target < TARGET_STATES; target++)
        for (int stopped = 0; stopped < 2; stopped++)
            assert_int_equal(dependency_judge((enum target_state)target, stopped), expected[target][stopped]);
}

/* "W" wait, "D" done, "F" failed; for the same run as when it was asked, and for a later one. */
static void test_when_a_verb_is_done(void **state)
{
    (void)state;
    static const char *const expected[3][TARGET_STATES] = {
        [TARGETS_START] = {[TARGET_DOWN] = "FF",
                           [TARGET_STARTING] = "WW",
                           [TARGET_READY] = "DD",
                           [TARGET_STOPPING] = "WW",
                           [TARGET_BACKOFF] = "FF",
                           [TARGET_ENDED] = "FD",
                           [TARGET_FAILED] = "FF"},
        [TARGETS_STOP] = {[TARGET_DOWN] = "DD",
                          [TARGET_STARTING] = "WW",
                          [TARGET_READY] = "WW",
                          [TARGET_STOPPING] = "WW",
                          [TARGET_BACKOFF] = "WW",
                          [TARGET_ENDED] = "DD",
                          [TARGET_FAILED] = "DD"},
        [TARGETS_RESTART] = {[TARGET_DOWN] = "FF",
                             [TARGET_STARTING] = "WW",
                             [TARGET_READY] = "WD",
                             [TARGET_STOPPING] = "WW",
                             [TARGET_BACKOFF] = "FF",
                             [TARGET_ENDED] = "FD",
                             [TARGET_FAILED] = "FF"},
    };
    static const char letters[] = {[VERBS_WAIT] = 'W', [VERBS_DONE] = 'D', [VERBS_FAILED] = 'F'};
    for (int verb = 0; verb < 3; verb++)
        for (int target = 0; target < TARGET_STATES; target++)
            for (unsigned later = 0; later < 2; later++) {
                struct target_row row = {.state = (enum target_state)target,
                                         .generation = 4 + later,
                                         .wanted = verb != TARGETS_STOP};
                char found = letters[verbs_judge((enum targets_verb)verb, 4, &row)];
                if (found != expected[verb][target][later])
                    fail_msg("verb %d in %s: %c", verb, target_state_name(row.state), found);
            }
    struct target_row row = {.state = TARGET_STARTING, .wanted = true};
    assert_int_equal(verbs_judge(TARGETS_STOP, 4, &row), VERBS_FAILED); /* started again by somebody else */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_as_one_says_them),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_a_text_that_was_cut_is_still_utf8),
        cmocka_unit_test(test_why_a_run_ends),
        cmocka_unit_test(test_what_follows_an_end),
        cmocka_unit_test(test_dependencies),
        cmocka_unit_test(test_when_a_verb_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
