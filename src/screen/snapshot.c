/* The state as escape text. The order matters: the reset, the lines of the primary screen from the oldest on
 * (what does not fit scrolls into the viewer's scrollback), stops, region and saved cursor of that screen,
 * the alternate one likewise, then what both share. */
#include "screen/charset.h"
#include "screen/cursor.h"
#include "screen/line.h"
#include "screen/modes.h"
#include "screen/sgr.h"
#include "screen/state.h"

/* A row and where its clusters are. */
struct shown {
    struct row row;
    const struct clusters *clusters;
};

struct writing {
    const struct screen *screen;
    struct buffer *out;
    struct cell pen;   /* the viewer's */
    bool at_end;       /* the viewer's cursor is behind the last column */
    bool first;        /* no row was written yet */
    struct cell above; /* the last cell of the row above */
    unsigned charset;  /* what the viewer reads characters in */
};

enum { LONGEST_PIECE = 256 }; /* of what is appended at once */

/* The end of a string that was not begun: no effect, except that a mark behind it joins nothing. */
#define NOTHING "\x1b\\"

static void put(struct writing *writing, const char *text)
{
    buffer_append_text(writing->out, text);
}

static void put_number(struct writing *writing, int number, char final)
{
    buffer_append_format(writing->out, "\x1b[%d%c", number, final);
}

static void set_pen(struct writing *writing, struct cell pen)
{
    sgr_change(&writing->pen, &pen, writing->out);
    writing->pen = pen;
}

static void set_plain(struct writing *writing)
{
    set_pen(writing, (struct cell){0});
}

static void set_background(struct writing *writing, uint32_t bg)
{
    set_pen(writing, (struct cell){.bg = bg & COLOUR});
}

static void go_to(struct writing *writing, int x, int y)
{
    buffer_append_format(writing->out, "\x1b[%d;%dH", y + 1, x + 1);
}

/* --- cells --- */

/* What erasing leaves: a background and nothing else. Other empty cells are written as spaces. */
static bool is_erased(const struct cell *cell)
{
    return !cell_has_content(cell) && cell_width(cell) == 1 && cell->fg == 0 && (cell->bg & ~COLOUR) == 0;
}

static bool is_wide(const struct row *row, int x, int columns)
{
    struct cell cell = grid_cell(row, x), next = grid_cell(row, x + 1);
    return cell_width(&cell) == 2 && x + 1 < columns && cell_is_stub(&next);
}

static void put_codes(struct writing *writing, const struct cell *cell, const struct clusters *clusters)
{
    uint32_t content = cell->content & CELL_CODE;
    const struct cluster *cluster = cell->content & CELL_CLUSTER ? clusters_get(clusters, content) : NULL;
    size_t count = cluster ? cluster->count : 1;
    if (cell_width(cell) == 0)
        put(writing, NOTHING); /* a lone mark is not to join what is before it */
    for (size_t i = 0; i < count; i++) {
        char bytes[4];
        uint32_t code = cluster ? cluster->codes[i] : content ? content : ' ';
        size_t size = line_utf8(charset_unmap(writing->charset, code), bytes);
        buffer_append(writing->out, slice_of(bytes, size));
    }
}

/* Writes the cell at x; returns how many columns that took. */
static int put_cell(struct writing *writing, const struct shown *shown, int x)
{
    struct cell cell = grid_cell(&shown->row, x);
    bool wide = is_wide(&shown->row, x, writing->screen->columns);
    if (cell_width(&cell) == 2 && !wide)
        cell.content = CELL_EMPTY; /* half of a character */
    set_pen(writing, cell);
    put_codes(writing, &cell, shown->clusters);
    return wide ? 2 : 1;
}

/* Writes cells from x up to `end` that were erased alike; returns how many. */
static int put_erased(struct writing *writing, const struct row *row, int x, int end)
{
    struct cell first = grid_cell(row, x), cell = first;
    int count = 0;
    while (x + count < end && is_erased(&cell) && cell.bg == first.bg)
        cell = grid_cell(row, x + ++count);
    if (first.bg) {
        set_background(writing, first.bg);
        put_number(writing, count, 'X');
    }
    if (x + count < end)
        put_number(writing, count, 'C');
    return count;
}

/* Writes the row's cells from x up to `end`, onto an empty row whose cursor is at x. */
static void put_cells(struct writing *writing, const struct shown *shown, int x, int end)
{
    while (x < end) {
        struct cell cell = grid_cell(&shown->row, x);
        writing->at_end = false;
        if (is_erased(&cell)) {
            x += put_erased(writing, &shown->row, x, end);
        } else {
            x += put_cell(writing, shown, x);
            writing->at_end = x >= writing->screen->columns;
        }
    }
}

