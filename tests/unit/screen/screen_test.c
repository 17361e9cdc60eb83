#include "../support.h"

#include "screen_support.h"

/* What is fed, and the rows that are seen then. */
static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"hello\r\nworld", "hello\nworld\n"},
        {"abc\rX", "Xbc\n"},
        {"abc\b\bX", "aXc\n"},
        {"0123456789ab", "0123456789\nab\n"},
        {"012345678\xe4\xb8\x96", "012345678\n世\n"},
        {"\xe4\xb8\x96\bX", " X\n"},
        {"e\xcc\x81x", "e\xcc\x81x\n"},
        {"a\tb", "a       b\n"},
        {"1\r\n2\r\n3\r\n4\r\n5\r\n6", "3\n4\n5\n6\n"},
        {"\x1b[2;3Hx\x1b[Hy", "y\n  x\n"},
        {"one\x1b[?1049htwo", "   two\n"},
        {"one\x1b[?1049htwo\x1b[?1049l", "one\n"},
        {"abc\x1b[2D\x1b[K", "a\n"},
        {"abc\x1b[2D\x1b[1K", "  c\n"},
        {"abc\x1b[2J", ""},
        {"abc\x1b[3D\x1b[2@X", "X abc\n"},
        {"abc\x1b[3D\x1b[P", "bc\n"},
        {"a\x1b[3b", "aaaa\n"},
        {"\x1b(0qx\x1b(Bqx", "─│qx\n"},
        {"\x1b)0q\x0eq\x0fq", "q─q\n"},
        {"1\r\n2\r\n3\x1b[2;3r\x1b[3H\n4", "1\n3\n4\n"},
        {"\x1b]2;title\x07ok", "ok\n"},
        {"\x1bPq#1;2\x1b\\ok", "ok\n"},
        {"a\x1b_app\x1b\\b", "ab\n"},
        {"\xff\xc3(\xe4\xb8", "(\n"},
        {"\x1b[4hab\x1b[2DX", "Xab\n"},
        {"\x1b[?7l0123456789abc", "012345678c\n"},
        {"x\x1b[31", "x\n"},
        {"\x1b#8", "EEEEEEEEEE\nEEEEEEEEEE\nEEEEEEEEEE\nEEEEEEEEEE\n"},
        {"ab\x1b"
         "c",
         ""},
        {"\xe4\xb8\x96y\rX", "X y\n"}, /* the other half is a blank */
        {"one\x1b[?1049h\x1b[3;3H\x1b[?1049lX", "oneX\n"},
        {"0123456789\nX", "0123456789\n         X\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen *screen = screen_of(10, 4, cases[i].bytes);
        char *text = text_of(screen);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, text, cases[i].text);
        free(text);
        screen_free(&screen);
    }
}

/* A snapshot of a screen that was made by a snapshot is the same snapshot. */
static void test_snapshot_again(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "",
        "hello\r\nworld\x1b[1;31mred",
        "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7",
        "0123456789abcdef",
        "0123456789",
        "one\x1b[?1049h\x1b[2;2Htwo\x1b[5m",
        "\x1b[2;3r\x1b[?6h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[4 q\x1b=x",
        "\x1b[44m\x1b[2J\x1b[Hblue\x1b[m\x1b[3g\x1b[5G\x1bH\0337\x1b[9G",
        "e\xcc\x81\xe4\xb8\x96\xf0\x9f\x98\x80\x1b]2;t\xc3\xaftle\x07",
        "\x1b(0\x1b)A\x0exyz\x1b[4hlmn",
        "012345678\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\r\n\n\n\n\n",
    };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct screen *screen = screen_of(10, 4, inputs[i]);
        char *first = snapshot_of(screen);
        struct screen *copy = screen_of(10, 4, first);
        char *second = snapshot_of(copy);
        if (strcmp(first, second) != 0)
            fail_msg("input %zu", i);
        free(first);
        free(second);
        screen_free(&screen);
        screen_free(&copy);
    }
}

