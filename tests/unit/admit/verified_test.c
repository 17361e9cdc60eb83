#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "admit/verified.h"

static const struct principal ann = {.kind = PRINCIPAL_SESSION, .user = "ann", .credential = "s1"};
static const struct principal bob = {.kind = PRINCIPAL_SESSION, .user = "bob", .credential = "s2"};

static void test_find(void **state)
{
    (void)state;
    struct verified *verified = verified_new();
    assert_null(verified_find(verified, SLICE("secret")));
    verified_keep(verified, SLICE("secret"), &ann);
    assert_string_equal(verified_find(verified, SLICE("secret"))->user, "ann");
    assert_null(verified_find(verified, SLICE("secreT")));
    assert_null(verified_find(verified, SLICE("xsecret")));
    assert_null(verified_find(verified, SLICE("")));
    verified_keep(verified, SLICE("secret"), &bob);
    assert_string_equal(verified_find(verified, SLICE("secret"))->user, "bob");
    verified_clear(verified);
    assert_null(verified_find(verified, SLICE("secret")));
    verified_free(&verified);
}

/* The same end, so the same place: the newer one takes it, and is never taken for the other. */
static void test_one_place(void **state)
{
    (void)state;
    struct verified *verified = verified_new();
    verified_keep(verified, SLICE("1-the-same-last-bytes"), &ann);
    assert_null(verified_find(verified, SLICE("2-the-same-last-bytes")));
    verified_keep(verified, SLICE("2-the-same-last-bytes"), &bob);
    assert_string_equal(verified_find(verified, SLICE("2-the-same-last-bytes"))->user, "bob");
    assert_null(verified_find(verified, SLICE("1-the-same-last-bytes")));
    verified_free(&verified);
}

static void test_many(void **state)
{
    (void)state;
    struct verified *verified = verified_new();
    for (int i = 0; i < 5000; i++) {
        char secret[32];
        snprintf(secret, sizeof secret, "secret-%d", i);
        verified_keep(verified, slice_of_text(secret), &ann);
        assert_non_null(verified_find(verified, slice_of_text(secret)));
    }
    verified_free(&verified);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