/* --- rows --- */

static bool looks_alike(const struct cell *a, const struct cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->underline == b->underline;
}

/* A wide character that begins `below` did not fit at the end of a row: then it leaves the last cell as it
 * was. */
static bool left_over(const struct row *row, const struct row *below, int columns)
{
    if (!below || !below->wrapped || !is_wide(below, 0, columns))
        return false;
    struct cell last = grid_cell(row, columns - 1), wide = grid_cell(below, 0);
    return !cell_has_content(&last) && cell_width(&last) == 1 && looks_alike(&last, &wide);
}

/* Makes the row a continuation of the one above, by wrapping; returns how many of its cells are written then.
 */
static int wrap(struct writing *writing, const struct shown *shown)
{
    int columns = writing->screen->columns;
    struct cell first = grid_cell(&shown->row, 0), above = writing->above;
    bool wide = is_wide(&shown->row, 0, columns);
    bool undo = !writing->at_end && (!wide || !looks_alike(&above, &first));
    bool later = is_erased(&first) || cell_width(&first) == 0; /* what does not wrap is written afterwards */
    if (!writing->at_end) {
        set_plain(writing);
        buffer_append_format(writing->out, "\r\x1b[%dC%s", columns - 1, wide ? "" : " ");
    }
    if (later) {
        set_plain(writing);
        put(writing, " ");
    } else {
        put_cell(writing, shown, 0);
    }
    if (writing->pen.bg & COLOUR) { /* a row that scrolled in has taken it */
        set_plain(writing);
        put(writing, "\x1b[K");
    }
    if (undo && writing->screen->rows > 1) {
        set_background(writing, above.bg);
        buffer_append_format(writing->out, "\x1b[A\x1b[%dC\x1b[X\x1b[B\r", columns - 1);
        if (!later)
            put_cell(writing, shown, 0);
    }
    if (later) {
        set_plain(writing);
        put(writing, "\r\x1b[X");
        return 0;
    }
    writing->at_end = wide && columns == 2;
    return wide ? 2 : 1;
}

/* The topmost row goes on from one that is gone: it comes from below, where it was wrapped. */
static void wrap_first(struct writing *writing)
{
    set_plain(writing);
    buffer_append_format(writing->out, "\x1b[%dC  \x1b[H\x1b[M\x1b[X", writing->screen->columns - 1);
}

static void put_row(struct writing *writing, const struct shown *shown, const struct row *below)
{
    int columns = writing->screen->columns, x = 0;
    if (!writing->first && shown->row.wrapped) {
        x = wrap(writing, shown);
    } else if (writing->first) {
        if (shown->row.wrapped && writing->screen->rows > 1)
            wrap_first(writing);
    } else {
        if (writing->pen.bg & COLOUR)
            set_plain(writing);
        put(writing, "\r\n");
    }
    bool left = left_over(&shown->row, below, columns);
    if (x == 0)
        writing->at_end = false;
    put_cells(writing, shown, x, left ? columns - 1 : columns);
    if (left)
        writing->at_end = false;
    writing->above = grid_cell(&shown->row, columns - 1);
    writing->first = false;
}

static void put_grid(struct writing *writing, const struct grid *grid)
{
    for (int y = 0; y < grid->row_count; y++) {
        struct shown shown = {.row = *grid_row(grid, y), .clusters = &writing->screen->clusters};
        put_row(writing, &shown, y + 1 < grid->row_count ? grid_row(grid, y + 1) : NULL);
    }
}

/* --- scrollback --- */

/* Two decoded lines: the one to write and the one below. */
struct reading {
    const struct scrollback *scrollback;
    struct scrollback_walk walk;
    struct grid grid;
    struct clusters clusters[2];
};

static bool read_line(struct reading *reading, int place)
{
    struct slice bytes;
    struct row *row = grid_row(&reading->grid, place);
    if (!scrollback_next(reading->scrollback, &reading->walk, &bytes))
        return false;
    clusters_free(&reading->clusters[place]);
    grid_clear_row(row, 0);
    line_decode(bytes, &reading->grid, &reading->clusters[place], row);
    return true;
}

