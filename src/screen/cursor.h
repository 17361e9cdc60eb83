/* The cursor: where it may be, moving it, saving it, and what moves the text with it. */
#pragma once

#include "screen/state.h"

/* Into the screen (or region, in origin mode); x at most `most`. */
void cursor_restrict(struct screen *screen, int most);

/* To a place counted from the top left, of the region in origin mode; out of range: as near as possible. */
void cursor_set(struct screen *screen, int64_t x, int64_t y);
/* By so much; from a column behind the last one it starts at the last one. */
void cursor_move(struct screen *screen, int64_t columns, int64_t rows);

void cursor_save(struct screen *screen);
void cursor_restore(struct screen *screen);

void cursor_line_feed(struct screen *screen);
void cursor_backspace(struct screen *screen);
/* The next line, the line above: the region scrolls at its end. */
void cursor_index(struct screen *screen);
void cursor_reverse_index(struct screen *screen);

/* --- tabulator stops --- */

void cursor_tab(struct screen *screen, int count); /* negative: backwards */
void cursor_set_stop(struct screen_page *page, int x, bool on);
bool cursor_has_stop(const struct screen_page *page, int x);
/* Every eight columns from `first` on. */
void cursor_default_stops(struct screen_page *page, int first);
