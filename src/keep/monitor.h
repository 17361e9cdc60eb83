/* The built-in monitor (design §5): do the holds of all runs still turn? Each is asked who it is, over the
 * channel that it has anyway, so that what is seen is its own loop and not only that it exists. What it sees
 * is told; the watchdog (keep/watchdog) decides what becomes of a hold that stays silent. */
#pragma once

#include <jansson.h>

#include "loop/loop.h"

#include "keep/identity.h"

struct monitor;

/* One hold, inside the object of its run. All zero: not watched. */
struct monitor_member {
    struct list link;
    struct monitor *monitor;
    const char *name;                           /* of its target; outlives the membership, as the next */
    const struct identity *who;                 /* the hold */
    void (*ask)(struct monitor_member *member); /* call monitor_heard() when something comes */
    /* It is to be given up, for this reason: the run is killed whole, by identity. May remove the member. */
    void (*give_up)(struct monitor_member *member, const char *why);
    int64_t asked_ms; /* the open question; 0: none */
    bool silent;      /* told */
};

/* All from the loop. */
struct monitor_events {
    /* It has not answered for an interval. `evidence` {pid, start_time, state, silent_ms} is borrowed. */
    void (*on_silent)(void *owner, const char *name, const json_t *evidence, const char *text);
    /* It answers again, or its run is over. */
    void (*on_settled)(void *owner, const char *name, bool answers);
    /* The watchdog gives it up, just before that is done. */
    void (*on_give_up)(void *owner, const char *name, const json_t *evidence, const char *text);
    /* Its output is not all kept (`text` says why), or it is again (NULL). */
    void (*on_output)(void *owner, const char *name, const char *text);
};

struct monitor *monitor_new(struct loop *loop);
void monitor_start(struct monitor *monitor, const struct monitor_events *events, void *owner);
/* Nothing is asked or told any more. */
void monitor_stop(struct monitor *monitor);
/* Name, who, ask and give_up are set. Does nothing without a monitor, or for a member. */
void monitor_add(struct monitor *monitor, struct monitor_member *member);
void monitor_heard(struct monitor_member *member);
void monitor_note_output(struct monitor_member *member, const char *text);
void monitor_remove(struct monitor_member *member);
/* {interval_ms, watched, silent, age_ms: since the last round}; a new reference. */
json_t *monitor_describe(const struct monitor *monitor);
void monitor_free(struct monitor **monitor);

/* How often `count` holds are asked: as often as costs a fortieth of a percent of a core, at most every
 * MONITOR_FASTEST_MS. Pure. */
int64_t monitor_interval(size_t count);
enum { MONITOR_FASTEST_MS = 2000 };
