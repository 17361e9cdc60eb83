/* C0 and C1 controls and escape sequences of ESC and one letter. */
#include "screen/charset.h"
#include "screen/controls.h"
#include "screen/cursor.h"
#include "screen/modes.h"
#include "screen/work.h"

static void choose_level(struct screen *screen, unsigned level)
{
    screen->level = level;
    screen->charset = screen->sets[level];
}

static void designate(struct screen *screen, unsigned level, unsigned charset)
{
    screen->sets[level] = charset;
    if (screen->level == level)
        screen->charset = charset;
}

static void next_line(struct screen *screen)
{
    screen->x = 0;
    cursor_index(screen);
}

void controls_execute(struct screen *screen, uint32_t code)
{
    screen->join = 0;
    switch (code) {
    case '\b':
        cursor_backspace(screen);
        break;
    case '\t':
        cursor_tab(screen, 1);
        break;
    case '\n':
    case '\v':
    case '\f':
        cursor_line_feed(screen);
        break;
    case '\r':
        screen->x = 0;
        break;
    case 0x0e: /* SO */
    case 0x0f: /* SI */
        choose_level(screen, code == 0x0e);
        break;
    case 0x84: /* IND */
        cursor_index(screen);
        break;
    case 0x85: /* NEL */
        next_line(screen);
        break;
    case 0x88: /* HTS */
        cursor_set_stop(screen->page, screen->x, true);
        break;
    default:
        break;
    }
}

/* --- resets --- */

static void reset_charsets(struct screen *screen)
{
    memset(screen->sets, 0, sizeof screen->sets);
    choose_level(screen, 0);
}

void controls_soft_reset(struct screen *screen)
{
    struct screen_page *page = screen->page;
    screen->modes = MODES_DEFAULT | (screen->modes & MODES_KEPT); /* DECSTR shows the cursor */
    screen->cursor_style = 0;
    screen->pen = (struct cell){0};
    reset_charsets(screen);
    page->top = 0;
    page->bottom = screen->rows - 1;
    page->saved =
        (struct screen_saved){.line = page == &screen->primary ? (int64_t)screen->scrollback.lines : 0};
}

static void reset_page(struct screen *screen, struct screen_page *page)
{
    page->top = 0;
    page->bottom = screen->rows - 1;
    page->saved = (struct screen_saved){0};
    memset(page->stops, 0, sizeof page->stops);
    cursor_default_stops(page, 0);
}

void controls_reset(struct screen *screen)
{
    work_add(screen, WORK_PER_ROW * screen->rows + SCREEN_MOST);
    modes_show_alternate(screen, false);
    scrollback_clear(&screen->scrollback);
    reset_page(screen, &screen->primary);
    reset_page(screen, &screen->alternate);
    for (int y = 0; y < screen->primary.grid.row_count; y++)
        grid_clear_row(grid_row(&screen->primary.grid, y), 0);
    screen->x = screen->y = 0;
    screen->pen = (struct cell){0};
    screen->modes = (MODES_DEFAULT & ~(unsigned)MODES_KEPT) | (screen->modes & MODES_KEPT);
    screen->cursor_style = screen->mouse = screen->mouse_encoding = 0;
    reset_charsets(screen);
}

/* DECALN */
static void fill_with_e(struct screen *screen)
{
    struct cell cell = {.content = CELL_EMPTY | 'E', .fg = screen->pen.fg, .bg = screen->pen.bg};
    cursor_set(screen, 0, 0);
    work_add(screen, (int64_t)screen->rows * screen->columns);
    for (int y = 0; screen->y + y < screen->rows; y++) {
        struct row *row = screen_row(screen, screen->y + y);
        struct cell *cells = grid_cells(&screen->page->grid, row, screen->columns);
        for (int x = 0; x < screen->columns; x++)
            cells[x] = cell;
        row->wrapped = false;
    }
    cursor_set(screen, 0, 0);
}

/* --- escape sequences --- */

static void escape_alone(struct screen *screen, char final)
{
    switch (final) {
    case '7':
        cursor_save(screen);
        break;
    case '8':
        cursor_restore(screen);
        break;
    case 'D':
        cursor_index(screen);
        break;
    case 'E':
        next_line(screen);
        break;
    case 'H':
        cursor_set_stop(screen->page, screen->x, true);
        break;
    case 'M':
        cursor_reverse_index(screen);
        break;
    case '=':
    case '>':
        screen->modes = final == '=' ? screen->modes | MODE_KEYPAD : screen->modes & ~(unsigned)MODE_KEYPAD;
        break;
    case 'c':
        controls_reset(screen);
        break;
    default:
        break;
    }
}

/* ESC n, o, |, }, ~: G1 to G3 are chosen. */
static bool shift(struct screen *screen, char final)
{
    static const char levels[] = {'~', 1, 'n', 2, '}', 2, 'o', 3, '|', 3};
    for (size_t i = 0; i < sizeof levels; i += 2)
        if (levels[i] == final) {
            choose_level(screen, (unsigned)levels[i + 1]);
            return true;
        }
    return false;
}

static void escape_charset(struct screen *screen, uint32_t collected, char final)
{
    static const char levels[] = {'(', 0, ')', 1, '*', 2, '+', 3, '-', 1, '.', 2};
    int charset = charset_of(final);
    if (collected == '%' && (final == '@' || final == 'G')) {
        choose_level(screen, 0);
        designate(screen, 0, CHARSET_ASCII);
        return;
    }
    for (size_t i = 0; i < sizeof levels && charset >= 0; i += 2)
        if ((uint32_t)levels[i] == collected)
            designate(screen, (unsigned)levels[i + 1], (unsigned)charset);
}

bool controls_escape(struct screen *screen, uint32_t collected, char final)
{
    screen->join = 0;
    if (collected == '#' && final == '8')
        fill_with_e(screen);
    else if (collected)
        escape_charset(screen, collected, final);
    else if (!shift(screen, final))
        escape_alone(screen, final);
    return false;
}
