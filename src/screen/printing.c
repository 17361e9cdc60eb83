/* Characters onto the grid: width, wrapping, insert mode, marks that join the character before. */
#include "screen/charset.h"
#include "screen/line.h"
#include "screen/printing.h"
#include "screen/width.h"
#include "screen/work.h"

void printing_scroll(struct screen *screen, bool wrapped)
{
    struct screen_page *page = screen->page;
    if (page == &screen->primary && page->top == 0 && screen->settings.scrollback_lines > 0) {
        line_encode(screen_row(screen, 0), &screen->clusters, &screen->line);
        scrollback_push(&screen->scrollback, buffer_slice(&screen->line));
    }
    if (page->top > 0 || page->bottom < screen->rows - 1)
        work_add(screen, WORK_PER_ROW * (page->bottom - page->top + 1));
    grid_scroll_up(&page->grid, page->top, page->bottom, screen->pen.bg & COLOUR);
    screen_row(screen, page->bottom)->wrapped = wrapped;
}

/* --- clusters --- */

static void mark_page(struct screen *screen, const struct screen_page *page)
{
    for (int y = 0; y < page->grid.row_count; y++) {
        const struct row *row = grid_row(&page->grid, y);
        for (int x = 0; x < row->used; x++)
            if (row->cells[x].content & CELL_CLUSTER)
                clusters_mark(&screen->clusters, row->cells[x].content & CELL_CODE);
    }
}

void printing_sweep(struct screen *screen)
{
    work_add(screen, 2 * (int64_t)screen->columns * screen->rows + CLUSTERS_MOST);
    mark_page(screen, &screen->primary);
    mark_page(screen, &screen->alternate);
    clusters_sweep(&screen->clusters);
}

/* A mark joins the character in the cell; more than CLUSTER_MOST are left out. */
static void join(struct screen *screen, struct cell *cell, uint32_t code)
{
    uint32_t codes[CLUSTER_MOST] = {cell->content & CELL_CODE};
    size_t count = 1;
    if (cell->content & CELL_CLUSTER) {
        const struct cluster *cluster = clusters_get(&screen->clusters, codes[0]);
        count = cluster->count;
        memcpy(codes, cluster->codes, count * sizeof *codes);
    }
    uint32_t content = code;
    if (cell_has_content(cell)) {
        if (count == CLUSTER_MOST)
            return;
        codes[count++] = code;
        int32_t number = clusters_add(&screen->clusters, codes, count);
        if (number < 0) {
            printing_sweep(screen);
            number = clusters_add(&screen->clusters, codes, count);
        }
        if (number < 0)
            return;
        content = (uint32_t)number | CELL_CLUSTER;
    }
    cell->content =
        (cell->content & ~(CELL_CONTENT | CELL_WIDTH)) | content | screen->join << CELL_WIDTH_SHIFT;
}

static void print_mark(struct screen *screen, uint32_t code)
{
    if (screen->x == 0 || screen->x > screen->columns)
        return;
    struct row *row = screen_row(screen, screen->y);
    struct cell *cells = grid_cells(&screen->page->grid, row, screen->x);
    int back = cell_width(&cells[screen->x - 1]) || screen->x < 2 ? 1 : 2;
    join(screen, &cells[screen->x - back], code);
}

/* --- characters of their own --- */

/* Halves of wide characters at both ends of what was just written, from start up to end. */
static void mend(struct screen *screen, struct row *row, int start, int end)
{
    struct cell *cells = row->cells;
    if (start > 0 && start <= row->used && cell_width(&cells[start - 1]) == 2)
        cells[start - 1] = cell_of(&screen->pen, 0, 1);
    if (end < row->used && cell_is_stub(&cells[end]))
        cells[end] = cell_of(&screen->pen, 0, 1);
}

/* The text goes on in the next row. */
static void wrap(struct screen *screen)
{
    struct screen_page *page = screen->page;
    struct row *row = screen_row(screen, screen->y);
    if (screen->x < screen->columns) { /* a wide character did not fit */
        struct cell *cells = grid_cells(&page->grid, row, screen->columns);
        for (int x = screen->x; x < screen->columns; x++)
            cells[x] = cell_of(&screen->pen, 0, 1);
    }
    screen->x = 0;
    if (screen->y == page->bottom) {
        printing_scroll(screen, true);
        return;
    }
    if (screen->y < screen->rows - 1)
        screen->y++;
    screen_row(screen, screen->y)->wrapped = true;
}

