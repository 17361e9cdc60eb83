/* Control sequences. */
#include "screen/answers.h"
#include "screen/controls.h"
#include "screen/csi.h"
#include "screen/cursor.h"
#include "screen/modes.h"
#include "screen/printing.h"
#include "screen/sgr.h"
#include "screen/work.h"

typedef void csi_fn(struct screen *screen, const struct parser_parameters *parameters);

/* The value at a place, `fallback` for a missing one or 0. */
static int32_t value_or(const struct parser_parameters *parameters, int at, int32_t fallback)
{
    return at < parameters->count && parameters->values[at] ? parameters->values[at] : fallback;
}

static int32_t count_of(const struct parser_parameters *parameters, int most)
{
    int32_t count = value_or(parameters, 0, 1);
    return count < most ? count : most;
}

static bool in_region(const struct screen *screen)
{
    return screen->y >= screen->page->top && screen->y <= screen->page->bottom;
}

/* --- the cursor --- */

static void up(struct screen *screen, const struct parser_parameters *parameters)
{
    int64_t count = value_or(parameters, 0, 1), room = screen->y - screen->page->top;
    cursor_move(screen, 0, -(room >= 0 && room < count ? room : count));
}

static void down(struct screen *screen, const struct parser_parameters *parameters)
{
    int64_t count = value_or(parameters, 0, 1), room = screen->page->bottom - screen->y;
    cursor_move(screen, 0, room >= 0 && room < count ? room : count);
}

static void right(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_move(screen, value_or(parameters, 0, 1), 0);
}

static void left(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_move(screen, -(int64_t)value_or(parameters, 0, 1), 0);
}

static void down_first(struct screen *screen, const struct parser_parameters *parameters)
{
    down(screen, parameters);
    screen->x = 0;
}

static void up_first(struct screen *screen, const struct parser_parameters *parameters)
{
    up(screen, parameters);
    screen->x = 0;
}

static void to_column(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_set(screen, value_or(parameters, 0, 1) - 1, screen->y);
}

static void to_row(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_set(screen, screen->x, value_or(parameters, 0, 1) - 1);
}

static void to_place(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_set(screen, value_or(parameters, 1, 1) - 1, value_or(parameters, 0, 1) - 1);
}

static void by_rows(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_move(screen, 0, value_or(parameters, 0, 1));
}

static void save(struct screen *screen, const struct parser_parameters *parameters)
{
    (void)parameters;
    cursor_save(screen);
}

static void restore(struct screen *screen, const struct parser_parameters *parameters)
{
    (void)parameters;
    cursor_restore(screen);
}

static void tab(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_tab(screen, count_of(parameters, screen->columns));
}

static void tab_back(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_tab(screen, -count_of(parameters, screen->columns));
}

static void clear_stops(struct screen *screen, const struct parser_parameters *parameters)
{
    if (parameters->values[0] == 0)
        cursor_set_stop(screen->page, screen->x, false);
    else if (parameters->values[0] == 3)
        memset(screen->page->stops, 0, sizeof screen->page->stops);
}

static void cursor_style(struct screen *screen, const struct parser_parameters *parameters)
{
    if (parameters->values[0] <= 6)
        screen->cursor_style = parameters->values[0];
}

static void region(struct screen *screen, const struct parser_parameters *parameters)
{
    int32_t top = value_or(parameters, 0, 1), bottom = value_or(parameters, 1, screen->rows);
    if (bottom > screen->rows)
        bottom = screen->rows;
    if (bottom <= top)
        return;
    screen->page->top = top - 1;
    screen->page->bottom = bottom - 1;
    cursor_set(screen, 0, 0);
}

/* --- erasing --- */

/* Of rows that are emptied or moved; of all cells in them. */
static void worked_on_rows(struct screen *screen, int64_t rows, bool cells)
{
    work_add(screen, rows * (cells ? screen->columns : WORK_PER_ROW));
}

/* Cells of the cursor's row from start up to end. */
static void erase(struct screen *screen, int start, int end, bool selective)
{
    struct row *row = screen_row(screen, screen->y);
    worked_on_rows(screen, 1, true);
    (selective ? grid_replace_unprotected : grid_replace)(&screen->page->grid, row, start, end,
                                                          screen_erased(screen));
}

static void erase_row(struct screen *screen, int y, bool selective)
{
    struct row *row = screen_row(screen, y);
    worked_on_rows(screen, 1, selective);
    if (selective)
        grid_replace_unprotected(&screen->page->grid, row, 0, screen->columns, screen_erased(screen));
    else
        grid_clear_row(row, screen_erased(screen).bg);
    row->wrapped = false;
}

