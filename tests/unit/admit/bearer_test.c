#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/bearer.h"

static void test_tokens(void **state)
{
    (void)state;
    const char *fine[] = {"Bearer reeve_aZ09-_", "bearer reeve_x", "BEARER   reeve_x", "Bearer reeve_x "};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (!slice_starts_with(bearer_token(slice_of_text(fine[i])), SLICE("reeve_")))
            fail_msg("%s", fine[i]);
    const char *others[] = {"",
                            "Bearer",
                            "Bearer ",
                            "Bearer reeve_",
                            "reeve_x",
                            "Bearerreeve_x",
                            "Basic reeve_x",
                            "Bearer eyJhbGciOi",
                            "Bearer Reeve_x",
                            "Bearer reeve_x y",
                            "Bearer reeve_x,",
                            "Bearer reeve_x.y",
                            "Bearer \"reeve_x\"",
                            "Token reeve_x",
                            " Bearer reeve_x"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bearer_token(slice_of_text(others[i])).data)
            fail_msg("%s", others[i]);
}

static void test_too_long(void **state)
{
    (void)state;
    char text[BEARER_MOST + 32] = "Bearer reeve_";
    memset(text + 13, 'x', BEARER_MOST - 6);
    assert_int_equal(bearer_token(slice_of_text(text)).size, BEARER_MOST);
    text[13 + BEARER_MOST - 6] = 'x';
    assert_null(bearer_token(slice_of_text(text)).data);
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(bearer_length(SLICE("reeve_abc&x=1")), 9);
    assert_int_equal(bearer_length(SLICE("reeve_")), 0);
    assert_int_equal(bearer_length(SLICE("Reeve_abc")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
