/* The keeper that was here before us: alive and well, stuck, or dead with things left behind (design §3 (2)).
 */
#pragma once

#include "config/config.h"

#include "keep/directories.h"
#include "keep/lock.h"

/* Takes the lock. A healthy keeper that holds it, wherever its sockets are: 3 with its pid and what to do.
 * One that does not answer its control socket within takeover.timeout is ended (predecessor_end()), unless
 * `takeover: never`: 3, and nobody is touched. One that hangs up, however late, is healthy, and busy. 0, or
 * the command's exit code with the text. */
int predecessor_lock(const struct config *config, const struct directories *directories, struct lock *lock,
                     json_t *signals, struct error *error);
/* Ends the keeper `pid` of that state directory by identity: SIGTERM, and SIGKILL when it neither ends nor
 * answers within half of the time; one that answers has as long as it says its stop may take. Its exit is
 * awaited. Each signal is added to `signals` with its evidence, for the journal that can be opened only after
 * this. */
void predecessor_end(const char *state, pid_t pid, int64_t timeout_ms, json_t *signals);
/* True when `identity` belongs to a run that is recorded and not over (keep/survivors.h tells how). */
bool predecessor_left(const char *state_directory, const struct identity *identity);
