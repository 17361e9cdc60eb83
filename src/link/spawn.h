/* Starting a hold and finding one again: the keeper's side of a run's beginning (design §2, "Parentage").
 *
 * The hold is no child that anybody waits for by pid: a starter (reeve-hold itself) makes a session, forks
 * the hold and exits, so the hold's parent is the nearest subreaper, and holds that were started and holds
 * that were adopted look the same: a channel, and a pidfd opened after HOLD_HELLO told the pid. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "wire/hold.h"

/* Opens the hold's executable once (O_PATH, close-on-exec), so that an upgrade of the package never mixes
 * versions. The descriptor or -errno. */
int spawn_open(const char *path);

struct spawn_settings {
    int program;                  /* from spawn_open() */
    const struct hold_spec *spec; /* borrowed; spec->cgroup is set here from `cgroup` */
    const char *socket;           /* where a later keeper finds the hold; at most 107 bytes */
    int log_directory;            /* writable for the run's user */
    int run_directory;            /* writable for the run's user; exit.json goes there */
    int cgroup;                   /* the run's cgroup v2 directory; -1: none */
    int error_output;             /* what the hold itself gets as stderr; -1: /dev/null */
};

/* Binds `socket` (replacing a stale one), starts the hold, and returns the keeper's end of its channel
 * (non-blocking, close-on-exec; give it to channel_new()), or -errno with text: nothing was started then
 * and `socket` is gone. Blocks only until the starter's exec (about a millisecond). All descriptors stay the
 * caller's. The starter ends as a child of the caller: loop_reap() collects it.
 *
 * What comes on the channel: HOLD_HELLO (state "starting", with the hold's pid), then HOLD_STARTED or
 * HOLD_FAILED. The channel ending without HELLO means that the hold itself could not start. */
int spawn_hold(const struct spawn_settings *settings, struct error *error);

/* Connects to a recorded hold. The channel's descriptor (non-blocking, close-on-exec), or -errno
 * (ECONNREFUSED, ENOENT: there is no such hold any more). `pid` and `uid` are the hold's own by SO_PEERCRED.
 * Send HOLD_HELLO; the answer tells everything, an exit included. */
int spawn_connect(const char *socket, pid_t *pid, uid_t *uid);