/* Two ways to the same screen. */
static void test_same_screens(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"\x1b[1;31m\x1b[!px", "x"},
        {"\x1b[44mx\x1b[2K\x1b[m\x1b[2K\ry", "y"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct screen *one = screen_of(10, 4, pairs[i][0]), *other = screen_of(10, 4, pairs[i][1]);
        char *texts[] = {snapshot_of(one), snapshot_of(other)};
        if (strcmp(texts[0], texts[1]) != 0)
            fail_msg("pair %zu: %s, not %s", i, texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
        screen_free(&one);
        screen_free(&other);
    }
}

static void test_scrollback(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER(1 << 20);
    for (int i = 0; i < 500; i++)
        buffer_append_format(&bytes, "line %d\r\n", i);
    struct screen *screen = screen_of_slice(20, 5, buffer_slice(&bytes));
    char *snapshot = snapshot_of(screen);
    assert_null(strstr(snapshot, "line 395\r\n")); /* 496 lines went up, 100 are kept */
    assert_non_null(strstr(snapshot, "line 396\r\n"));
    assert_non_null(strstr(snapshot, "line 499\r\n"));
    free(snapshot);
    screen_feed(screen, SLICE("\x1b[3J"));
    snapshot = snapshot_of(screen);
    assert_null(strstr(snapshot, "line 495\r\n"));
    free(snapshot);
    buffer_free(&bytes);
    screen_free(&screen);
}

/* Too little room: oldest lines are left out; too little for the screen: nothing. */
static void test_snapshot_room(void **state)
{
    (void)state;
    struct screen *screen = screen_of(20, 5, "");
    for (int i = 0; i < 50; i++)
        screen_feed(screen, SLICE("some text\r\n"));
    struct buffer all = BUFFER(1 << 20), some = BUFFER(800), none = BUFFER(100);
    assert_true(screen_snapshot(screen, &all));
    assert_true(screen_snapshot(screen, &some));
    assert_true(buffer_size(&some) < buffer_size(&all));
    assert_false(screen_snapshot(screen, &none));
    assert_int_equal(buffer_size(&none), 0);
    buffer_free(&all);
    buffer_free(&some);
    buffer_free(&none);
    screen_free(&screen);
}

static void test_resize(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int columns, rows;
        const char *text;
    } cases[] = {
        {"0123456789abc\r\n$ ", 20, 4, "0123456789abc\n$\n"},
        {"0123456789abc\r\n$ ", 5, 4, "01234\n56789\nabc\n$\n"},
        {"1\r\n2\r\n3\r\n4\r\n5", 10, 2, "4\n5\n"},
        {"1\r\n2\r\n3\r\n4\r\n5", 10, 8, "1\n2\n3\n4\n5\n"},
        {"1\r\n2\x1b[H", 10, 1, "1\n"},
        {"\x1b[?1049h1\r\n2\r\n3", 2, 2, "2\n3\n"},
        {"\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\r\n$", 3, 4, "世\n世\n世\n$\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct screen *screen = screen_of(10, 4, cases[i].bytes);
        screen_resize(screen, cases[i].columns, cases[i].rows);
        assert_int_equal(screen_columns(screen), cases[i].columns);
        assert_int_equal(screen_rows(screen), cases[i].rows);
        char *text = text_of(screen);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, text, cases[i].text);
        free(text);
        screen_free(&screen);
    }
}

/* Twelve bytes may ask for half a million characters: what one feed repeats has an end, and the next begins
 * anew. */
static void test_repeats_have_an_end(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER(4096);
    for (int i = 0; i < 9; i++)
        buffer_append_text(&bytes, "\x1b[Hx\x1b[999999999b\x1b[H\x1b[J");
    buffer_append_text(&bytes, "\x1b[Hx\x1b[5b");
    struct screen *screen = screen_of(1000, 500, "");
    screen_feed(screen, buffer_slice(&bytes));
    char *text = text_of(screen);
    assert_string_equal(text, "x\n");
    free(text);
    screen_feed(screen, SLICE("y\x1b[3b"));
    text = text_of(screen);
    assert_string_equal(text, "xyyyy\n");
    free(text);
    screen_free(&screen);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_repeats_have_an_end),
        cmocka_unit_test(test_same_screens), cmocka_unit_test(test_snapshot_again),
        cmocka_unit_test(test_scrollback),   cmocka_unit_test(test_snapshot_room),
        cmocka_unit_test(test_resize),
    };
    return run_group(tests);
}