/* Writes all lines but the first `skipped`; false when the room is used up. */
static bool put_scrollback(struct writing *writing, size_t skipped)
{
    const struct screen *screen = writing->screen;
    struct reading reading = {.scrollback = &screen->scrollback};
    struct slice bytes;
    grid_init(&reading.grid, screen->columns, 2);
    for (size_t i = 0; i < skipped; i++)
        scrollback_next(&screen->scrollback, &reading.walk, &bytes);
    int place = 0;
    bool more = read_line(&reading, place);
    while (more && buffer_room(writing->out) >= LONGEST_PIECE) {
        struct shown shown = {.row = *grid_row(&reading.grid, place), .clusters = &reading.clusters[place]};
        more = read_line(&reading, !place);
        put_row(writing, &shown, more ? grid_row(&reading.grid, !place) : grid_row(&screen->primary.grid, 0));
        place = !place;
    }
    grid_free(&reading.grid);
    clusters_free(&reading.clusters[0]);
    clusters_free(&reading.clusters[1]);
    return buffer_room(writing->out) >= LONGEST_PIECE;
}

/* --- what belongs to one of the two screens --- */

static void put_stops(struct writing *writing, const struct screen_page *page)
{
    struct screen_page usual = {0};
    int columns = writing->screen->columns, differing = 0;
    cursor_default_stops(&usual, 0);
    for (int x = 0; x < columns; x++)
        differing += cursor_has_stop(page, x) != cursor_has_stop(&usual, x);
    if (!differing)
        return;
    put(writing, "\x1b[3g");
    for (int x = 0; x < columns; x++)
        if (cursor_has_stop(page, x))
            buffer_append_format(writing->out, "\x1b[%dG\x1bH", x + 1);
}

static void put_saved(struct writing *writing, const struct screen_saved *saved, int y)
{
    go_to(writing, saved->x < writing->screen->columns ? saved->x : writing->screen->columns - 1, y);
    set_pen(
        writing,
        (struct cell){.fg = saved->fg, .bg = saved->bg, .underline = UINT32_C(1) << UNDERLINE_STYLE_SHIFT});
    if (saved->charset)
        buffer_append_format(writing->out, "\x1b(%c", charset_final(saved->charset));
    put(writing, "\x1b"
                 "7");
    if (saved->charset)
        put(writing, "\x1b(B");
}

static bool is_saved(const struct screen_saved *saved)
{
    return saved->x || saved->line || saved->fg || saved->bg || saved->charset;
}

/* Stops, saved cursor, region; `y`: where the saved cursor is, if it is on the screen. */
static void put_page(struct writing *writing, const struct screen_page *page, int64_t y)
{
    put_stops(writing, page);
    if (is_saved(&page->saved) && y >= 0 && y < writing->screen->rows)
        put_saved(writing, &page->saved, (int)y);
    if (page->top != 0 || page->bottom != writing->screen->rows - 1)
        buffer_append_format(writing->out, "\x1b[%d;%dr", page->top + 1, page->bottom + 1);
}

/* A cursor saved at a line that is not on the screen now: saved first, with as many lines above. */
static void put_saved_elsewhere(struct writing *writing)
{
    const struct screen *screen = writing->screen;
    const struct screen_saved *saved = &screen->primary.saved;
    int64_t y = saved->line - (int64_t)screen->scrollback.lines;
    if (!is_saved(saved) || (y >= 0 && y < screen->rows))
        return;
    int64_t row = saved->line < screen->rows ? saved->line : screen->rows - 1;
    go_to(writing, 0, screen->rows - 1);
    for (int64_t above = saved->line - row; above > 0; above--)
        put(writing, "\n");
    put_saved(writing, saved, (int)row);
    set_plain(writing);
    put(writing, "\x1b[3J\x1b[H");
}

/* --- the whole --- */

static void put_designation(struct writing *writing, unsigned level, unsigned charset)
{
    static const char designators[CHARSETS] = {'(', ')', '*', '+'};
    buffer_append_format(writing->out, "\x1b%c%c", designators[level], charset_final(charset));
}

static void put_charsets(struct writing *writing)
{
    static const char *const shifts[CHARSETS] = {"", "\x0e", "\x1bn", "\x1bo"};
    const struct screen *screen = writing->screen;
    for (unsigned i = 0; i < CHARSETS; i++)
        if (screen->sets[i])
            put_designation(writing, i, screen->sets[i]);
    put(writing, shifts[screen->level]);
    if (screen->charset != screen->sets[screen->level]) { /* it came from a saved cursor */
        put(writing, "\x1b"
                     "8\x1b[0m");
        writing->pen = (struct cell){0};
    }
}

/* Writes the character before the cursor again, so that the cursor is behind it as before: a mark would join
 * it, and at the end of a row the next character wraps. */