static void erase_line(struct screen *screen, int32_t what, bool selective)
{
    cursor_restrict(screen, screen->columns);
    if (what == 0)
        erase(screen, screen->x, screen->columns, selective);
    else if (what == 1)
        erase(screen, 0, screen->x + 1, selective);
    else if (what == 2)
        erase(screen, 0, screen->columns, selective);
    if (what == 2 || (what == 0 && screen->x == 0))
        screen_row(screen, screen->y)->wrapped = false;
}

static void erase_above(struct screen *screen, bool selective)
{
    erase(screen, 0, screen->x + 1, selective);
    screen_row(screen, screen->y)->wrapped = false;
    if (screen->x + 1 >= screen->columns && screen->y + 1 < screen->rows)
        screen_row(screen, screen->y + 1)->wrapped = false;
    for (int y = 0; y < screen->y; y++)
        erase_row(screen, y, selective);
}

static void erase_display(struct screen *screen, int32_t what, bool selective)
{
    cursor_restrict(screen, screen->columns);
    if (what == 0) {
        erase_line(screen, 0, selective);
        for (int y = screen->y + 1; y < screen->rows; y++)
            erase_row(screen, y, selective);
    } else if (what == 1) {
        erase_above(screen, selective);
    } else if (what == 2) {
        for (int y = 0; y < screen->rows; y++)
            erase_row(screen, y, selective);
    } else if (what == 3 && screen->page == &screen->primary) {
        scrollback_clear(&screen->scrollback);
    }
}

static void display(struct screen *screen, const struct parser_parameters *parameters)
{
    erase_display(screen, parameters->values[0], false);
}

static void line(struct screen *screen, const struct parser_parameters *parameters)
{
    erase_line(screen, parameters->values[0], false);
}

static void display_selective(struct screen *screen, const struct parser_parameters *parameters)
{
    erase_display(screen, parameters->values[0], true);
}

static void line_selective(struct screen *screen, const struct parser_parameters *parameters)
{
    erase_line(screen, parameters->values[0], true);
}

static void characters(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_restrict(screen, screen->columns - 1);
    erase(screen, screen->x, screen->x + count_of(parameters, screen->columns), false);
}

static void protection(struct screen *screen, const struct parser_parameters *parameters)
{
    int32_t value = parameters->values[0];
    if (value == 1)
        screen->pen.bg |= CELL_PROTECTED;
    else if (value == 0 || value == 2)
        screen->pen.bg &= ~CELL_PROTECTED;
}

/* --- moving text --- */

static void insert_characters(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_restrict(screen, screen->columns - 1);
    worked_on_rows(screen, 1, true);
    grid_insert(&screen->page->grid, screen_row(screen, screen->y), screen->x,
                count_of(parameters, screen->columns), screen_erased(screen));
}

static void delete_characters(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_restrict(screen, screen->columns - 1);
    worked_on_rows(screen, 1, true);
    grid_delete(&screen->page->grid, screen_row(screen, screen->y), screen->x,
                count_of(parameters, screen->columns), screen_erased(screen));
}

/* So many times all rows from `top` on are moved by one, up to the bottom of the region. */
static int32_t moves_of(struct screen *screen, const struct parser_parameters *parameters, int top)
{
    int32_t count = count_of(parameters, screen->rows);
    worked_on_rows(screen, (int64_t)count * (screen->page->bottom - top + 1), false);
    return count;
}

static void insert_lines(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_restrict(screen, screen->columns - 1);
    if (!in_region(screen))
        return;
    for (int32_t count = moves_of(screen, parameters, screen->y); count > 0; count--)
        grid_scroll_down(&screen->page->grid, screen->y, screen->page->bottom, screen_erased(screen).bg);
    screen->x = 0;
}

static void delete_lines(struct screen *screen, const struct parser_parameters *parameters)
{
    cursor_restrict(screen, screen->columns - 1);
    if (!in_region(screen))
        return;
    for (int32_t count = moves_of(screen, parameters, screen->y); count > 0; count--)
        grid_scroll_up(&screen->page->grid, screen->y, screen->page->bottom, screen_erased(screen).bg);
    screen->x = 0;
}

static void scroll_up(struct screen *screen, const struct parser_parameters *parameters)
{
    for (int32_t count = moves_of(screen, parameters, screen->page->top); count > 0; count--)
        grid_scroll_up(&screen->page->grid, screen->page->top, screen->page->bottom,
                       screen_erased(screen).bg);
}

