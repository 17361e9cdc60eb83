/* Any bytes, fed in pieces of any size, with changes of size between them: the screen stays whole, a snapshot
 * of a screen that was made by a snapshot is the same, whatever it was split into, and what viewers get is
 * whole. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "screen/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *owner, struct slice bytes)
{
    CHECK(buffer_append(owner, bytes));
}

static void count(void *owner, struct slice bytes)
{
    (void)owner;
    CHECK(bytes.size > 0 && bytes.size < 128);
}

static struct screen *new_screen(int columns, int rows, struct buffer *live)
{
    struct screen_settings settings = {.columns = columns,
                                       .rows = rows,
                                       .scrollback_lines = 20,
                                       .scrollback_bytes = 8192,
                                       .on_answer = count,
                                       .on_output = live ? collect : NULL,
                                       .owner = live};
    return screen_new(&settings);
}

static struct buffer snapshot(const struct screen *screen)
{
    struct buffer out = BUFFER(64 << 20);
    CHECK(screen_snapshot(screen, &out));
    return out;
}

/* A screen fed a snapshot of this one. */
static struct screen *copy(const struct screen *screen)
{
    struct screen *other = new_screen(screen_columns(screen), screen_rows(screen), NULL);
    struct buffer bytes = snapshot(screen);
    screen_feed(other, buffer_slice(&bytes));
    buffer_free(&bytes);
    return other;
}

static void check_same(const struct screen *a, const struct screen *b)
{
    struct buffer one = snapshot(a), other = snapshot(b);
    CHECK(slice_equal(buffer_slice(&one), buffer_slice(&other)));
    buffer_free(&one);
    buffer_free(&other);
}

/* A copy's copy is like the copy; and it needs no more than what it is. */
static void check_copy(const struct screen *screen)
{
    struct screen *first = copy(screen), *second = copy(first);
    CHECK(screen_pending(first).size == 0);
    check_same(first, second);
    screen_free(&first);
    screen_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 1 << 16)
        return 0;
    struct buffer live = BUFFER(1 << 20);
    int columns = 2 + data[0] % 40, rows = 1 + data[1] % 12;
    size_t piece = 1 + data[2] % 64u, resize = data[3];
    struct screen *whole = new_screen(columns, rows, NULL), *split = new_screen(columns, rows, &live);
    struct slice bytes = slice_of(data + 4, size - 4);
    screen_feed(whole, bytes);
    for (size_t at = 0; at < bytes.size; at += piece)
        screen_feed(split, slice_between(bytes, at, at + piece));
    check_same(whole, split);
    CHECK(screen_place(split) == bytes.size && screen_pending(split).size <= 4);
    check_copy(split);
    if (resize) {
        screen_resize(split, 2 + (int)resize % 50, 1 + (int)resize % 17);
        check_copy(split);
        screen_feed(split, bytes);
        check_copy(split);
    }
    screen_free(&whole);
    screen_free(&split);
    buffer_free(&live);
    return 0;
}
