/* Rows of cells in a ring. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "screen/grid.h"

void grid_init(struct grid *grid, int columns, int rows)
{
    *grid =
        (struct grid){.rows = MEMORY_ARRAY(struct row, (size_t)rows), .row_count = rows, .columns = columns};
}

void grid_free(struct grid *grid)
{
    for (int y = 0; y < grid->row_count; y++)
        free(grid->rows[y].cells);
    free(grid->rows);
    *grid = (struct grid){0};
}

struct cell *grid_cells(const struct grid *grid, struct row *row, int count)
{
    if (!row->cells)
        row->cells = MEMORY_ARRAY(struct cell, (size_t)grid->columns);
    struct cell empty = {.content = CELL_EMPTY, .bg = row->bg};
    for (int x = row->used; x < count; x++)
        row->cells[x] = empty;
    if (row->used < count)
        row->used = count;
    return row->cells;
}

void grid_scroll_up(struct grid *grid, int top, int bottom, uint32_t bg)
{
    if (top == 0 && bottom == grid->row_count - 1) {
        grid->first = grid->first + 1 == grid->row_count ? 0 : grid->first + 1;
    } else {
        struct row gone = *grid_row(grid, top);
        for (int y = top; y < bottom; y++)
            *grid_row(grid, y) = *grid_row(grid, y + 1);
        *grid_row(grid, bottom) = gone;
    }
    grid_clear_row(grid_row(grid, bottom), bg);
}

void grid_scroll_down(struct grid *grid, int top, int bottom, uint32_t bg)
{
    struct row gone = *grid_row(grid, bottom);
    for (int y = bottom; y > top; y--)
        *grid_row(grid, y) = *grid_row(grid, y - 1);
    *grid_row(grid, top) = gone;
    grid_clear_row(grid_row(grid, top), bg);
}

static struct cell emptied(struct cell fill)
{
    fill.content = CELL_EMPTY | (fill.content & ~(CELL_CONTENT | CELL_WIDTH));
    return fill;
}

void grid_insert(const struct grid *grid, struct row *row, int x, int count, struct cell fill)
{
    int columns = grid->columns;
    struct cell *cells = grid_cells(grid, row, columns);
    if (x > 0 && cell_width(&cells[x - 1]) == 2)
        cells[x - 1] = emptied(fill);
    int moved = columns - x - count;
    if (moved > 0)
        memmove(&cells[x + count], &cells[x], (size_t)moved * sizeof *cells);
    for (int i = x; i < columns && i < x + count; i++)
        cells[i] = fill;
    if (cell_width(&cells[columns - 1]) == 2)
        cells[columns - 1] = emptied(fill);
}

void grid_delete(const struct grid *grid, struct row *row, int x, int count, struct cell fill)
{
    int columns = grid->columns;
    struct cell *cells = grid_cells(grid, row, columns);
    int moved = columns - x - count;
    if (moved > 0)
        memmove(&cells[x], &cells[x + count], (size_t)moved * sizeof *cells);
    for (int i = moved > 0 ? columns - count : x; i < columns; i++)
        cells[i] = fill;
    if (x > 0 && cell_width(&cells[x - 1]) == 2)
        cells[x - 1] = emptied(fill);
    if (cell_is_stub(&cells[x]))
        cells[x] = emptied(fill);
}

void grid_replace(const struct grid *grid, struct row *row, int start, int end, struct cell fill)
{
    int columns = grid->columns;
    if (start > 0 && start <= row->used && cell_width(&row->cells[start - 1]) == 2)
        row->cells[start - 1] = emptied(fill);
    if (end >= columns) {
        end = columns;
        if (start == 0)
            row->bg = fill.bg;
        if (fill.bg == row->bg) { /* what is not written out is just that */
            if (start < row->used)
                row->used = start;
            return;
        }
    }
    struct cell *cells = grid_cells(grid, row, end < columns ? end + 1 : end);
    if (end > 0 && end < columns && cell_width(&cells[end - 1]) == 2)
        cells[end] = emptied(fill);
    for (int x = start; x < end; x++)
        cells[x] = fill;
}

void grid_replace_unprotected(const struct grid *grid, struct row *row, int start, int end, struct cell fill)
{
    int columns = grid->columns;
    struct cell *cells = grid_cells(grid, row, columns);
    if (start > 0 && cell_width(&cells[start - 1]) == 2 && !(cells[start - 1].bg & CELL_PROTECTED))
        cells[start - 1] = emptied(fill);
    if (end > 0 && end < columns && cell_width(&cells[end - 1]) == 2 && !(cells[end].bg & CELL_PROTECTED))
        cells[end] = emptied(fill);
    for (int x = start; x < end && x < columns; x++)
        if (!(cells[x].bg & CELL_PROTECTED))
            cells[x] = fill;
}

int grid_length(const struct row *row)
{
    for (int x = row->used; x > 0; x--)
        if (cell_has_content(&row->cells[x - 1]))
            return x - 1 + (cell_width(&row->cells[x - 1]) == 2 ? 2 : 1);
    return 0;
}
