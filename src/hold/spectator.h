/* One viewer of a terminal: the hold's end of its link (wire/terminal.h).
 *
 * It is fed what everybody sees and sends it as fast as its peer reads. When it has lost something (too slow,
 * or told to refresh) it asks for a snapshot as soon as its peer has read what was under way; it never holds
 * up anybody else. */
#pragma once

#include "loop/loop.h"
#include "wire/hold_terminal.h"
#include "wire/terminal.h"

struct spectator;

/* None is called from inside a function of this header. */
struct spectator_events {
    /* It typed. Never for one that may only watch. */
    void (*on_input)(void *owner, struct spectator *viewer, struct slice bytes);
    /* It has a (new) size of its own. Never for one that may only watch. */
    void (*on_resize)(void *owner, struct spectator *viewer);
    /* It has lost something and can take a snapshot now: call spectator_show(). */
    void (*on_lost)(void *owner, struct spectator *viewer);
    /* It has left, or talks nonsense: free it. */
    void (*on_gone)(void *owner, struct spectator *viewer);
};

/* What somebody sees who has seen nothing. */
struct spectator_snapshot {
    uint16_t columns, rows;
    struct slice title;
    struct slice text;    /* rebuilds the screen */
    struct slice pending; /* comes before the next output */
    uint64_t place;       /* bytes of the program's output that `text` stands for */
};

/* Takes `fd` over. It has seen nothing: call spectator_show(). NULL (fd closed) when it cannot be watched. */
struct spectator *spectator_new(struct loop *loop, int fd, const struct hold_terminal_attach *attach,
                                const struct spectator_events *events, void *owner);

void spectator_show(struct spectator *viewer, const struct spectator_snapshot *snapshot);
/* Live output, size and title: records in this order. */
void spectator_output(struct spectator *viewer, struct slice bytes);
void spectator_tell_size(struct spectator *viewer, uint16_t columns, uint16_t rows);
void spectator_tell_title(struct spectator *viewer, struct slice title);
/* Sends what can be sent: after the calls above, once. */
void spectator_flush(struct spectator *viewer);
/* What it has seen is out of date: on_lost fires after `delay_ms`, or later when its peer is slow. */
void spectator_refresh(struct spectator *viewer, int64_t delay_ms);
/* The last record. A pause counts no more, and no events but on_gone fire. */
void spectator_end(struct spectator *viewer, struct slice sentence);
bool spectator_is_lost(const struct spectator *viewer); /* a snapshot is due */
bool spectator_is_told(const struct spectator *viewer); /* everything has left for its peer */

/* False: what it types is held, a little of it, and then left in its socket, so that its peer has to wait.
 * What is no input is heard unless it is behind more input than that. */
void spectator_listen(struct spectator *viewer, bool listens);

bool spectator_may_type(const struct spectator *viewer);
const char *spectator_user(const struct spectator *viewer);
/* 0: it has none, or no say in it. */
uint16_t spectator_columns(const struct spectator *viewer);
uint16_t spectator_rows(const struct spectator *viewer);

/* The owner's own, zero at first. */
struct spectator_note {
    int64_t number;            /* in this run, from 1 */
    uint64_t typed;            /* when it typed, as a serial number; 0: never */
    int64_t bytes;             /* typed and not told yet */
    int64_t first_ms, last_ms; /* CLOCK_BOOTTIME */
};
struct spectator_note *spectator_note(struct spectator *viewer);

struct list *spectator_link(struct spectator *viewer); /* for the owner's list */
struct spectator *spectator_of(struct list *link);
void spectator_free(struct spectator **viewer);
