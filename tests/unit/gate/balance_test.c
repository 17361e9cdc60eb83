#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate/balance.h"

enum { NOW = 100000, FRESH = NOW - 900, STALE = NOW - BALANCE_TICK_STALE_MS - 1 };

struct row {
    const char *what;
    struct balance_gate gates[4];
    size_t count;
    bool over;
};

static const struct row rows[] = {
    {"a lone gate never pauses", {{5000, FRESH}}, 1, false},
    {"nobody has anything", {{0, FRESH}, {0, FRESH}}, 2, false},
    {"few connections are nobody's worry", {{8, FRESH}, {0, FRESH}}, 2, false},
    {"just above the margin", {{9, FRESH}, {0, FRESH}}, 2, true},
    {"mean 1000: up to 1129", {{1129, FRESH}, {871, FRESH}}, 2, false},
    {"mean 1000: 1130 is over", {{1130, FRESH}, {870, FRESH}}, 2, true},
    {"below the mean", {{10, FRESH}, {500, FRESH}, {500, FRESH}}, 3, false},
    {"a dead gate does not count", {{500, FRESH}, {0, STALE}}, 2, false},
    {"a draining gate does not count", {{500, FRESH}, {0, FRESH, true}}, 2, false},
    {"a dead gate's connections do not count", {{30, FRESH}, {900, STALE}, {10, FRESH}}, 3, true},
    {"its own tick does not matter", {{30, STALE}, {0, FRESH}}, 2, true},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (balance_is_over(rows[i].gates, rows[i].count, 0, NOW) != rows[i].over)
            fail_msg("%s", rows[i].what);
}

static void test_two_gates_that_take_turns_stay_close(void **state)
{
    (void)state;
    struct balance_gate gates[2] = {{0, FRESH}, {0, FRESH}};
    for (int i = 0; i < 2000; i++) /* the kernel offers every connection to gate 0 first */
        gates[balance_is_over(gates, 2, 0, NOW) ? 1 : 0].open++;
    assert_in_range(gates[0].open, 1000, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_two_gates_that_take_turns_stay_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
