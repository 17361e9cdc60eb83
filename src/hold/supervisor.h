/* One run from exec to its acknowledged end: the hold's whole life.
 *
 * Everything that belongs to the run ends with it: when the main process is gone, or a stop's grace is over,
 * what is left of its descendants is signalled and then killed, and only then the end is recorded and told.
 */
#pragma once

#include "loop/loop.h"
#include "wire/hold.h"

struct supervisor;

struct supervisor_settings {
    const struct hold_spec *spec; /* outlives the supervisor */
    int channel, listener;        /* taken over */
    int log_directory;            /* these stay the caller's */
    int run_directory;
    int cgroup_procs; /* open for writing, or -1 */
    int cgroup_kill;  /* open for writing, or -1 */
};

/* Says hello. Then either supervisor_start() or supervisor_refuse(). The loop is stopped (loop_stop) when the
 * keeper has acknowledged the end. */
struct supervisor *supervisor_new(struct loop *loop, const struct supervisor_settings *settings);
/* Starts the program. */
void supervisor_start(struct supervisor *supervisor);
/* Ends the run before it began: `error` happened at `stage`. */
void supervisor_refuse(struct supervisor *supervisor, int error, const char *stage);
void supervisor_free(struct supervisor **supervisor);
