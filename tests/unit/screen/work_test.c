/* Few bytes that ask for much work: a feed takes no more of them than are done within moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "screen_support.h"

enum { FEED = 65536 };

static void keep_output(void *owner, struct slice bytes)
{
    struct buffer *output = owner;
    assert_true(buffer_append(output, bytes));
}

static struct screen *large(struct buffer *output)
{
    const struct screen_settings settings = {.columns = 1000,
                                             .rows = 500,
                                             .scrollback_lines = 100,
                                             .scrollback_bytes = 1 << 20,
                                             .on_output = keep_output,
                                             .owner = output};
    return screen_new(&settings);
}

static struct buffer repeated(const char *text, size_t size)
{
    struct buffer bytes = BUFFER(FEED + 64);
    while (buffer_size(&bytes) < size)
        buffer_append_text(&bytes, text);
    return bytes;
}

/* How often each is done in one feed, at most. */
static const struct {
    const char *setup, *bytes;
    size_t most;
} hostile[] = {
    {"", "\x1b#8", 4},                       /* all cells written */
    {"\x1b#8", "\x1b[?2J", 4},               /* all cells looked at */
    {"\x1b#8", "\x1b[?0J", 4},               /* the same from the cursor on */
    {"\x1b#8", "\x1b['}", 4},                /* columns moved */
    {"\x1b#8", "\x1b['~", 4},                /* the other way */
    {"\x1b#8", "\x1b[ @", 4},                /* all of them */
    {"\x1b#8", "\x1b[ A", 4},                /* and back */
    {"", "\x1b[500L", 4},                    /* rows moved */
    {"", "\x1b[500M", 4},                    /* rows moved up */
    {"\x1b[2;499r", "\x1b[500S", 4},         /* of a region */
    {"", "\x1b[500T", 4},                    /* all of them */
    {"", "x\x1b[500000b", 6},                /* a screenful of repeats */
    {"", "\x1b[?1049h\x1b[?1049l", 20},      /* the other screen, and back */
    {"\x1b[1;499r\x1b[499;1H", "\n", 4000},  /* a region scrolled */
    {"\x1b[2;500r\x1b[2;1H", "\x1bM", 4000}, /* and down */
    {"\x1b[4h\x1b[1;999H|", "\rx", 4000},    /* a row moved for a character */
    {"\x1b[1;999H|\r", "\x1b[@", 4000},      /* and for none */
    {"\x1b[1;999H|\r", "\x1b[P", 4000},      /* taken out */
    {"\x1b[1;999H|\r", "\x1b[1J", 4000},     /* erased up to the cursor */
    {"\x1b[500;1H", "\x1b[J\x1b[1J", 4000},  /* rows emptied */
    {"\x1b[3g", "\r\t", 8000},               /* a tabulator without stops */
    {"",
     "\x1b"
     "c",
     1000}, /* everything, again and again */
};

static void test_few_bytes_are_little_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct buffer output = BUFFER(4 << 20), bytes = repeated(hostile[i].bytes, FEED);
        struct screen *screen = large(&output);
        screen_feed(screen, slice_of_text(hostile[i].setup));
        size_t taken = screen_feed_some(screen, buffer_slice(&bytes));
        if (taken == 0 || taken > hostile[i].most * strlen(hostile[i].bytes))
            fail_msg("row %zu: %zu bytes at once", i, taken);
        screen_free(&screen);
        buffer_free(&bytes);
        buffer_free(&output);
    }
}

/* Marks on a screen full of different clusters: each looks for places that are free. */
static void test_many_clusters(void **state)
{
    (void)state;
    struct buffer output = BUFFER(16 << 20), bytes = BUFFER(FEED + 64);
    struct screen *screen = large(&output);
    for (unsigned i = 0; i < 16384; i++) {
        const char cluster[] = {(char)('!' + i % 90), '\xcc', (char)(0x80 + i / 90 % 48), '\xcc',
                                (char)(0x80 + i / 90 / 48)};
        screen_feed(screen, slice_of(cluster, sizeof cluster));
    }
    for (unsigned i = 0; buffer_size(&bytes) < FEED; i++) {
        const char cluster[] = {(char)('!' + i % 90), '\xcd', (char)(0x80 + i / 90 % 40), '\xcc', '\x80'};
        buffer_append(&bytes, slice_of(cluster, sizeof cluster));
    }
    assert_in_range(screen_feed_some(screen, buffer_slice(&bytes)), 1, 100);
    screen_free(&screen);
    buffer_free(&bytes);
    buffer_free(&output);
}

/* Wherever it is interrupted (every other row shows it), nothing is different: neither the screen nor what
 * viewers get. */
static void test_an_interrupted_feed_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile && hostile[i].most < 20; i += 2) {
        struct buffer outputs[2] = {BUFFER(4 << 20), BUFFER(4 << 20)},
                      bytes = repeated(hostile[i].bytes, 4 * strlen(hostile[i].bytes));
        struct screen *whole = large(&outputs[0]), *parts = large(&outputs[1]);
        buffer_append_text(&bytes, "\x1b[3;5H\x1b[1mthe end\x1b[");
        screen_feed(whole, slice_of_text(hostile[i].setup));
        screen_feed(parts, slice_of_text(hostile[i].setup));
        screen_feed(whole, buffer_slice(&bytes));
        for (struct slice rest = buffer_slice(&bytes); rest.size;)
            rest = slice_from(rest, screen_feed_some(parts, rest));
        size_t size = strlen(hostile[i].setup) + buffer_size(&bytes);
        assert_true(screen_place(whole) == size && screen_place(parts) == size);
        assert_int_equal(buffer_size(&outputs[0]), size - strlen("\x1b[")); /* what is not finished waits */
        assert_true(slice_equal(buffer_slice(&outputs[0]), buffer_slice(&outputs[1])));
        char *texts[] = {snapshot_of(whole), snapshot_of(parts)};
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
        screen_free(&whole);
        screen_free(&parts);
        buffer_free(&bytes);
        buffer_free(&outputs[0]);
        buffer_free(&outputs[1]);
    }
}

/* What programs write is taken whole. */
static void test_usual_output_is_not_interrupted(void **state)
{
    static const char *const usual[] = {
        "-rw-r--r-- 1 ann ann 12345 Jan  1 12:00 a file with a name\r\n",
        "\x1b[32mgreen\x1b[m and \x1b[1;38;5;200mpink\x1b[m\r\n",
        "\x1b[H\x1b[2J\x1b[3;4Hone\x1b[K\x1b[10;20Htwo\x1b[K\x1b[30;1Hthree\x1b[K and a longer line of text",
        "src/screen/parser.c:12:\tsome\ttext\r\n",
        "\xe4\xbd\xa0\xe5\xa5\xbd e\xcc\x81 \xf0\x9f\x9a\x80\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        struct buffer bytes = repeated(usual[i], FEED);
        struct screen *screen = screen_of(120, 40, "");
        assert_int_equal(screen_feed_some(screen, buffer_slice(&bytes)), buffer_size(&bytes));
        screen_free(&screen);
        buffer_free(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_bytes_are_little_work),
        cmocka_unit_test(test_many_clusters),
        cmocka_unit_test(test_an_interrupted_feed_is_the_same),
        cmocka_unit_test(test_usual_output_is_not_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
