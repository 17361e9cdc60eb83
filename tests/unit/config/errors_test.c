#include "world.h"

#include "config/errors.h"

static void test_order_and_cap(void **state)
{
    (void)state;
    struct config_errors errors = {0};
    for (int i = 600; i > 0; i--)
        errors_add(&errors, ((struct config_place){.file = "f", .line = i, .column = 2}), "e%d", i);
    errors_add(&errors, ((struct config_place){.file = "f", .line = 1, .column = 1}), "dropped");
    assert_int_equal(errors.count, 500);
    assert_int_equal(errors.dropped, 101);
    errors_sort(&errors);
    assert_string_equal(errors.items[0].text, "e101");
    char *text = config_errors_text(&errors);
    assert_non_null(strstr(text, "f:120:2: e120\nand 581 more\n"));
    struct error error = {0};
    config_errors_first(&errors, &error);
    assert_string_equal(error.text, "f:101:2: e101 (and 600 more)");
    free(text);
    config_errors_free(&errors);
}

static void test_order_is_stable(void **state)
{
    (void)state;
    struct config_errors errors = {0};
    errors_add(&errors, ((struct config_place){.file = "b", .line = 1, .column = 1}), "3");
    errors_add(&errors, ((struct config_place){.file = "a", .line = 2, .column = 1}), "1");
    errors_add(&errors, ((struct config_place){.file = "a", .line = 2, .column = 1}), "2");
    errors_add(&errors, ((struct config_place){.file = "a"}), "0");
    errors_sort(&errors);
    char *text = config_errors_text(&errors);
    assert_string_equal(text, "a: 0\na:2:1: 1\na:2:1: 2\nb:1:1: 3\n");
    free(text);
    config_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_cap),
        cmocka_unit_test(test_order_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
