/* The loops of the configuration: background work that is watched (design §5). Each runs first when
 * loops_start() is called, then a period after the end of its last run; a run that fails, hangs or is killed
 * is seen at once in loops_describe(), and the next one comes (keep/loop_policy says when). */
#pragma once

#include <jansson.h>

#include "keep/job.h"
#include "keep/prober.h"

struct loops;

/* All from the loop. */
struct loops_events {
    /* A run has ended, or its time is over. `failures` in a row; 0: it is well. `text` says what came. */
    void (*on_result)(void *owner, const char *name, unsigned failures, const char *text);
    /* Something that loops_describe() shows has changed. */
    void (*on_change)(void *owner);
    /* The request of an http loop, to be put to a gate: its on_done follows. The question's owner is one of
     * the loops: gates must have been freed, or forget it, before them. */
    void (*on_ask)(void *owner, const struct prober_question *question);
    /* What was decided; `name` is "loop:NAME". Of a run that succeeds there is nothing: a loop of two seconds
     * would bury everything else. `evidence` is borrowed. */
    void (*on_journal)(void *owner, const char *name, const char *event, const json_t *evidence);
};

struct loops_settings {
    const struct job_shared *jobs;
    const struct config_loops *config;
    const struct targets *targets; /* where http loops go */
    const struct loops_events *events;
    void *owner;
};

struct loops *loops_new(const struct loops_settings *settings);
void loops_start(struct loops *loops);
/* Another configuration is in force. Loops that are in both and the same go on; what is new or changed has
 * its first run at once, once a run of the old kind has been ended; what is gone ends. Nothing points into
 * the old configuration afterwards. */
void loops_reload(struct loops *loops, const struct config_loops *config);
/* No run begins any more, and what runs is ended: SIGTERM, SIGKILL after JOB_GRACE_MS. done(owner) fires from
 * the loop when nothing of them is left. */
void loops_stop(struct loops *loops, void (*done)(void *owner), void *owner);
/* Without grace from here on. */
void loops_hurry(struct loops *loops);
/* A vital loop's last run has failed. */
bool loops_vital_fails(const struct loops *loops);
/* [{name, state: "idle" | "waiting" | "running" | "ended", kind, every | at, vital, runs, failures, skipped,
 * ok, last: {ok, text, ended, after_ms} | null, age_ms: since the end of the last run | null, run: {pid,
 * started} | null, next: time | null}]; a new reference. */
json_t *loops_describe(const struct loops *loops);
/* Leaves the processes alone. */
void loops_free(struct loops **loops);
