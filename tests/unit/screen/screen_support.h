/* What tests of src/screen share: a screen of given bytes, and what it is like, as text. */
#pragma once

#include "base/memory.h"
#include "screen/screen.h"

static inline struct screen *screen_of_slice(int columns, int rows, struct slice bytes)
{
    struct screen_settings settings = {
        .columns = columns, .rows = rows, .scrollback_lines = 100, .scrollback_bytes = 1 << 20};
    struct screen *screen = screen_new(&settings);
    screen_feed(screen, bytes);
    return screen;
}

static inline struct screen *screen_of(int columns, int rows, const char *bytes)
{
    return screen_of_slice(columns, rows, slice_of_text(bytes));
}

static inline char *text_of(const struct screen *screen)
{
    struct buffer out = BUFFER(1 << 20);
    screen_text(screen, (size_t)screen_rows(screen), &out);
    char *text = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return text;
}

static inline char *snapshot_of(const struct screen *screen)
{
    struct buffer out = BUFFER(16 << 20);
    CHECK(screen_snapshot(screen, &out));
    char *text = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return text;
}
