#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/cookies.h"

static void test_which_are_ours(void **state)
{
    (void)state;
    struct slice own = SLICE("reeve-app");
    assert_true(cookies_is_own(SLICE("reeve-app"), own));
    assert_true(cookies_is_own(SLICE("__Host-reeve-app"), own));
    assert_false(cookies_is_own(SLICE("reeve-app2"), own));
    assert_false(cookies_is_own(SLICE("reeve-ap"), own));
    assert_false(cookies_is_own(SLICE("Reeve-app"), own));
    assert_false(cookies_is_own(SLICE("__host-reeve-app"), own));
    assert_false(cookies_is_own(SLICE(""), own));
    assert_true(cookies_counts(SLICE("__Host-reeve-app"), own, true));
    assert_false(cookies_counts(SLICE("reeve-app"), own, true)); /* a plain connection may have set it */
    assert_true(cookies_counts(SLICE("reeve-app"), own, false));
    assert_false(cookies_counts(SLICE("__Host-reeve-app"), own, false));
}

static void test_pairs(void **state)
{
    (void)state;
    struct slice rest = SLICE("a=1; b = two=2 ;c;;=x;d=\"q;\""), name, value;
    const char *pairs[][2] = {{"a", "1"}, {"b", "two=2"}, {"", "c"}, {"", ""},
                              {"", "x"},  {"d", "\"q"},   {"", "\""}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(cookies_next(&rest, &name, &value));
        assert_true(slice_equal(name, slice_of_text(pairs[i][0])));
        assert_true(slice_equal(value, slice_of_text(pairs[i][1])));
    }
    assert_false(cookies_next(&rest, &name, &value));
}

static const char *const taken_out[][2] = {
    {"a=1; b=2", "a=1; b=2"},
    {"a=1;b=2;", "a=1;b=2;"},
    {"reeve-app=x", ""},
    {"reeve-app=x; __Host-reeve-app=y", ""},
    {"a=1; reeve-app=x; b=2", "a=1; b=2"},
    {"reeve-app=x; b=2", "b=2"},
    {"a=1; reeve-app=x", "a=1"},
    {"a=1;reeve-app=x;b=2", "a=1;b=2"},
    {"a=\"x y\";  __Host-reeve-app=y;  b= 2 ", "a=\"x y\";  b= 2 "},
    {"reeve-app2=theirs; reeve-app=x", "reeve-app2=theirs"},
    {"reeve-other=theirs", "reeve-other=theirs"},
    {"reeve-app", "reeve-app"},
    {" reeve-app = x ;a=1", "a=1"},
    {"reeve-app=x;", ""},
    {"", ""},
};

static void test_taking_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken_out / sizeof *taken_out; i++) {
        struct arena arena = ARENA(4096);
        struct slice left = cookies_without(slice_of_text(taken_out[i][0]), SLICE("reeve-app"), &arena);
        if (!slice_equal(left, slice_of_text(taken_out[i][1])))
            fail_msg("%s -> " SLICE_FORMAT, taken_out[i][0], SLICE_ARGUMENTS(left));
        arena_free(&arena);
    }
}

/* Rather no cookie at all than ours. */
static void test_no_memory(void **state)
{
    (void)state;
    struct arena arena = ARENA(1);
    struct slice left = cookies_without(SLICE("a=1; reeve-app=x"), SLICE("reeve-app"), &arena);
    assert_int_equal(left.size, 0);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_are_ours),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_taking_out),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
