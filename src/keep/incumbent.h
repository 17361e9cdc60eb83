/* The keeper that has a state directory, found the only way that is sure: the kernel names who holds its
 * lock, the lock's text tells where that one has its sockets, and whoever answers there must be that very
 * process. `name` and XDG_RUNTIME_DIR, which say where ours would be, may have changed since it began.
 *
 * Blocking, for the command and for a second keeper. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

/* Connects to its control socket: the descriptor, or -ESRCH (nobody holds the lock; -ENOENT: there is no
 * lock), -EAGAIN (*holder does, and is not there: starting, ending, stuck), or -errno (-EACCES: not ours to
 * look at).
 */
int incumbent_connect(const char *state_directory, pid_t *holder);
/* Connects to the control socket in a runtime directory: the descriptor when it is `holder` who serves it,
 * -EAGAIN when not, -errno. */
int incumbent_connect_at(const char *runtime_directory, pid_t holder);
/* How it describes itself (keep/describe.h): 0 with a new reference; -EAGAIN: it does not, within the time;
 * -EBUSY: it hangs up, so it is alive and has too many asking, or is ending. Closes the connection. */
int incumbent_greet(int connection, int64_t timeout_ms, json_t **description);
