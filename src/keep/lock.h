/* The lock on the state directory: one keeper each (design §3 "Start" (2)).
 *
 * A POSIX record lock (fcntl(2) F_SETLK): a flock(2) would survive in children. It goes with the process,
 * however that ends; F_GETLK names its holder by kernel truth. The file's text tells the rest. */
#pragma once

#include "base/error.h"

#include "keep/directories.h"
#include "keep/identity.h"

struct lock {
    int fd;
    char nonce[IDENTITY_NONCE_SIZE]; /* of this keeper */
};

enum lock_result {
    LOCK_TAKEN,
    LOCK_HELD,   /* by the process in *holder */
    LOCK_FAILED, /* *error says why */
};

/* Takes state/lock and writes pid, start time, boot, a fresh nonce and the runtime directory into it. */
enum lock_result lock_take(const struct directories *directories, struct lock *lock, pid_t *holder,
                           struct error *error);
void lock_release(struct lock *lock);
/* What the last holder wrote, for the command: its runtime directory in fresh memory, or NULL. */
char *lock_read_runtime(const char *state_directory);
