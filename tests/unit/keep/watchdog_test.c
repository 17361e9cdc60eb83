#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "keep/watchdog.h"

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        struct watchdog_view view;
        enum watchdog_verdict verdict;
        const char *text;
    } rows[] = {
        {{2000, 'T'}, WATCHDOG_WAIT, "has not answered for 2.0 s (stopped)"},
        {{6000, 'T'}, WATCHDOG_GIVE_UP, "has not answered for 6.0 s (stopped)"},
        {{29999, 'S'}, WATCHDOG_WAIT, "has not answered for 30.0 s (asleep)"},
        {{30000, 'S'}, WATCHDOG_GIVE_UP, "has not answered for 30.0 s (asleep)"},
        {{30000, 'R'}, WATCHDOG_GIVE_UP, "has not answered for 30.0 s (running)"},
        {{30000, '?'}, WATCHDOG_GIVE_UP, "has not answered for 30.0 s (unknown)"},
        {{86400000, 'D'}, WATCHDOG_WAIT, "has not answered for 86400.0 s (waits for a disk)"},
        {{86400000, 't'}, WATCHDOG_WAIT, "has not answered for 86400.0 s (traced)"},
        {{86400000, 'Z'}, WATCHDOG_WAIT, "has not answered for 86400.0 s (has ended)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        assert_int_equal(watchdog_judge(&rows[i].view), rows[i].verdict);
        watchdog_text(&rows[i].view, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
