/* A viewer of a hold's terminal, for tests: its end of the link, and all that came over it. */
#pragma once

#include "wire/hold_terminal.h"
#include "wire/terminal.h"

#include "world.h"

struct watcher {
    int fd;
    int64_t number;
    struct buffer seen;   /* everything in OUTPUT, from the last snapshot on */
    struct buffer partly; /* of it, what came before the last PLACE */
    uint16_t columns, rows;
    uint64_t place;
    int places; /* how many snapshots there were */
    char title[256];
    char end[512]; /* the sentence; "": not yet */
    bool gone;
};

/* The program gets a terminal of this size; call before start(). */
void want_terminal(struct world *world, int columns, int rows, enum hold_terminal_rule rule);
/* Asks to attach; answers the hold's message, whose body is the caller's. `fd`: the viewer's end. */
json_t *ask_to_attach(struct world *world, const struct hold_terminal_attach *attach, int *fd);
struct watcher watch(struct world *world, const char *user, bool view, int columns, int rows);
/* Takes one record; false when none comes within `timeout_ms`. */
bool watcher_take(struct watcher *watcher, int timeout_ms);
/* Takes records until `text` has been seen since the last snapshot began. */
void watcher_await(struct watcher *watcher, const char *text);
void watcher_await_size(struct watcher *watcher, int columns, int rows);
void watcher_await_end(struct watcher *watcher);
bool watcher_saw(struct watcher *watcher, const char *text);
void watcher_type(struct watcher *watcher, const char *text);
void watcher_send(struct watcher *watcher, struct slice record);
void watcher_resize(struct watcher *watcher, int columns, int rows);
void watcher_leave(struct watcher *watcher);
