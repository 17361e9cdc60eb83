#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static void test_wall_time_is_written_as_rfc_3339(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_format(1795407000123, text), "2026-11-23T04:10:00.123Z");
    assert_string_equal(clock_format(951782399007, text), "2000-02-28T23:59:59.007Z");
    assert_string_equal(clock_format(253402300799999, text), "9999-12-31T23:59:59.999Z");
}

static void test_what_was_written_is_read_again(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1795407000123, 951782399007, 253402300799999};
    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_true(clock_read(clock_format(times[i], text)) == times[i]);
    static const char *const none[] = {NULL,
                                       "",
                                       "never",
                                       "2026-11-23",
                                       "2026-11-23T04:10:00Z",
                                       "2026-11-23T04:10:00.123",
                                       "2026-11-23T04:10:00.123Zx"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_true(clock_read(none[i]) == -1);
}

static void test_the_system_clocks_move_forward(void **state)
{
    (void)state;
    int64_t monotonic = clock_system.monotonic_us(&clock_system);
    int64_t boottime = clock_system.boottime_ms(&clock_system);
    assert_true(clock_system.monotonic_us(&clock_system) >= monotonic);
    assert_true(clock_system.boottime_ms(&clock_system) >= boottime);
    assert_true(boottime >= monotonic / 1000 - 1); /* it counts the time asleep as well */
    assert_true(clock_system.wall_ms(&clock_system) > 1577836800000 /* 2020 */);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_time_is_written_as_rfc_3339),
        cmocka_unit_test(test_what_was_written_is_read_again),
        cmocka_unit_test(test_the_system_clocks_move_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
