/* A gate as a process: its user, its log, its signals. */
#pragma once

#include <sys/types.h>

enum { WORKER_CHANNEL_FD = 3, WORKER_HANDOVER_FD = 4 };

struct worker_start {
    unsigned slot;
    uid_t uid; /* what a gate started as root becomes */
    gid_t gid;
};

/* The whole life of a freshly executed gate: gives up its rights, then serves until it is drained or its
 * keeper has been gone for the drain time. WORKER_CHANNEL_FD is the channel to the keeper, WORKER_HANDOVER_FD
 * the listening hand-over socket; logs go to stderr. Returns the exit status. */
int worker_run(const struct worker_start *start);
