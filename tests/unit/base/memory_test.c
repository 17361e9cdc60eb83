#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void test_new_memory_is_zeroed(void **state)
{
    (void)state;
    unsigned *numbers = MEMORY_ARRAY(unsigned, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(numbers[i], 0);
    free(numbers);
    void *nothing = memory_new(0);
    assert_non_null(nothing);
    free(nothing);
}

static void test_resize_keeps_what_was_there(void **state)
{
    (void)state;
    char *memory = memory_resize(NULL, 4);
    memcpy(memory, "abcd", 4);
    memory = memory_resize(memory, 100000);
    assert_memory_equal(memory, "abcd", 4);
    free(memory);
}

static void test_copies_are_the_callers(void **state)
{
    (void)state;
    char *text = memory_text("text"), *part = memory_text_of("partial", 4),
         *made = memory_format("%d-%s", 7, "x");
    char *bytes = memory_copy("a\0b", 3);
    assert_string_equal(text, "text");
    assert_string_equal(part, "part");
    assert_string_equal(made, "7-x");
    assert_memory_equal(bytes, "a\0b", 3);
    assert_null(memory_text(NULL));
    free(text);
    free(part);
    free(made);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_memory_is_zeroed),
        cmocka_unit_test(test_resize_keeps_what_was_there),
        cmocka_unit_test(test_copies_are_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
