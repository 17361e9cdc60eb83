/* One loop: it waits for its time, runs, is judged, and waits again. Which there are, and when all end, is
 * keep/loops. */
#pragma once

#include "keep/loops.h"

struct loop_item;

/* What all loops of a keeper share; outlives them. */
struct loop_item_shared {
    const struct loops_settings *settings;
    struct loop *loop;
    /* From the loop: what was under way of one that is to stop or to leave is over. It may be freed here. */
    void (*on_ended)(void *owner, struct loop_item *item);
    void *owner;
};

/* `config` outlives it, or its loop_item_renew() or loop_item_leave(). */
struct loop_item *loop_item_new(const struct loop_item_shared *shared, const struct config_loop *config);
/* Its first run comes: at once with `every`, with `at` when it is time. */
void loop_item_begin(struct loop_item *item);
/* Goes on by `config`, of the same name. One that is not the same is ended and begins anew (`started`: loops
 * run already). */
void loop_item_renew(struct loop_item *item, const struct config_loop *config, bool started);
/* It is not configured any more: ends. Free it once it is not busy. */
void loop_item_leave(struct loop_item *item);
/* Ends for good: SIGTERM, SIGKILL after JOB_GRACE_MS. */
void loop_item_stop(struct loop_item *item);
/* What runs is killed at once. */
void loop_item_hurry(struct loop_item *item);

const char *loop_item_name(const struct loop_item *item);
bool loop_item_is_leaving(const struct loop_item *item);
/* A run, or the question to a gate that is one, is under way. */
bool loop_item_is_running(const struct loop_item *item);
/* A process of it lives, or a question to a gate will still be answered. */
bool loop_item_is_busy(const struct loop_item *item);
/* It is vital, and its last run has failed. */
bool loop_item_vital_fails(const struct loop_item *item);
/* Its row of loops_describe(), while it is not leaving; a new reference. */
json_t *loop_item_describe(const struct loop_item *item);
/* Leaves the processes alone; it must not be busy, or gates have forgotten its questions. */
void loop_item_free(struct loop_item **item);
