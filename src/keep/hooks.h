/* Hooks: commands that run in order, each over before the next begins (design §3). */
#pragma once

#include "keep/job.h"

struct hooks;

struct hooks_settings {
    const struct job_shared *jobs;
    const struct config_commands *commands;
    const char *kind;   /* "startup" or "shutdown": their names are "hook:KIND:NUMBER", from 1 on */
    bool all;           /* a failing one does not end the rest */
    int64_t timeout_ms; /* for all of them together; 0: as long as they take */
    /* Before each one. */
    void (*on_begin)(void *owner, const char *name, const char *program);
    /* One has ended otherwise than it should: what it was, how it ended and the last of its output, in lines.
     */
    void (*on_failed)(void *owner, const char *text);
    /* All are over, or (without `all`) one has failed. From the loop; free the hooks here or later. */
    void (*on_done)(void *owner, bool ok);
    void (*on_journal)(void *owner, const char *name, const char *event, const json_t *evidence);
    void *owner;
};

/* The first begins in the next turn of the loop. */
struct hooks *hooks_start(const struct hooks_settings *settings);
/* Ends the one that runs (SIGTERM, SIGKILL after JOB_GRACE_MS; at once with `now`), and none follows; on_done
 * then tells, as a failure. */
void hooks_stop(struct hooks *hooks, bool now);
/* Leaves the processes alone. */
void hooks_free(struct hooks **hooks);
