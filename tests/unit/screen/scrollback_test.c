#include "../support.h"

#include "base/memory.h"
#include "screen/scrollback.h"

static void push(struct scrollback *scrollback, const char *text)
{
    scrollback_push(scrollback, slice_of_text(text));
}

/* All lines, joined by commas. */
static char *all(const struct scrollback *scrollback)
{
    struct scrollback_walk walk = {0};
    struct slice line;
    char *text = memory_text("");
    while (scrollback_next(scrollback, &walk, &line)) {
        char *more = memory_format("%s" SLICE_FORMAT ",", text, SLICE_ARGUMENTS(line));
        free(text);
        text = more;
    }
    return text;
}

static void assert_all(const struct scrollback *scrollback, const char *expected)
{
    char *text = all(scrollback);
    assert_string_equal(text, expected);
    free(text);
}

static void test_caps(void **state)
{
    (void)state;
    struct scrollback scrollback = {.most_lines = 3, .most_bytes = 60};
    static const char *const digits[] = {"1", "2", "3", "4"};
    for (size_t i = 0; i < 4; i++)
        push(&scrollback, digits[i]);
    assert_all(&scrollback, "2,3,4,");
    push(&scrollback, "a line of thirty characters ..");
    assert_all(&scrollback, "3,4,a line of thirty characters ..,");
    push(&scrollback, "another of twenty ..");
    assert_all(&scrollback, "another of twenty ..,");
    char *longest = memory_format("%60s", "x");
    push(&scrollback, longest); /* nothing is left of what lies above a line that is too long */
    assert_all(&scrollback, "");
    assert_int_equal(scrollback.bytes, 0);
    assert_null(scrollback.oldest);
    free(longest);
}

static void test_both_ends(void **state)
{
    (void)state;
    struct scrollback scrollback = {.most_lines = 1000, .most_bytes = 1 << 20};
    struct slice line;
    char text[1000];
    memset(text, 'x', sizeof text); /* several blocks */
    for (int i = 0; i < 200; i++)
        scrollback_push(&scrollback, slice_of(text, 500 + (size_t)i));
    for (int i = 199; i >= 100; i--) {
        assert_true(scrollback_pop(&scrollback, &line));
        assert_int_equal(line.size, 500 + i);
    }
    push(&scrollback, "new");
    assert_true(scrollback_pop(&scrollback, &line));
    assert_true(slice_equal(line, SLICE("new")));
    scrollback.most_lines = 10;
    scrollback_trim(&scrollback);
    assert_int_equal(scrollback.lines, 10);
    for (int i = 99; i >= 90; i--) {
        assert_true(scrollback_pop(&scrollback, &line));
        assert_int_equal(line.size, 500 + i);
    }
    assert_false(scrollback_pop(&scrollback, &line));
    scrollback_clear(&scrollback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_both_ends),
    };
    return run_group(tests);
}