static void put_before_cursor(struct writing *writing, int y)
{
    const struct screen *screen = writing->screen;
    struct shown shown = {.row = *screen_row(screen, screen->y), .clusters = &screen->clusters};
    int end = screen->x < screen->columns ? screen->x : screen->columns;
    int x = end >= 2 && is_wide(&shown.row, end - 2, screen->columns) ? end - 2 : end - 1;
    struct cell cell = grid_cell(&shown.row, x);
    bool other_set = !screen->join && screen->charset != CHARSET_ASCII;
    if (other_set)
        put_designation(writing, screen->level, CHARSET_ASCII);
    go_to(writing, x, y);
    set_pen(writing, screen->join ? screen->pen : cell);
    writing->charset = screen->join ? screen->charset : CHARSET_ASCII;
    if (screen_mode(screen, MODE_INSERT))
        put_number(writing, end - x, 'P');
    put_codes(writing, &cell, shown.clusters);
    if (other_set)
        put_designation(writing, screen->level, screen->sets[screen->level]);
    if (!screen->join) {
        put(writing, NOTHING);
        set_pen(writing, screen->pen);
        if (screen->x > screen->columns)
            put(writing, "\xe2\x80\x8b"); /* a lone mark beyond the last column counts, but is not shown */
    }
}

/* Without wrapping, a wide character at the last column is not shown; yet a mark takes what is there for it.
 */
static bool was_not_shown(const struct screen *screen)
{
    const struct row *row = screen_row(screen, screen->y);
    int before = screen->x - 2; /* where it is if it was shown */
    if (screen->join != 2 || screen_mode(screen, MODE_WRAP) || screen->x != screen->columns - 1)
        return false;
    if (before < 0 || !is_wide(row, before, screen->columns))
        return true;
    struct cell cell = grid_cell(row, before);
    return !looks_alike(&cell, &screen->pen);
}

static void put_unshown(struct writing *writing, int y)
{
    go_to(writing, writing->screen->columns - 1, y);
    put(writing, "\xe3\x80\x80");
}

/* With its column, and what it is behind. */
static void put_place(struct writing *writing, int y)
{
    const struct screen *screen = writing->screen;
    if (was_not_shown(screen)) {
        set_pen(writing, screen->pen);
        put_unshown(writing, y);
    } else if ((screen->join && screen->x > 0) || screen->x >= screen->columns) {
        put_before_cursor(writing, y);
    } else {
        set_pen(writing, screen->pen);
        go_to(writing, screen->x, y);
    }
}

static void put_cursor(struct writing *writing)
{
    const struct screen *screen = writing->screen;
    const struct screen_page *page = screen->page;
    bool outside = screen->y < page->top || screen->y > page->bottom;
    if (!screen_mode(screen, MODE_ORIGIN)) {
        put_place(writing, screen->y);
        return;
    }
    put(writing, "\x1b[?6h");
    if (outside && page == &screen->primary) { /* it came from the other screen, whose region is another */
        put(writing, "\x1b[?47h");
        put_place(writing, screen->y);
        put(writing, "\x1b[?47l");
    } else {
        put_place(writing, outside ? 0 : screen->y - page->top);
    }
}

static void put_alternate(struct writing *writing)
{
    const struct screen *screen = writing->screen;
    bool shown = screen->page == &screen->alternate;
    if (!shown && !is_saved(&screen->alternate.saved))
        return;
    set_plain(writing);
    put(writing, "\x1b[?47h\x1b[H");
    writing->first = true;
    if (shown) {
        put_grid(writing, &screen->alternate.grid);
        put_page(writing, &screen->alternate, screen->alternate.saved.line);
    } else {
        put_saved(writing, &screen->alternate.saved, (int)screen->alternate.saved.line);
        put(writing, "\x1b[?47l");
    }
}

static bool put_all(struct writing *writing, size_t skipped)
{
    const struct screen *screen = writing->screen;
    put(writing, "\x18\x1b"
                 "c\x1b[20l");
    put_saved_elsewhere(writing);
    if (!put_scrollback(writing, skipped))
        return false;
    put_grid(writing, &screen->primary.grid);
    if (screen->page == &screen->primary)
        put_alternate(writing);
    put_page(writing, &screen->primary, screen->primary.saved.line - (int64_t)screen->scrollback.lines);
    if (screen->page == &screen->alternate)
        put_alternate(writing);
    if (screen->title[0])
        buffer_append_format(writing->out, "\x1b]2;%s\x07", screen->title);
    put_charsets(writing);
    modes_snapshot(screen, writing->out);
    put_cursor(writing);
    return buffer_room(writing->out) >= LONGEST_PIECE;
}

bool screen_snapshot(const struct screen *screen, struct buffer *out)
{
    size_t skipped = 0, lines = screen->scrollback.lines, size = buffer_size(out);
    for (;;) {
        struct writing writing = {.screen = screen, .out = out, .first = true};
        if (put_all(&writing, skipped))
            return true;
        out->end = out->start + size;
        if (skipped == lines)
            return false;
        skipped += (lines - skipped + 1) / 2;
    }
}
