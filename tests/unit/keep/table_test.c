#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "keep/table.h"

/* The table a second time, as one reads it: a column per event in the order of the enum, "state/action", with
 * "." for "stays as it is". */
enum { EVENTS_PER_ROW = TABLE_EVENTS };

static const char *const actions[TABLE_ACTIONS] = {
    [TABLE_NOTHING] = "",      [TABLE_BEGIN] = "begin", [TABLE_LAUNCH] = "launch", [TABLE_WATCH] = "watch",
    [TABLE_OPEN] = "open",     [TABLE_END] = "end",     [TABLE_LEAVE] = "leave",   [TABLE_KILL] = "kill",
    [TABLE_SETTLE] = "settle", [TABLE_DEFER] = "defer",
};

struct expected {
    enum target_state state;
    const char *cells[EVENTS_PER_ROW];
};

static const struct expected table[TARGET_STATES] = {
    {TARGET_DOWN,
     {/* want, start, unwant, stop, restart, adopt */
      "starting/begin",
      "starting/begin",
      ".",
      ".",
      "starting/begin",
      "starting/watch",
      /* dependencies ready, failed */ ".",
      ".",
      /* executed, ready, not ready, ending, lost */ ".",
      ".",
      ".",
      ".",
      ".",
      /* over: again, down, retry, ended, failed */ ".",
      ".",
      ".",
      ".",
      ".",
      /* backoff due, lapsed */ ".",
      "."}},
    {TARGET_STARTING,
     {".",
      ".",
      "stopping/end",
      "stopping/end",
      "stopping/end",
      ".",
      "starting/launch",
      "backoff/defer",
      "starting/watch",
      "ready/open",
      "stopping/end",
      "stopping/leave",
      "stopping/kill",
      "starting/begin",
      "down/settle",
      "backoff/defer",
      "ended/settle",
      "failed/settle",
      ".",
      "."}},
    {TARGET_READY,
     {".",
      ".",
      ".",
      "stopping/end",
      "stopping/end",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      "stopping/leave",
      "stopping/kill",
      "starting/begin",
      "down/settle",
      "backoff/defer",
      "ended/settle",
      "failed/settle",
      ".",
      "."}},
    {TARGET_STOPPING,
     {".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      "stopping/kill",
      "starting/begin",
      "down/settle",
      "backoff/defer",
      "ended/settle",
      "failed/settle",
      ".",
      "."}},
    {TARGET_BACKOFF,
     {".",
      "starting/begin",
      ".",
      "down/settle",
      "starting/begin",
      ".",
      "starting/begin",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      ".",
      "starting/begin",
      "down/settle"}},
    {TARGET_ENDED,
     {".", ".", ".", ".", "starting/begin", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".",
      ".", ".", ".", "."}},
    {TARGET_FAILED,
     {".", ".", ".", ".", "starting/begin", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".", ".",
      ".", ".", ".", "."}},
};

static void test_every_cell(void **state)
{
    (void)state;
    for (int from = 0; from < TARGET_STATES; from++) {
        assert_int_equal(table[from].state, from);
        for (int event = 0; event < TABLE_EVENTS; event++) {
            struct table_cell cell = table_apply((enum target_state)from, (enum table_event)event);
            char text[64];
            snprintf(text, sizeof text, "%s/%s", target_state_name(cell.next), actions[cell.action]);
            if ((int)cell.next == from && cell.action == TABLE_NOTHING)
                snprintf(text, sizeof text, ".");
            const char *expected = table[from].cells[event];
            assert_non_null(expected);
            if (strcmp(text, expected) != 0)
                fail_msg("%s + %s: %s, expected %s", target_state_name((enum target_state)from),
                         table_event_name((enum table_event)event), text, expected);
        }
    }
}

/* What follows from the table as a whole, whoever edits a cell. */
static void test_rules_of_the_house(void **state)
{
    (void)state;
    for (int from = 0; from < TARGET_STATES; from++)
        for (int event = 0; event < TABLE_EVENTS; event++) {
            struct table_cell cell = table_apply((enum target_state)from, (enum table_event)event);
            bool same = (int)cell.next == from;
            assert_true(same || cell.action != TABLE_NOTHING);
            if (cell.next == TARGET_READY && !same)
                assert_true(from == TARGET_STARTING && event == TABLE_READY);
            if (cell.action == TABLE_LAUNCH)
                assert_true(from == TARGET_STARTING && event == TABLE_DEPENDENCIES_READY);
            if (cell.action == TABLE_DEFER)
                assert_int_equal(cell.next, TARGET_BACKOFF);
            if (from == TARGET_ENDED || from == TARGET_FAILED)
                assert_true(same || event == TABLE_RESTART);
        }
}

static void test_every_event_has_a_name(void **state)
{
    (void)state;
    for (int a = 0; a < TABLE_EVENTS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(table_event_name((enum table_event)a),
                                    table_event_name((enum table_event)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_rules_of_the_house),
        cmocka_unit_test(test_every_event_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
