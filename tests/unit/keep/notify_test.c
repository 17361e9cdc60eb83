#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "keep/notify.h"

static void test_half_of_the_watchdogs_time(void **state)
{
    (void)state;
    assert_int_equal(notify_watchdog_interval("30000000", NULL, 7), 15000);
    assert_int_equal(notify_watchdog_interval("30000000", "7", 7), 15000);
    assert_int_equal(notify_watchdog_interval("30000000", "8", 7), 0);
    assert_int_equal(notify_watchdog_interval("30000000", "x", 7), 0);
    assert_int_equal(notify_watchdog_interval(NULL, NULL, 7), 0);
    assert_int_equal(notify_watchdog_interval("", NULL, 7), 0);
    assert_int_equal(notify_watchdog_interval("-1", NULL, 7), 0);
    assert_int_equal(notify_watchdog_interval("18446744073709551615", NULL, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_of_the_watchdogs_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
