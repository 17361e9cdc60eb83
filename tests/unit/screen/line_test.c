#include "../support.h"

#include "screen/line.h"

enum { COLUMNS = 40 };

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A cell, at random: text, marks, wide characters, empty ones, halves. */
static void fill(struct cell *cells, int x, struct clusters *clusters, uint32_t *seed)
{
    static const uint32_t codes[] = {'a', ' ', '~', 0xe9, 0x4e16, 0x1f600, 0x301, 0x2500, 0x10ffff};
    static const uint32_t colours[] = {0, 0, 0, COLOUR_BASIC | 3, COLOUR_RGB | 0x123456};
    struct cell cell = {.content = CELL_EMPTY};
    uint32_t kind = draw(seed) % 10, code = codes[draw(seed) % 9], marked[] = {code, 0x301, 0x302};
    if (draw(seed) % 3 == 0) {
        cell.fg = colours[draw(seed) % 5] | (draw(seed) % 2 ? CELL_BOLD : 0);
        cell.bg = colours[draw(seed) % 5];
        cell.underline = colours[draw(seed) % 5];
        cell.content |= draw(seed) % 2 << CELL_LINK_SHIFT;
    } else if (x > 0) {
        cell = cells[x - 1];
        cell.content = CELL_EMPTY;
    }
    if (kind == 0)
        cell.content &= ~CELL_WIDTH;
    else if (kind < 6)
        cell.content = (cell.content & ~CELL_WIDTH) | code | draw(seed) % 3 << CELL_WIDTH_SHIFT;
    else if (kind == 6)
        cell.content |= CELL_CLUSTER | (uint32_t)clusters_add(clusters, marked, 2 + draw(seed) % 2);
    cells[x] = cell;
}

/* Decoded, it is the same; clusters have the same numbers, since they are in the same table. */
static void test_again(void **state)
{
    (void)state;
    struct clusters clusters = {0};
    struct buffer bytes = BUFFER(LINE_MOST);
    struct grid grid;
    uint32_t seed = 5;
    grid_init(&grid, COLUMNS, 2);
    for (int round = 0; round < 3000; round++) {
        struct row *row = grid_row(&grid, 0), *again = grid_row(&grid, 1);
        grid_clear_row(row, round % 3 ? 0 : COLOUR_INDEXED | 7);
        grid_clear_row(again, 0);
        row->wrapped = round % 2;
        int used = (int)(draw(&seed) % (COLUMNS + 1));
        struct cell *cells = grid_cells(&grid, row, used);
        for (int x = 0; x < used; x++)
            fill(cells, x, &clusters, &seed);
        line_encode(row, &clusters, &bytes);
        assert_int_equal(line_is_wrapped(buffer_slice(&bytes)), row->wrapped);
        line_decode(buffer_slice(&bytes), &grid, &clusters, again);
        assert_int_equal(again->wrapped, row->wrapped);
        for (int x = 0; x < COLUMNS; x++) {
            struct cell one = grid_cell(row, x), other = grid_cell(again, x);
            assert_memory_equal(&one, &other, sizeof one);
        }
    }
    grid_free(&grid);
    buffer_free(&bytes);
    clusters_free(&clusters);
}

static void test_plain_text_is_small(void **state)
{
    (void)state;
    struct clusters clusters = {0};
    struct buffer bytes = BUFFER(LINE_MOST);
    struct grid grid;
    grid_init(&grid, COLUMNS, 1);
    struct cell *cells = grid_cells(&grid, grid_row(&grid, 0), COLUMNS);
    for (int x = 0; x < 20; x++)
        cells[x].content |= 'x';
    line_encode(grid_row(&grid, 0), &clusters, &bytes);
    assert_int_equal(buffer_size(&bytes), 21); /* what follows is empty */
    buffer_free(&bytes);
    grid_free(&grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_plain_text_is_small),
    };
    return run_group(tests);
}
