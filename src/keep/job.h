/* One run of a command to its end: what loops and hooks are made of.
 *
 * Made as a kept process is: a record first, then a hold, which keeps its output in log/NAME/ and ends what
 * the command leaves behind; a keeper that comes after a dead one finds the record and ends the run as a
 * stray. Names have a colon ("loop:reconcile", "hook:startup:1"), which no target's name has. */
#pragma once

#include "keep/run.h"
#include "keep/targets.h"

struct job;

/* What all jobs of a keeper share; outlives them. */
struct job_shared {
    struct targets_settings targets; /* loop, log, folders, hold; its events are not used */
    int run_directory;               /* run/ of the state directory */
    /* services.NAME.port and services.NAME.socket; NULL: not known now. */
    config_lookup_fn *services;
    void *owner;
};

struct job_end {
    bool ok;                   /* exited with 0, neither late nor stopped */
    struct target_cause cause; /* in words, also of success */
    int64_t after_ms;
};

/* All from the loop. */
struct job_events {
    /* The time is over: it is being ended, and has failed whatever it still does. May be NULL. */
    void (*on_late)(void *owner);
    /* Nothing of it is left. The last event; free the job here or later. */
    void (*on_over)(void *owner, const struct job_end *end);
    /* spawn, started, stop, signal, exit ...; `evidence` is borrowed. */
    void (*on_journal)(void *owner, const char *event, const json_t *evidence);
};

struct job_settings {
    const struct job_shared *shared;
    const char *name; /* outlives the job; of what follows only the generation and the events do */
    const struct config_item *item; /* whose `command` is blamed when it cannot be started */
    const char *directory;
    const struct config_texts *command;
    int64_t timeout_ms;   /* 0: as long as it takes */
    uint64_t *generation; /* the highest given so far, kept by the caller; 0: the records tell */
    const struct job_events *events;
    void *owner;
};

enum { JOB_GRACE_MS = 5000 }; /* from the stop signal to SIGKILL */

/* NULL with text: nothing runs. */
struct job *job_start(const struct job_settings *settings, struct error *error);
/* Ends it: SIGTERM, and SIGKILL to all of it after `grace_ms`; on_over follows. Again with less to hurry. */
void job_stop(struct job *job, int64_t grace_ms);
/* The run's record: pid 0 while the program does not run yet. */
const struct record *job_record(const struct job *job);
/* Leaves the processes alone. */
void job_free(struct job **job);
