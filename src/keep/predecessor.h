/* The keeper that was here before us: alive and well, stuck, or dead with things left behind (design §3 (2)).
 */
#pragma once

#include "config/config.h"

#include "keep/directories.h"
#include "keep/lock.h"

/* Takes the lock. A healthy keeper that holds it: 3 with its pid and what to do. One that does not answer its
 * control socket within takeover.timeout is ended by identity (SIGTERM, then SIGKILL) and its exit awaited;
 * each signal is added to `signals` with its evidence, for the journal that can be opened only after this.
 * 0, or the command's exit code with the text. */
int predecessor_lock(const struct config *config, const struct directories *directories, struct lock *lock,
                     json_t *signals, struct error *error);
/* True when `identity` belongs to a run that is recorded and not over (keep/survivors.h tells how). */
bool predecessor_left(const char *state_directory, const struct identity *identity);