/* Makes room for `count` cells at x, which are to be written. */
static struct cell *open_cells(struct screen *screen, struct row *row, int count)
{
    const struct grid *grid = &screen->page->grid;
    if (screen_mode(screen, MODE_INSERT) && count > 0) {
        work_add(screen, screen->columns);
        grid_insert(grid, row, screen->x, count, cell_of(&screen->pen, 0, 1));
    }
    struct cell *cells = grid_cells(grid, row, screen->x);
    if (row->used < screen->x + count)
        row->used = screen->x + count;
    return cells;
}

static void print(struct screen *screen, uint32_t code, unsigned width)
{
    if (screen->x + (int)width > screen->columns) {
        mend(screen, screen_row(screen, screen->y), screen->x, screen->x);
        if (screen_mode(screen, MODE_WRAP)) {
            wrap(screen);
        } else {
            screen->x = screen->columns - 1;
            if (width == 2)
                return;
        }
    }
    int x = screen->x;
    int cells_written = width ? (int)width : 1;
    if (x + cells_written > screen->columns) { /* a lone mark beyond the last column */
        screen->x++;
        return;
    }
    struct row *row = screen_row(screen, screen->y);
    struct cell *cells = open_cells(screen, row, (int)width);
    if (width == 0)
        cells = grid_cells(&screen->page->grid, row, x + 1);
    cells[x] = cell_of(&screen->pen, code, width);
    if (width == 2)
        cells[x + 1] = cell_of(&screen->pen, 0, 0);
    screen->x += cells_written;
    mend(screen, row, x, screen->x);
}

void printing_character(struct screen *screen, uint32_t code)
{
    unsigned width = width_of(code);
    if (width == 0 && screen->join) {
        print_mark(screen, code);
        return;
    }
    print(screen, code, width);
    screen->join = width;
}

/* --- runs of ASCII --- */

static void print_run(struct screen *screen, struct slice run)
{
    struct row *row = screen_row(screen, screen->y);
    int count = (int)run.size;
    struct cell *cells = open_cells(screen, row, count) + screen->x;
    struct cell cell = cell_of(&screen->pen, 0, 1);
    uint32_t rest = cell.content;
    for (int i = 0; i < count; i++) {
        cell.content = rest | (unsigned char)run.data[i];
        cells[i] = cell;
    }
    screen->x += count;
    mend(screen, row, screen->x - count, screen->x);
}

void printing_text(struct screen *screen, struct slice ascii)
{
    if (screen->charset != CHARSET_ASCII) {
        for (size_t i = 0; i < ascii.size; i++)
            printing_character(screen, charset_map(screen->charset, (unsigned char)ascii.data[i]));
        return;
    }
    while (ascii.size > 0) {
        if (screen->x >= screen->columns) {
            if (screen_mode(screen, MODE_WRAP))
                wrap(screen);
            else
                screen->x = screen->columns - 1;
        }
        size_t room = (size_t)(screen->columns - screen->x);
        print_run(screen, slice_between(ascii, 0, room));
        ascii = slice_from(ascii, room);
    }
    screen->join = 1;
}

void printing_repeat(struct screen *screen, int count)
{
    int x = screen->x - (int)screen->join;
    if (!screen->join || x < 0 || x >= screen->columns)
        return;
    uint32_t codes[CLUSTER_MOST], content;
    struct cell cell = grid_cell(screen_row(screen, screen->y), x);
    size_t size = 1;
    content = cell.content & CELL_CODE;
    if (cell.content & CELL_CLUSTER) {
        const struct cluster *cluster = clusters_get(&screen->clusters, content);
        size = cluster->count;
        memcpy(codes, cluster->codes, size * sizeof *codes);
    } else {
        codes[0] = content;
        size = content ? 1 : 0;
    }
    int most = screen->columns * screen->rows;
    if (count > most)
        count = most;
    if (count > screen->repeats_left) /* a dozen bytes ask for a screenful each: the work is limited */
        count = screen->repeats_left;
    screen->repeats_left -= count;
    work_add(screen, count);
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < size; j++)
            printing_character(screen, codes[j]);
}
