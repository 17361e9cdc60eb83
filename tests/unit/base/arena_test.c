#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static void test_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena = ARENA(64 * 1024);
    char *earlier = NULL;
    for (size_t size = 1; size < 200; size++) {
        char *memory = arena_new(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0x5a, size);
        if (earlier)
            assert_int_equal(earlier[size - 2], 0x5a);
        earlier = memory;
    }
    arena_free(&arena);
}

static void test_larger_than_a_block_is_served(void **state)
{
    (void)state;
    struct arena arena = ARENA(100000);
    char *memory = arena_new(&arena, 50000);
    assert_non_null(memory);
    memory[49999] = 1;
    assert_non_null(arena_new(&arena, 10));
    arena_free(&arena);
}

static void test_the_cap_holds_and_free_gives_everything_back(void **state)
{
    (void)state;
    struct arena arena = ARENA(8192);
    assert_null(arena_new(&arena, SIZE_MAX));
    assert_null(arena_new(&arena, 8193));
    size_t served = 0;
    while (arena_new(&arena, 100))
        served++;
    assert_in_range(served, 50, 81);
    assert_true(arena.used <= 8192);
    arena_free(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_new(&arena, 100));
    arena_free(&arena);
}

static void test_copies_end_with_a_nul(void **state)
{
    (void)state;
    struct arena arena = ARENA(4096);
    struct slice copy = arena_copy(&arena, slice_between(SLICE("copied bytes"), 0, 6));
    assert_int_equal(copy.size, 6);
    assert_string_equal(copy.data, "copied");
    struct slice empty = arena_copy(&arena, (struct slice){0});
    assert_int_equal(empty.size, 0);
    assert_string_equal(empty.data, "");
    struct slice formatted = arena_format(&arena, "%s=%d", "n", 42);
    assert_int_equal(formatted.size, 4);
    assert_string_equal(formatted.data, "n=42");
    assert_null(arena_format(&arena, "%5000d", 1).data);
    const struct slice parts[] = {SLICE("one"), {0}, SLICE(" "), SLICE("two")};
    struct slice joined = arena_join(&arena, parts, 4);
    assert_int_equal(joined.size, 7);
    assert_string_equal(joined.data, "one two");
    assert_string_equal(arena_join(&arena, parts, 0).data, "");
    assert_null(arena_join(&arena, &(struct slice){joined.data, 5000}, 1).data);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(test_larger_than_a_block_is_served),
        cmocka_unit_test(test_the_cap_holds_and_free_gives_everything_back),
        cmocka_unit_test(test_copies_end_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
