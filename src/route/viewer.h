/* One viewer of a terminal: WebSocket and link, and what passes between them (route/viewers.h). */
#pragma once

#include "http/exchange.h"

struct viewer;

struct viewer_events {
    /* Both sides are closed. Once, from the loop; free it there. */
    void (*on_end)(void *owner);
    /* Bytes of the terminal have passed; `typed`: the client's. */
    void (*on_traffic)(void *owner, bool typed);
};

struct viewer_settings {
    int link; /* taken */
    bool may_type;
    struct slice title; /* of the window until the program sets one; copied */
    const struct viewer_events *events;
    void *owner;
};

struct viewer_counts {
    uint64_t typed, shown; /* bytes of the terminal's */
    int64_t used_us;       /* when the last of them passed */
};
struct viewer_counts viewer_counts(const struct viewer *viewer);

/* Sends the exchange its 101 and begins. */
struct viewer *viewer_new(struct exchange *exchange, const struct viewer_settings *settings);
/* Closes both sides now; no callback. Sets *viewer to NULL. */
void viewer_free(struct viewer **viewer);
/* Says goodbye with this close code and waits for the client's as long as `patience_ms`, then cuts. One who
 * leaves already has been told another reason, and stays no longer for it. */
void viewer_leave(struct viewer *viewer, unsigned code, struct slice reason, int64_t patience_ms);
