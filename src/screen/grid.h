/* Rows of cells in a ring: scrolling the whole grid moves no row.
 *
 * Invariant of a row: `cells` holds the first `used` cells (NULL while nothing was written); all others are
 * empty, with the background `bg` and no other attribute. */
#pragma once

#include "screen/cell.h"

struct row {
    struct cell *cells;
    int used;
    bool wrapped; /* the text of the row above goes on here */
    uint32_t bg;  /* a colour, no flags */
};

struct grid {
    struct row *rows;
    int first; /* index of the top row */
    int row_count;
    int columns;
};

void grid_init(struct grid *grid, int columns, int rows);
void grid_free(struct grid *grid);

static inline struct row *grid_row(const struct grid *grid, int y)
{
    int index = grid->first + y;
    return &grid->rows[index < grid->row_count ? index : index - grid->row_count];
}

/* The cells of a row, the first `count` of them written out. */
struct cell *grid_cells(const struct grid *grid, struct row *row, int count);

/* A copy of one cell, written out or not. */
static inline struct cell grid_cell(const struct row *row, int x)
{
    return x < row->used ? row->cells[x] : (struct cell){.content = CELL_EMPTY, .bg = row->bg};
}

/* Empties the row: background `bg`, not wrapped. */
static inline void grid_clear_row(struct row *row, uint32_t bg)
{
    row->used = 0;
    row->wrapped = false;
    row->bg = bg;
}

/* Rows top to bottom (inclusive) move by one; the one that goes is emptied and comes in at the other end. */
void grid_scroll_up(struct grid *grid, int top, int bottom, uint32_t bg);
void grid_scroll_down(struct grid *grid, int top, int bottom, uint32_t bg);

/* Cells from `x` on move by `count` >= 1; `fill` comes in. Halves of wide characters that are left become
 * `fill`. */
void grid_insert(const struct grid *grid, struct row *row, int x, int count, struct cell fill);
void grid_delete(const struct grid *grid, struct row *row, int x, int count, struct cell fill);

/* Cells from start up to end become `fill`. */
void grid_replace(const struct grid *grid, struct row *row, int start, int end, struct cell fill);
/* The same, except for protected ones (DECSCA). */
void grid_replace_unprotected(const struct grid *grid, struct row *row, int start, int end, struct cell fill);

/* The number of cells up to the last character, all of it. */
int grid_length(const struct row *row);
