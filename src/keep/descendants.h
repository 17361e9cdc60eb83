/* A process and everything below it, as /proc/PID/task/TID/children shows it (proc(5)).
 *
 * A snapshot of something that moves: a process that is reparented while we look may be missed; who must not
 * miss any looks again. */
#pragma once

#include <sys/types.h>

/* Fills `pids` with `root` and its descendants, parents before children. The count, at most `most`; 0 when
 * root has gone. */
int descendants_of(pid_t root, pid_t *pids, int most);