static void scroll_down(struct screen *screen, const struct parser_parameters *parameters)
{
    for (int32_t count = moves_of(screen, parameters, screen->page->top); count > 0; count--)
        grid_scroll_down(&screen->page->grid, screen->page->top, screen->page->bottom, 0);
}

/* Columns from x on, in all rows of the region. */
static void move_columns(struct screen *screen, int x, int32_t count, bool insert)
{
    if (!in_region(screen))
        return;
    x %= screen->columns;
    worked_on_rows(screen, screen->page->bottom - screen->page->top + 1, true);
    for (int y = screen->page->top; y <= screen->page->bottom; y++) {
        struct row *row = screen_row(screen, y);
        (insert ? grid_insert : grid_delete)(&screen->page->grid, row, x, count, screen_erased(screen));
        row->wrapped = false;
    }
}

static void scroll_left(struct screen *screen, const struct parser_parameters *parameters)
{
    move_columns(screen, 0, count_of(parameters, screen->columns), false);
}

static void scroll_right(struct screen *screen, const struct parser_parameters *parameters)
{
    move_columns(screen, 0, count_of(parameters, screen->columns), true);
}

static void insert_columns(struct screen *screen, const struct parser_parameters *parameters)
{
    move_columns(screen, screen->x, count_of(parameters, screen->columns), true);
}

static void delete_columns(struct screen *screen, const struct parser_parameters *parameters)
{
    move_columns(screen, screen->x, count_of(parameters, screen->columns), false);
}

static void repeat(struct screen *screen, const struct parser_parameters *parameters)
{
    printing_repeat(screen, value_or(parameters, 0, 1));
}

/* --- the rest --- */

static void set_modes(struct screen *screen, const struct parser_parameters *parameters)
{
    modes_set(screen, parameters, false, true);
}

static void reset_modes(struct screen *screen, const struct parser_parameters *parameters)
{
    modes_set(screen, parameters, false, false);
}

static void set_private_modes(struct screen *screen, const struct parser_parameters *parameters)
{
    modes_set(screen, parameters, true, true);
}

static void reset_private_modes(struct screen *screen, const struct parser_parameters *parameters)
{
    modes_set(screen, parameters, true, false);
}

static void soft_reset(struct screen *screen, const struct parser_parameters *parameters)
{
    (void)parameters;
    controls_soft_reset(screen);
}

static void rendition(struct screen *screen, const struct parser_parameters *parameters)
{
    sgr_apply(&screen->pen, parameters);
}

static csi_fn *const plain[] = {
    ['@'] = insert_characters,
    ['A'] = up,
    ['B'] = down,
    ['C'] = right,
    ['D'] = left,
    ['E'] = down_first,
    ['F'] = up_first,
    ['G'] = to_column,
    ['H'] = to_place,
    ['I'] = tab,
    ['J'] = display,
    ['K'] = line,
    ['L'] = insert_lines,
    ['M'] = delete_lines,
    ['P'] = delete_characters,
    ['S'] = scroll_up,
    ['T'] = scroll_down,
    ['X'] = characters,
    ['Z'] = tab_back,
    ['`'] = to_column,
    ['a'] = right,
    ['b'] = repeat,
    ['d'] = to_row,
    ['e'] = by_rows,
    ['f'] = to_place,
    ['g'] = clear_stops,
    ['h'] = set_modes,
    ['l'] = reset_modes,
    ['m'] = rendition,
    ['r'] = region,
    ['s'] = save,
    ['u'] = restore,
};

static const struct {
    uint16_t collected;
    char final;
    csi_fn *function;
} others[] = {
    {'?', 'h', set_private_modes}, {'?', 'l', reset_private_modes}, {'?', 'J', display_selective},
    {'?', 'K', line_selective},    {' ', '@', scroll_left},         {' ', 'A', scroll_right},
    {' ', 'q', cursor_style},      {'!', 'p', soft_reset},          {'"', 'q', protection},
    {'\'', '}', insert_columns},   {'\'', '~', delete_columns},
};

bool csi_dispatch(struct screen *screen, const struct parser_parameters *parameters, uint32_t collected,
                  char final)
{
    csi_fn *function = NULL;
    if (!collected && (size_t) final < sizeof plain / sizeof plain[0])
        function = plain[(size_t) final];
    for (size_t i = 0; collected && !function && i < sizeof others / sizeof others[0]; i++)
        if (others[i].collected == collected && others[i].final == final)
            function = others[i].function;
    if (function)
        function(screen, parameters);
    screen->join = 0;
    return !function && answers_csi(screen, parameters, collected, final);
}
