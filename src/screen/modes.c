/* Modes that programs set. */
#include "screen/cursor.h"
#include "screen/modes.h"
#include "screen/work.h"

enum { ALWAYS_SET = 3, ALWAYS_RESET = 4 };

static const struct mode {
    int32_t number;
    bool private;
    unsigned mode;
} known[] = {
    {4, false, MODE_INSERT},  {20, false, MODE_NEWLINE},     {1, true, MODE_CURSOR_KEYS},
    {6, true, MODE_ORIGIN},   {7, true, MODE_WRAP},          {12, true, MODE_BLINK},
    {25, true, MODE_VISIBLE}, {45, true, MODE_REVERSE_WRAP}, {66, true, MODE_KEYPAD},
    {1004, true, MODE_FOCUS}, {2004, true, MODE_PASTE},      {2026, true, MODE_SYNCHRONIZED},
};

enum { KNOWN = sizeof known / sizeof known[0] };

static bool is_mouse(int32_t number)
{
    return number == 9 || number == 1000 || number == 1002 || number == 1003;
}

static bool is_mouse_encoding(int32_t number)
{
    return number == 1006 || number == 1016;
}

static const struct mode *find(int32_t number, bool private)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (known[i].number == number && known[i].private == private)
            return &known[i];
    return NULL;
}

/* --- the alternate screen --- */

void modes_show_alternate(struct screen *screen, bool alternate)
{
    struct screen_page *page = alternate ? &screen->alternate : &screen->primary;
    if (screen->page == page)
        return;
    screen->page = page;
    work_add(screen, (int64_t)screen->rows * screen->columns / WORK_PER_ROW); /* memory comes and goes */
    if (!alternate) {
        grid_free(&screen->alternate.grid);
        return;
    }
    grid_init(&page->grid, screen->columns, screen->rows);
    for (int y = 0; y < screen->rows; y++)
        grid_clear_row(grid_row(&page->grid, y), screen->pen.bg & COLOUR);
    page->top = 0;
    page->bottom = screen->rows - 1;
    memset(page->stops, 0, sizeof page->stops);
    cursor_default_stops(page, 0);
}

static void alternate(struct screen *screen, int32_t number, bool on)
{
    if (on && number == 1049)
        cursor_save(screen);
    modes_show_alternate(screen, on);
    if (!on && number == 1049)
        cursor_restore(screen);
}

/* --- setting --- */

static void set_private(struct screen *screen, int32_t number, bool on)
{
    if (number == 6)
        cursor_set(screen, 0, 0);
    else if (is_mouse(number))
        screen->mouse = on ? number : 0;
    else if (is_mouse_encoding(number))
        screen->mouse_encoding = on ? number : 0;
    else if (number == 47 || number == 1047 || number == 1049)
        alternate(screen, number, on);
    else if (number == 1048 && on)
        cursor_save(screen);
    else if (number == 1048)
        cursor_restore(screen);
    else if (number == 2 && on) /* VT100 mode: ASCII everywhere */
        memset(screen->sets, screen->charset = 0, sizeof screen->sets);
}

void modes_set(struct screen *screen, const struct parser_parameters *parameters, bool private, bool on)
{
    for (int i = 0; i < parameters->count; i++) {
        const struct mode *mode = find(parameters->values[i], private);
        if (mode)
            screen->modes = on ? screen->modes | mode->mode : screen->modes & ~mode->mode;
        if (private)
            set_private(screen, parameters->values[i], on);
    }
}

/* --- telling --- */

static int report_other(const struct screen *screen, int32_t number)
{
    switch (number) {
    case 8: /* keys repeat */
        return ALWAYS_SET;
    case 67: /* backspace sends BS */
    case 1005:
    case 1015:
        return ALWAYS_RESET;
    case 1048:
        return 1;
    case 47:
    case 1047:
    case 1049:
        return screen->page == &screen->alternate ? 1 : 2;
    default:
        return 0;
    }
}

int modes_report(const struct screen *screen, int32_t number, bool private)
{
    const struct mode *mode = find(number, private);
    if (mode)
        return screen->modes & mode->mode ? 1 : 2;
    if (!private)
        return number == 2 ? ALWAYS_RESET : number == 12 ? ALWAYS_SET : 0;
    if (is_mouse(number))
        return screen->mouse == number ? 1 : 2;
    if (is_mouse_encoding(number))
        return screen->mouse_encoding == number ? 1 : 2;
    return report_other(screen, number);
}

void modes_snapshot(const struct screen *screen, struct buffer *out)
{
    for (size_t i = 0; i < KNOWN; i++) {
        bool on = screen->modes & known[i].mode, usual = MODES_DEFAULT & known[i].mode;
        if (known[i].mode != MODE_ORIGIN && (on != usual || (MODES_KEPT & known[i].mode)))
            buffer_append_format(out, "\x1b[%s%d%c", known[i].private ? "?" : "", known[i].number,
                                 on ? 'h' : 'l');
    }
    if (screen->mouse)
        buffer_append_format(out, "\x1b[?%dh", screen->mouse);
    if (screen->mouse_encoding)
        buffer_append_format(out, "\x1b[?%dh", screen->mouse_encoding);
    if (screen->cursor_style)
        buffer_append_format(out, "\x1b[%d q", screen->cursor_style);
}
