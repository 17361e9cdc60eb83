#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slice.h"

static void test_next_gives_every_piece_and_ends(void **state)
{
    (void)state;
    struct slice rest = SLICE("a,,b"), piece;
    assert_true(slice_next(&rest, ',', &piece));
    assert_true(slice_equal(piece, SLICE("a")));
    assert_true(slice_next(&rest, ',', &piece));
    assert_int_equal(piece.size, 0);
    assert_true(slice_next(&rest, ',', &piece));
    assert_true(slice_equal(piece, SLICE("b")));
    assert_false(slice_next(&rest, ',', &piece));
}

static void test_to_u64_refuses_signs_and_overflow(void **state)
{
    (void)state;
    uint64_t number = 0;
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &number));
    assert_true(number == UINT64_MAX);
    assert_false(slice_to_u64(SLICE("18446744073709551616"), &number));
    assert_false(slice_to_u64(SLICE("+1"), &number));
    assert_false(slice_to_u64(SLICE(""), &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_gives_every_piece_and_ends),
        cmocka_unit_test(test_to_u64_refuses_signs_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
