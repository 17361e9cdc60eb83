/* The cursor. */
#include "screen/cursor.h"
#include "screen/printing.h"
#include "screen/work.h"

enum { STOP_EVERY = 8 };

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value > most ? most : value < least ? least : value;
}

void cursor_restrict(struct screen *screen, int most)
{
    bool origin = screen_mode(screen, MODE_ORIGIN);
    screen->x = (int)within(screen->x, 0, most);
    screen->y = (int)within(screen->y, origin ? screen->page->top : 0,
                            origin ? screen->page->bottom : screen->rows - 1);
}

void cursor_set(struct screen *screen, int64_t x, int64_t y)
{
    if (screen_mode(screen, MODE_ORIGIN))
        y += screen->page->top;
    screen->x = (int)within(x, 0, screen->columns - 1);
    screen->y = (int)within(y, -1, screen->rows);
    cursor_restrict(screen, screen->columns - 1);
}

void cursor_move(struct screen *screen, int64_t columns, int64_t rows)
{
    cursor_restrict(screen, screen->columns - 1);
    cursor_set(screen, screen->x + columns, screen->y + rows);
}

static int64_t base_line(const struct screen *screen)
{
    return screen->page == &screen->primary ? (int64_t)screen->scrollback.lines : 0;
}

void cursor_save(struct screen *screen)
{
    screen->page->saved = (struct screen_saved){.x = screen->x,
                                                .line = base_line(screen) + screen->y,
                                                .fg = screen->pen.fg,
                                                .bg = screen->pen.bg,
                                                .charset = screen->charset};
}

void cursor_restore(struct screen *screen)
{
    const struct screen_saved *saved = &screen->page->saved;
    screen->x = saved->x;
    screen->y = (int)within(saved->line - base_line(screen), 0, SCREEN_MOST);
    screen->pen.fg = saved->fg;
    screen->pen.bg = saved->bg;
    screen->charset = saved->charset;
    cursor_restrict(screen, screen->columns - 1);
}

void cursor_line_feed(struct screen *screen)
{
    if (screen_mode(screen, MODE_NEWLINE))
        screen->x = 0;
    if (screen->y == screen->page->bottom)
        printing_scroll(screen, false);
    else if (screen->y < screen->rows - 1)
        screen_row(screen, ++screen->y)->wrapped = false;
    if (screen->x >= screen->columns)
        screen->x--;
}

/* Reverse wrap: from the first column to the end of the row above, if the text went on from there. */
static void backspace_over_wrap(struct screen *screen)
{
    const struct screen_page *page = screen->page;
    struct row *row = screen_row(screen, screen->y);
    if (screen->y <= page->top || screen->y > page->bottom || !row->wrapped)
        return;
    row->wrapped = false;
    screen->y--;
    screen->x = screen->columns - 1;
    struct cell last = grid_cell(screen_row(screen, screen->y), screen->x);
    if (cell_width(&last) && !cell_has_content(&last))
        screen->x--; /* a wide character did not fit there */
}

void cursor_backspace(struct screen *screen)
{
    bool reverse = screen_mode(screen, MODE_REVERSE_WRAP);
    cursor_restrict(screen, reverse ? screen->columns : screen->columns - 1);
    if (screen->x > 0)
        screen->x--;
    else if (reverse)
        backspace_over_wrap(screen);
    cursor_restrict(screen, screen->columns - 1);
}

void cursor_index(struct screen *screen)
{
    cursor_restrict(screen, screen->columns - 1);
    if (screen->y == screen->page->bottom)
        printing_scroll(screen, false);
    else if (screen->y < screen->rows - 1)
        screen->y++;
    cursor_restrict(screen, screen->columns - 1);
}

void cursor_reverse_index(struct screen *screen)
{
    struct screen_page *page = screen->page;
    cursor_restrict(screen, screen->columns - 1);
    if (screen->y == page->top) {
        work_add(screen, WORK_PER_ROW * (page->bottom - page->top + 1));
        grid_scroll_down(&page->grid, page->top, page->bottom, screen->pen.bg & COLOUR);
    } else {
        screen->y--;
        cursor_restrict(screen, screen->columns - 1);
    }
}

/* --- tabulator stops --- */

void cursor_set_stop(struct screen_page *page, int x, bool on)
{
    if (x >= SCREEN_MOST)
        return;
    uint8_t bit = (uint8_t)(1 << x % 8);
    page->stops[x / 8] = (uint8_t)(on ? page->stops[x / 8] | bit : page->stops[x / 8] & ~bit);
}

bool cursor_has_stop(const struct screen_page *page, int x)
{
    return x < SCREEN_MOST && page->stops[x / 8] >> x % 8 & 1;
}

void cursor_default_stops(struct screen_page *page, int first)
{
    for (int x = first; x < SCREEN_MOST; x += STOP_EVERY)
        cursor_set_stop(page, x, true);
}

void cursor_tab(struct screen *screen, int count)
{
    int step = count < 0 ? -1 : 1;
    if (screen->x >= screen->columns)
        return;
    work_add(screen, screen->columns / WORK_PER_ROW);
    for (; count != 0; count -= step) {
        do
            screen->x += step;
        while (screen->x > 0 && screen->x < screen->columns && !cursor_has_stop(screen->page, screen->x));
        screen->x = (int)within(screen->x, 0, screen->columns - 1);
        if (screen->x == (step < 0 ? 0 : screen->columns - 1))
            return;
    }
}
