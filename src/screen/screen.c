/* A terminal's screen as data: the parts put together. */
#include <stdlib.h>

#include "base/memory.h"
#include "screen/answers.h"
#include "screen/controls.h"
#include "screen/csi.h"
#include "screen/cursor.h"
#include "screen/line.h"
#include "screen/modes.h"
#include "screen/printing.h"
#include "screen/state.h"

/* --- what the parser finds --- */

static void on_text(void *owner, struct slice ascii)
{
    printing_text(owner, ascii);
}

static void on_character(void *owner, uint32_t code)
{
    printing_character(owner, code);
}

static void on_control(void *owner, uint32_t code)
{
    controls_execute(owner, code);
}

static bool on_escape(void *owner, uint32_t collected, char final)
{
    return controls_escape(owner, collected, final);
}

static bool on_csi(void *owner, const struct parser_parameters *parameters, uint32_t collected, char final)
{
    return csi_dispatch(owner, parameters, collected, final);
}

static bool on_osc(void *owner, struct slice bytes)
{
    return answers_osc(owner, bytes);
}

static bool on_dcs(void *owner, uint32_t collected, char final, struct slice bytes)
{
    return answers_dcs(owner, collected, final, bytes);
}

static void on_aborted(void *owner)
{
    struct screen *screen = owner;
    screen->join = 0;
}

static void on_live(void *owner, struct slice bytes)
{
    const struct screen *screen = owner;
    screen->settings.on_output(screen->settings.owner, bytes);
}

#define EVENTS                                                                                               \
    .text = on_text, .character = on_character, .control = on_control, .escape = on_escape, .csi = on_csi,   \
    .osc = on_osc, .dcs = on_dcs, .aborted = on_aborted

static const struct parser_events silent = {EVENTS}, live = {EVENTS, .live = on_live};

/* --- its life --- */

struct screen *screen_new(const struct screen_settings *settings)
{
    struct screen *screen = MEMORY_NEW(struct screen);
    screen->settings = *settings;
    screen->columns = screen_clip(settings->columns, SCREEN_LEAST_COLUMNS);
    screen->rows = screen_clip(settings->rows, SCREEN_LEAST_ROWS);
    screen->line = BUFFER(LINE_MOST);
    screen->scrollback.most_lines = settings->scrollback_lines;
    screen->scrollback.most_bytes = settings->scrollback_bytes;
    parser_init(&screen->parser, settings->on_output ? &live : &silent, screen);
    screen->page = &screen->primary;
    grid_init(&screen->primary.grid, screen->columns, screen->rows);
    screen->modes = MODES_DEFAULT;
    controls_reset(screen);
    return screen;
}

static size_t feed(struct screen *screen, struct slice bytes)
{
    screen->work = 0;
    size_t taken = parser_feed(&screen->parser, bytes);
    screen->fed += taken;
    return taken;
}

size_t screen_feed_some(struct screen *screen, struct slice bytes)
{
    screen->repeats_left = REPEATS_MOST;
    return bytes.size ? feed(screen, bytes) : 0;
}

void screen_feed(struct screen *screen, struct slice bytes)
{
    screen->repeats_left = REPEATS_MOST;
    while (bytes.size > 0)
        bytes = slice_from(bytes, feed(screen, bytes));
}

uint64_t screen_place(const struct screen *screen)
{
    return screen->fed;
}

struct slice screen_pending(const struct screen *screen)
{
    return parser_pending(&screen->parser);
}

int screen_columns(const struct screen *screen)
{
    return screen->columns;
}

int screen_rows(const struct screen *screen)
{
    return screen->rows;
}

void screen_text(const struct screen *screen, size_t lines, struct buffer *out)
{
    int first = screen->rows;
    while (first > 0 && lines > 0)
        if (grid_length(screen_row(screen, --first)) > 0)
            lines--;
    for (int y = first; y < screen->rows; y++) {
        const struct row *row = screen_row(screen, y);
        if (grid_length(row) == 0)
            continue;
        line_text(row, &screen->clusters, out);
        buffer_append_text(out, "\n");
    }
}

void screen_free(struct screen **pointer)
{
    struct screen *screen = *pointer;
    *pointer = NULL;
    if (!screen)
        return;
    parser_free(&screen->parser);
    grid_free(&screen->primary.grid);
    grid_free(&screen->alternate.grid);
    scrollback_clear(&screen->scrollback);
    clusters_free(&screen->clusters);
    buffer_free(&screen->line);
    free(screen);
}
