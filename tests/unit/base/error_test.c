#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void test_set_replaces_and_prefix_puts_in_front(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(error_set(&error, "first"));
    assert_false(error_set(&error, "%s:%d: unknown key", "reeve.yaml", 3));
    assert_string_equal(error.text, "reeve.yaml:3: unknown key");
    assert_false(error_prefix(&error, "include %s", "a"));
    assert_string_equal(error.text, "include a: reeve.yaml:3: unknown key");
}

static void test_nobody_has_to_ask(void **state)
{
    (void)state;
    assert_false(error_set(NULL, "x"));
    assert_false(error_prefix(NULL, "x"));
}

static void test_what_is_too_long_is_cut_at_the_end(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, "%*d", 2 * ERROR_TEXT_SIZE, 1);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
    error_set(&error, "cause");
    error_prefix(&error, "%*d", 2 * ERROR_TEXT_SIZE, 1);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_replaces_and_prefix_puts_in_front),
        cmocka_unit_test(test_nobody_has_to_ask),
        cmocka_unit_test(test_what_is_too_long_is_cut_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
