/* Another size: the primary screen and its scrollback are wrapped anew, the alternate one is cut or padded.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "screen/cursor.h"
#include "screen/line.h"
#include "screen/state.h"

/* A text of more cells than this is wrapped in parts. */
enum { MOST_CELLS = 1 << 16 };

/* All lines of the primary screen on their way from the old width to the new one. */
struct rewrap {
    int columns, old_columns;
    bool wrapped;             /* the next row goes on from the one before */
    struct scrollback lines;  /* the new ones */
    struct clusters clusters; /* of the text at hand */
    struct cell *cells;
    int count, capacity;
    struct buffer encoded;
};

static void push_row(struct rewrap *rewrap, const struct row *row)
{
    line_encode(row, &rewrap->clusters, &rewrap->encoded);
    scrollback_push(&rewrap->lines, buffer_slice(&rewrap->encoded));
}

static void add_cells(struct rewrap *rewrap, const struct row *row, int count)
{
    if (rewrap->count + count > rewrap->capacity) {
        rewrap->capacity = 2 * (rewrap->count + count);
        rewrap->cells = memory_resize(rewrap->cells, (size_t)rewrap->capacity * sizeof *rewrap->cells);
    }
    for (int x = 0; x < count; x++)
        rewrap->cells[rewrap->count++] = grid_cell(row, x);
}

/* Cuts the text at hand into rows. */
static void cut_text(struct rewrap *rewrap)
{
    int start = 0;
    do {
        int end = start + rewrap->columns < rewrap->count ? start + rewrap->columns : rewrap->count;
        if (end < rewrap->count && end > start + 1 && cell_width(&rewrap->cells[end - 1]) == 2)
            end--; /* a wide character stays whole */
        struct row row = {.used = end - start, .wrapped = rewrap->wrapped};
        if (row.used > 0)
            row.cells = rewrap->cells + start;
        push_row(rewrap, &row);
        rewrap->wrapped = true;
        start = end;
    } while (start < rewrap->count);
    rewrap->count = 0;
    clusters_free(&rewrap->clusters);
}

/* How much of a row belongs to its text: all if that goes on below, unless a wide character did not fit. */
static int text_length(const struct row *row, int columns, bool goes_on)
{
    struct cell last = grid_cell(row, columns - 1);
    if (!goes_on)
        return grid_length(row);
    return cell_has_content(&last) || cell_is_stub(&last) ? columns : columns - 1;
}

/* The lines of one text: from `first` on, up to `end`. */
struct span {
    size_t first, end;
};

static struct span text_around(const struct scrollback *lines, size_t line)
{
    struct scrollback_walk walk = {0};
    struct slice bytes;
    struct span span = {0, 0};
    for (size_t i = 0; scrollback_next(lines, &walk, &bytes); i++) {
        if (!line_is_wrapped(bytes) && i > line)
            break;
        if (!line_is_wrapped(bytes))
            span.first = i;
        span.end = i + 1;
    }
    return span;
}

static void take_row(struct rewrap *rewrap, const struct row *row, bool goes_on)
{
    if (rewrap->count == 0)
        rewrap->wrapped = row->wrapped;
    add_cells(rewrap, row, text_length(row, rewrap->old_columns, goes_on));
    if (!goes_on)
        cut_text(rewrap);
}

/* Two places among the lines: the topmost row of the screen and the cursor's. */
struct view {
    size_t top, cursor;
};

/* Reads the old lines. The text around the cursor stays as it is: its program will see to that. The view
 * follows. */
static void rewrap_all(struct rewrap *rewrap, const struct scrollback *old, struct view *view)
{
    struct span kept = text_around(old, view->cursor);
    struct view before = *view;
    struct scrollback_walk walk = {0};
    struct slice bytes, next = {0};
    struct grid grid;
    grid_init(&grid, rewrap->old_columns, 1);
    bool more = scrollback_next(old, &walk, &next);
    for (size_t i = 0; more; i++) {
        struct row *row = grid_row(&grid, 0);
        bytes = next;
        more = scrollback_next(old, &walk, &next);
        grid_clear_row(row, 0);
        line_decode(bytes, &grid, &rewrap->clusters, row);
        if (i == before.top)
            view->top = rewrap->lines.lines;
        if (i == before.cursor)
            view->cursor = rewrap->lines.lines;
        if (i >= kept.first && i < kept.end) {
            row->used = row->used < rewrap->columns ? row->used : rewrap->columns;
            push_row(rewrap, row);
            clusters_free(&rewrap->clusters);
        } else {
            take_row(rewrap, row,
                     more && line_is_wrapped(next) && i + 1 != kept.first && rewrap->count < MOST_CELLS);
        }
    }
    grid_free(&grid);
}

/* --- the primary screen --- */

