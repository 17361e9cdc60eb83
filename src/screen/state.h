/* The whole state of the emulator; for the files of this folder alone. */
#pragma once

#include "screen/clusters.h"
#include "screen/grid.h"
#include "screen/parser.h"
#include "screen/screen.h"
#include "screen/scrollback.h"

enum { CHARSETS = 4, STOPS_SIZE = SCREEN_MOST / 8, REPEATS_MOST = 4 << 20 };

/* Modes that are on or off; which numbers they have is in modes.c. */
enum screen_mode {
    MODE_INSERT = 1 << 0,
    MODE_NEWLINE = 1 << 1, /* LF is CR LF */
    MODE_CURSOR_KEYS = 1 << 2,
    MODE_ORIGIN = 1 << 3,
    MODE_WRAP = 1 << 4,
    MODE_BLINK = 1 << 5,
    MODE_VISIBLE = 1 << 6,
    MODE_REVERSE_WRAP = 1 << 7,
    MODE_KEYPAD = 1 << 8,
    MODE_FOCUS = 1 << 9,
    MODE_PASTE = 1 << 10,
    MODE_SYNCHRONIZED = 1 << 11
};

/* What ESC 7 saves. */
struct screen_saved {
    int x;
    int64_t line; /* counted from the oldest line of the scrollback on, as xterm.js does */
    uint32_t fg, bg;
    unsigned charset;
};

/* The primary or the alternate screen. The grid of the alternate one exists while it is shown. */
struct screen_page {
    struct grid grid;
    int top, bottom; /* the scroll region, inclusive */
    struct screen_saved saved;
    uint8_t stops[STOPS_SIZE]; /* tabulator stops, a bit per column */
};

struct screen {
    struct screen_settings settings;
    struct parser parser;
    uint64_t fed; /* bytes */
    int64_t work; /* done in this feed: screen/work.h */
    int columns, rows;
    struct screen_page primary, alternate;
    struct screen_page *page; /* the one that is shown */
    struct scrollback scrollback;
    struct clusters clusters;
    struct buffer line; /* for one encoded line */

    int x, y; /* x == columns: the next character wraps */
    struct cell pen;
    int repeats_left; /* characters that REP may still write during this feed */
    unsigned join;    /* the width of what was just printed, which a mark would join; 0: nothing */
    unsigned sets[CHARSETS], level, charset; /* G0 to G3, which is chosen, what characters are read in */

    unsigned modes;     /* of enum screen_mode */
    int mouse;          /* 0, 9, 1000, 1002, 1003 */
    int mouse_encoding; /* 0, 1006, 1016 */
    int cursor_style;   /* of DECSCUSR; 0: the terminal's own */

    char title[SCREEN_TITLE_MOST + 1];
};

static inline struct row *screen_row(const struct screen *screen, int y)
{
    return grid_row(&screen->page->grid, y);
}

/* An empty cell as erasing leaves it: the pen's background colour. */
static inline struct cell screen_erased(const struct screen *screen)
{
    return (struct cell){.content = CELL_EMPTY, .bg = screen->pen.bg & COLOUR};
}

static inline bool screen_mode(const struct screen *screen, enum screen_mode mode)
{
    return screen->modes & mode;
}

/* A number of columns or rows. */
static inline int screen_clip(int value, int least)
{
    return value < least ? least : value > SCREEN_MOST ? SCREEN_MOST : value;
}
