/* When a client is asked, and when it is gone. */
#include "../support.h"

#include "route/pulse.h"

enum { EVERY = 1000 };

static void test_life(void **state)
{
    (void)state;
    struct pulse pulse = {.heard_us = 5000};
    assert_int_equal(pulse_check(&pulse, 5999, EVERY, false), PULSE_FINE);
    assert_int_equal(pulse_check(&pulse, 6000, EVERY, true), PULSE_FINE); /* what is on its way says enough */
    assert_int_equal(pulse_check(&pulse, 6000, EVERY, false), PULSE_PING);
    pulse_pinged(&pulse, 6000);
    assert_int_equal(pulse_check(&pulse, 6999, EVERY, false), PULSE_FINE);
    assert_int_equal(pulse_check(&pulse, 7000, EVERY, true), PULSE_FINE);
    assert_int_equal(pulse_check(&pulse, 7000, EVERY, false), PULSE_GONE);
    pulse.heard_us = 7000; /* anything counts, not only the pong */
    assert_int_equal(pulse_check(&pulse, 7999, EVERY, false), PULSE_FINE);
    assert_int_equal(pulse_check(&pulse, 8000, EVERY, false), PULSE_PING);
}

static void test_suspects(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    assert_false(pulse_suspect(&pulse, 1, true, 5000, EVERY));
    assert_false(pulse_suspect(&pulse, 1, true, 5999, EVERY));
    assert_false(pulse_suspect(&pulse, 0, true, 5999, EVERY)); /* each side by itself */
    assert_false(pulse_suspect(&pulse, 1, false, 6000, EVERY));
    assert_false(pulse_suspect(&pulse, 1, true, 6500, EVERY));
    assert_true(pulse_suspect(&pulse, 1, true, 7500, EVERY));
    assert_true(pulse_suspect(&pulse, 0, true, 7500, EVERY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life), cmocka_unit_test(test_suspects)};
    return run_group(tests);
}
