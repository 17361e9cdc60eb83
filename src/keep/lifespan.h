/* The order of start and stop (design §3), as the two sequences that they are. */
#pragma once

#include "keep/gates.h"
#include "keep/hooks.h"
#include "keep/journal.h"
#include "keep/loops.h"

struct lifespan;

enum lifespan_phase {
    LIFESPAN_STARTING, /* listening; requests wait */
    LIFESPAN_SERVING,
    LIFESPAN_STOPPING,
};

/* All from the loop. */
struct lifespan_events {
    /* Everything that is wanted at boot is being started, requests are answered. */
    void (*on_serving)(void *owner);
    /* A startup hook has failed: call lifespan_stop(). The text has its last words. */
    void (*on_failed)(void *owner, const char *text);
    /* Nothing runs any more but what is to outlive reeve. */
    void (*on_stopped)(void *owner);
};

/* Everything that is pointed at outlives the lifespan. */
struct lifespan_settings {
    struct loop *loop;
    const struct log *log;
    const struct config *config;
    struct journal *journal;
    const struct job_shared *jobs;
    struct targets *targets;
    struct gates *gates;
    struct loops *loops;
    const struct lifespan_events *events;
    void *owner;
};

struct lifespan *lifespan_new(const struct lifespan_settings *settings);
/* The survivors are adopted and the gates have what they serve: hooks, then loops, targets and requests. */
void lifespan_start(struct lifespan *lifespan);
/* From whatever phase; a second call, or `now`, ends each step without patience. */
void lifespan_stop(struct lifespan *lifespan, bool now);
/* The gates' on_ended. */
void lifespan_gates_ended(struct lifespan *lifespan);
enum lifespan_phase lifespan_phase(const struct lifespan *lifespan);
/* The most that a stop may take: the sum of what its steps may. */
int64_t lifespan_stop_ms(const struct lifespan *lifespan);
void lifespan_free(struct lifespan **lifespan);
