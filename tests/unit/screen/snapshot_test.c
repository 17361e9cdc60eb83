#include "../support.h"

#include "screen_support.h"

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Pieces of what programs write: all that changes a state, except underlines: a saved cursor has half of them
 * (docs/terminals.md). */
static const char *const pieces[] = {"hello ",
                                     "w\xc3\xb6rld",
                                     "\xe4\xb8\x96\xe7\x95\x8c",
                                     "\xf0\x9f\x98\x80",
                                     "e\xcc\x81",
                                     "\xe2\x80\x8d",
                                     "\r\n",
                                     "\n",
                                     "\r",
                                     "\b",
                                     "\t",
                                     "\x0e",
                                     "\x0f",
                                     "\x1b[31m",
                                     "\x1b[1;38;5;9;48;2;1;2;3m",
                                     "\x1b[0m",

                                     "\x1b[H",
                                     "\x1b[3;5H",
                                     "\x1b[2A",
                                     "\x1b[9C",
                                     "\x1b[2J",
                                     "\x1b[J",
                                     "\x1b[1K",
                                     "\x1b[K",
                                     "\x1b[3J",
                                     "\x1b[2L",
                                     "\x1b[M",
                                     "\x1b[4P",
                                     "\x1b[2X",
                                     "\x1b[S",
                                     "\x1b[T",
                                     "\x1b[2;4r",
                                     "\x1b[r",
                                     "\x1b[?6h",
                                     "\x1b[?6l",
                                     "\x1b[?1049h",
                                     "\x1b[?1049l",
                                     "\x1b[?47h",
                                     "\x1b[?47l",
                                     "\x1b[?7l\rx",
                                     "\x1b[?7h",
                                     "\x1b[?25l",
                                     "\x1b[?2004h",
                                     "\x1b[?1003h",
                                     "\x1b[?1006h",
                                     "\x1b[4 q",
                                     "\x1b(0",
                                     "\x1b(B",
                                     "\x1b)A",
                                     "\x1b"
                                     "7",
                                     "\x1b"
                                     "8\x1b[24m",
                                     "\x1bM",
                                     "\x1b"
                                     "D",
                                     "\x1bH",
                                     "\x1b[3g",
                                     "\x1b[!p",
                                     "\x1b"
                                     "c",
                                     "\x1b]2;title\x07",
                                     "\x1b[5b",
                                     "\x1b[1\"q",
                                     "\x1b[0\"q",
                                     "\x1b[?2K",
                                     "\x1b[20h",
                                     "\x1b[20l",
                                     "\x1b#8",
                                     "\x1b[6n",
                                     "\x1bP$qm\x1b\\",
                                     "\xff",
                                     "0123456789012345678901234567890123456789"};

enum { PIECES = sizeof pieces / sizeof pieces[0] };

static void make_input(uint32_t seed, struct buffer *bytes)
{
    for (int i = 0; i < 40; i++)
        buffer_append_text(bytes, pieces[draw(&seed) % PIECES]);
}

/* A snapshot and what is pending, fed to a new screen. */
static struct screen *copy_of(const struct screen *screen)
{
    struct buffer out = BUFFER(1 << 20);
    assert_true(screen_snapshot(screen, &out));
    assert_true(buffer_append(&out, screen_pending(screen)));
    struct screen *copy = screen_of_slice(screen_columns(screen), screen_rows(screen), buffer_slice(&out));
    buffer_free(&out);
    return copy;
}

static void assert_same(const struct screen *a, const struct screen *b, uint32_t seed, size_t at)
{
    char *one = snapshot_of(a), *other = snapshot_of(b);
    if (strcmp(one, other) != 0)
        fail_msg("seed %u, byte %zu", seed, at);
    free(one);
    free(other);
}

/* At every byte: a screen made of the snapshot of a screen made of a snapshot is the same, and still is after
 * the next byte. (The first one may differ in cells that nobody can tell apart: docs/terminals.md. That what
 * it shows is right is what tests/terminal is for.) */
static void test_every_byte(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct buffer bytes = BUFFER(1 << 16);
        make_input(seed, &bytes);
        struct screen *screen = screen_of(20, 5, "");
        for (size_t at = 0; at < buffer_size(&bytes); at++) {
            struct slice next = slice_between(buffer_slice(&bytes), at, at + 1);
            struct screen *first = copy_of(screen), *second = copy_of(first);
            assert_same(first, second, seed, at);
            screen_feed(screen, next);
            screen_feed(first, next);
            screen_feed(second, next);
            assert_same(first, second, seed, at);
            screen_free(&first);
            screen_free(&second);
        }
        screen_free(&screen);
        buffer_free(&bytes);
    }
}

/* A wide character that is not shown at the end of a screen where nothing can be before it. */
static void test_two_columns(void **state)
{
    (void)state;
    struct screen *screen = screen_of(2, 1, "\x1b[?7la\xe4\xb8\x96");
    struct screen *first = copy_of(screen), *second = copy_of(first);
    assert_same(first, second, 0, 0);
    screen_free(&second);
    screen_free(&first);
    screen_free(&screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_byte), cmocka_unit_test(test_two_columns)};
    return run_group(tests);
}
