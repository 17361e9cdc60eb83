#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"

static void test_appends_at_the_end_and_consumes_at_the_front(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER(100);
    assert_true(buffer_append_text(&buffer, "hello "));
    assert_true(buffer_append_format(&buffer, "%s %d", "world", 7));
    buffer_consume(&buffer, 6);
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("world 7")));
    assert_int_equal(buffer_size(&buffer), 7);
    assert_int_equal(buffer_room(&buffer), 93);
    buffer_consume(&buffer, 7);
    assert_int_equal(buffer_size(&buffer), 0);
    buffer_free(&buffer);
}

static void test_an_empty_buffer_owns_nothing(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER(10);
    assert_int_equal(buffer_slice(&buffer).size, 0);
    assert_true(buffer_append(&buffer, (struct slice){0}));
    assert_null(buffer.data);
    buffer_free(&buffer);
}

static void test_the_limit_is_exact_and_nothing_is_appended_beyond_it(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER(5);
    assert_true(buffer_append_text(&buffer, "12345"));
    assert_false(buffer_append_text(&buffer, "6"));
    assert_false(buffer_append_format(&buffer, "%d", 6));
    assert_null(buffer_reserve(&buffer, 1));
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("12345")));
    buffer_consume(&buffer, 2);
    assert_false(buffer_append_text(&buffer, "678"));
    assert_true(buffer_append_text(&buffer, "67"));
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("34567")));
    buffer_free(&buffer);
}

/* A queue that moves on and on inside a small limit keeps its order and its memory. */
static void test_bytes_stay_in_order_over_many_turns(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER(1000);
    unsigned char next_in = 0, next_out = 0;
    for (size_t turn = 0; turn < 2000; turn++) {
        size_t added = turn * 7 % 300;
        added = added < buffer_room(&buffer) ? added : buffer_room(&buffer);
        char *place = buffer_reserve(&buffer, added);
        for (size_t i = 0; i < added; i++)
            place[i] = (char)next_in++;
        buffer_added(&buffer, added);
        size_t taken = buffer_size(&buffer) * (turn % 4) / 3;
        for (size_t i = 0; i < taken; i++)
            assert_int_equal((unsigned char)buffer_slice(&buffer).data[i], next_out++);
        buffer_consume(&buffer, taken);
    }
    assert_true(buffer.capacity <= 1000);
    buffer_free(&buffer);
}

static void test_clear_and_free_leave_a_buffer_to_use_again(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER(8);
    buffer_append_text(&buffer, "abc");
    buffer_clear(&buffer);
    assert_int_equal(buffer_size(&buffer), 0);
    assert_true(buffer_append_text(&buffer, "12345678"));
    buffer_free(&buffer);
    assert_int_equal(buffer_room(&buffer), 8);
    assert_true(buffer_append_text(&buffer, "x"));
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_at_the_end_and_consumes_at_the_front),
        cmocka_unit_test(test_an_empty_buffer_owns_nothing),
        cmocka_unit_test(test_the_limit_is_exact_and_nothing_is_appended_beyond_it),
        cmocka_unit_test(test_bytes_stay_in_order_over_many_turns),
        cmocka_unit_test(test_clear_and_free_leave_a_buffer_to_use_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