/* All rows go behind the scrollback's lines. Caps do not count meanwhile. */
static void take_rows(struct screen *screen)
{
    struct scrollback *lines = &screen->scrollback;
    lines->most_lines = lines->most_bytes = SIZE_MAX;
    for (int y = 0; y < screen->rows; y++) {
        line_encode(grid_row(&screen->primary.grid, y), &screen->clusters, &screen->line);
        scrollback_push(lines, buffer_slice(&screen->line));
    }
}

/* The newest lines become the rows again, the others the scrollback; fewer than `shown` leave empty ones
 * below. */
static void give_rows(struct screen *screen, int columns, int rows, int shown)
{
    struct scrollback *lines = &screen->scrollback;
    struct slice bytes;
    grid_free(&screen->primary.grid);
    grid_init(&screen->primary.grid, columns, rows);
    for (int y = shown; y > 0 && scrollback_pop(lines, &bytes); y--)
        line_decode(bytes, &screen->primary.grid, &screen->clusters, grid_row(&screen->primary.grid, y - 1));
    lines->most_lines = screen->settings.scrollback_lines;
    lines->most_bytes = screen->settings.scrollback_bytes;
    scrollback_trim(lines);
}

static int last_row_with_text(const struct grid *grid)
{
    int y = grid->row_count - 1;
    while (y > 0 && grid_length(grid_row(grid, y)) == 0)
        y--;
    return y;
}

static void rewrap_lines(struct screen *screen, int columns, struct view *view)
{
    struct rewrap rewrap = {.columns = columns,
                            .old_columns = screen->columns,
                            .lines = {.most_lines = SIZE_MAX, .most_bytes = SIZE_MAX},
                            .encoded = BUFFER(LINE_MOST)};
    rewrap_all(&rewrap, &screen->scrollback, view);
    scrollback_clear(&screen->scrollback);
    screen->scrollback = rewrap.lines;
    buffer_free(&rewrap.encoded);
    free(rewrap.cells);
    clusters_free(&rewrap.clusters);
}

/* Which row the cursor is in then; `y`: in which it is. */
static int resize_primary(struct screen *screen, int columns, int rows, int y)
{
    struct scrollback *lines = &screen->scrollback;
    struct view view = {.top = lines->lines, .cursor = lines->lines + (size_t)y};
    size_t before = view.cursor, count = (size_t)rows;
    take_rows(screen);
    if (columns != screen->columns)
        rewrap_lines(screen, columns, &view);
    /* The topmost row stays that, unless the cursor would be below the screen, or was at its bottom. */
    if (view.cursor + 1 == lines->lines)
        view.top = lines->lines > count ? lines->lines - count : 0;
    else if (view.cursor >= view.top + count)
        view.top = view.cursor + 1 - count;
    struct slice bytes;
    while (lines->lines > view.top + count)
        scrollback_pop(lines, &bytes);
    screen->primary.saved.line += (int64_t)view.cursor - (int64_t)before;
    give_rows(screen, columns, rows, (int)(lines->lines - view.top));
    screen->primary.saved.line -= (int64_t)(view.top - lines->lines);
    if (screen->primary.saved.line < 0)
        screen->primary.saved.line = 0;
    return (int)(view.cursor - view.top);
}

/* --- the alternate screen --- */

/* Returns which row the cursor is in then. */
static int resize_alternate(struct screen *screen, int columns, int rows)
{
    struct grid *old = &screen->alternate.grid, grid;
    int first = screen->y < rows ? 0 : screen->y - rows + 1;
    grid_init(&grid, columns, rows);
    for (int y = 0; y < rows && first + y < old->row_count; y++) {
        const struct row *from = grid_row(old, first + y);
        struct row *to = grid_row(&grid, y);
        int used = from->used < columns ? from->used : columns;
        to->bg = from->bg;
        to->wrapped = from->wrapped;
        struct cell *cells = grid_cells(&grid, to, used);
        for (int x = 0; x < used; x++)
            cells[x] = from->cells[x];
        if (used == columns && cell_width(&cells[columns - 1]) == 2)
            cells[columns - 1].content = CELL_EMPTY;
    }
    grid_free(old);
    *old = grid;
    return screen->y - first;
}

static void whole_region(struct screen_page *page, int columns, int rows)
{
    page->top = 0;
    page->bottom = rows - 1;
    if (page->saved.x >= columns)
        page->saved.x = columns - 1;
}

void screen_resize(struct screen *screen, int columns, int rows)
{
    bool alternate = screen->page == &screen->alternate;
    columns = screen_clip(columns, SCREEN_LEAST_COLUMNS);
    rows = screen_clip(rows, SCREEN_LEAST_ROWS);
    if (columns == screen->columns && rows == screen->rows)
        return;
    int y = resize_primary(screen, columns, rows,
                           alternate ? last_row_with_text(&screen->primary.grid) : screen->y);
    screen->y = alternate ? resize_alternate(screen, columns, rows) : y;
    screen->columns = columns;
    screen->rows = rows;
    screen->join = 0;
    whole_region(&screen->primary, columns, rows);
    whole_region(&screen->alternate, columns, rows);
    cursor_restrict(screen, columns - 1);
}
