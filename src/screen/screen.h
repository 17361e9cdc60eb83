/* A terminal's screen as data: bytes of a program in, the state of an emulator out, as escape text that
 * rebuilds it.
 *
 * Its specification is the behaviour of xterm.js 6 with its Unicode 11 widths, which is what viewers run
 * (ttyd's clients and our own page): parser, grid, modes and even odd corners are as there, so that a viewer
 * which got a snapshot and then the same bytes shows the same screen as one that was there from the start.
 * tests/terminal checks it against @xterm/headless; docs/terminals.md lists what differs.
 *
 * Pure: no I/O, no clock. The bytes are hostile: every string, table and number that they can grow has a cap.
 */
#pragma once

#include "base/buffer.h"

enum {
    SCREEN_LEAST_COLUMNS = 2, /* a wide character must fit */
    SCREEN_LEAST_ROWS = 1,
    SCREEN_MOST = 1000, /* columns, rows; beyond it they are clipped */
    SCREEN_TITLE_MOST = 1024,
    SCREEN_PENDING_MOST = 4096
};

struct screen;

struct screen_settings {
    int columns, rows;
    size_t scrollback_lines; /* 0: none */
    size_t scrollback_bytes; /* oldest lines go when either cap is reached */

    /* Each may be NULL; called from screen_feed() with bytes that live until it returns; must not call back.
     */
    void (*on_answer)(void *owner,
                      struct slice bytes); /* what a terminal answers to a query: the program's input */
    void (*on_title)(void *owner, struct slice title); /* UTF-8, no controls, at most SCREEN_TITLE_MOST */
    /* What viewers are to get: all that was fed, without queries (the answer is given here), in whole
     * sequences and characters: an unfinished one comes when it is finished. */
    void (*on_output)(void *owner, struct slice bytes);
    void *owner;
};

struct screen *screen_new(const struct screen_settings *settings);

void screen_feed(struct screen *screen, struct slice bytes);
/* Takes as many of the bytes as may be taken at once, at least one, and returns their number: few bytes can
 * ask for much work (a screen filled, or all its columns moved). What is left is to be fed next. */
size_t screen_feed_some(struct screen *screen, struct slice bytes);

/* How many bytes were fed so far: what a snapshot stands for. */
uint64_t screen_place(const struct screen *screen);

/* What a viewer's emulator needs behind a snapshot and before what comes later: the bytes of an unfinished
 * escape sequence or character, if later output is passed on as it is fed. With on_output, which holds them
 * back, only the beginning of a string sequence that is longer than SCREEN_PENDING_MOST and therefore is
 * being passed on already; such a sequence has no effect. Valid until the next call. */
struct slice screen_pending(const struct screen *screen);

/* Lines of the primary screen that were wrapped are wrapped anew, except the cursor's. Emulators differ in
 * that: viewers need a new snapshot afterwards. */
void screen_resize(struct screen *screen, int columns, int rows);
int screen_columns(const struct screen *screen);
int screen_rows(const struct screen *screen);

/* Appends escape text that rebuilds everything on a fresh or used terminal of the same size, scrollback
 * included; it begins with a reset. If the buffer's limit does not allow all, oldest lines are left out;
 * false, with nothing appended, if it does not even allow the screen. */
bool screen_snapshot(const struct screen *screen, struct buffer *out);

/* Appends the last `lines` rows that are not empty as plain text, each with a newline. */
void screen_text(const struct screen *screen, size_t lines, struct buffer *out);

void screen_free(struct screen **screen);
