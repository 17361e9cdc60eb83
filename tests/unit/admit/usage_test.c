#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "admit/usage.h"

static void test_once_in_an_interval(void **state)
{
    (void)state;
    struct usage *usage = usage_new();
    assert_true(usage_is_due(usage, "s1", 60000, 5));
    assert_false(usage_is_due(usage, "s1", 60000, 60004));
    assert_true(usage_is_due(usage, "s1", 60000, 60005));
    assert_false(usage_is_due(usage, "s1", 60000, 60006));
    usage_free(&usage);
}

static void test_however_many_there_are(void **state)
{
    (void)state;
    struct usage *usage = usage_new();
    unsigned due = 0;
    for (int i = 0; i < 3 * USAGE_PLACES; i++) {
        char id[32];
        snprintf(id, sizeof id, "session-%d", i);
        due += usage_is_due(usage, id, 60000, 100);
    }
    assert_true(due > USAGE_PLACES / 2);
    assert_true(due <= USAGE_PLACES);
    usage_free(&usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_in_an_interval),
        cmocka_unit_test(test_however_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
