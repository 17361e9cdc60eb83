#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/form.h"

static void check(const char *form, const char *name, const char *wanted)
{
    char memory[256];
    struct slice value;
    bool fine = form_value(slice_of_text(form), slice_of_text(name), memory, &value);
    if (!fine || !slice_equal(value, slice_of_text(wanted)) || (wanted && !value.data))
        fail_msg("%s of %s -> " SLICE_FORMAT, name, form, SLICE_ARGUMENTS(value));
}

static void test_values(void **state)
{
    (void)state;
    check("user=ann&password=x", "user", "ann");
    check("user=ann&password=x", "password", "x");
    check("user=ann&password=", "password", "");
    check("user=ann&password", "password", "");
    check("user=ann", "password", NULL);
    check("", "user", NULL);
    check("&&user=a+b%2B%26%3d&", "user", "a b+&=");
    check("%75ser=ann", "user", "ann");
    check("user2=x&auser=y", "user", NULL);
    check("user=a=b", "user", "a=b");
    check("next=%2Fx%3Fy%3D1", "next", "/x?y=1");
    check("other=%zz&user=ann", "user", "ann");
    check("%zz=1&user=ann", "user", "ann");
}

static void test_malformed(void **state)
{
    (void)state;
    const char *forms[] = {"user=%", "user=%4", "user=%zz", "user=a&user=b", "user=a&%75ser=b"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char memory[64];
        struct slice value;
        if (form_value(slice_of_text(forms[i]), SLICE("user"), memory, &value))
            fail_msg("accepted: %s", forms[i]);
    }
}

static void test_no_form(void **state)
{
    (void)state;
    struct slice value;
    assert_true(form_value((struct slice){0}, SLICE("user"), NULL, &value));
    assert_null(value.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_no_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
