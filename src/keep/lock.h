/* The lock file of a directory that only one keeper may have (design §3 "Start" (2)): the state directory,
 * and the runtime directory (keep/runtime_lock.h).
 *
 * A POSIX record lock (fcntl(2) F_SETLK): a flock(2) would survive in children. It goes with the process,
 * however that ends; F_GETLK names its holder by kernel truth. The file's text tells the rest.
 * Closing any descriptor of the file lets the lock go: who holds one does not look at the same one. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

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

/* Takes state/lock and writes pid, start time, boot, a fresh nonce and the runtime directory (NULL: none)
 * into it. */
enum lock_result lock_take(const struct directories *directories, struct lock *lock, pid_t *holder,
                           struct error *error);
/* Takes FOLDER/lock and leaves its text as it is. */
enum lock_result lock_take_file(const char *folder, struct lock *lock, pid_t *holder, struct error *error);
/* Writes who we are and `more` (the reference is taken) into a lock that we have. */
void lock_describe(struct lock *lock, json_t *more);
/* What stands in a lock that we have: a new reference, or NULL. */
json_t *lock_text(const struct lock *lock);
/* Removes the file of a lock that we have, if it is still the one at its place. The lock stays. */
void lock_remove(const struct lock *lock, const char *folder);
void lock_release(struct lock *lock);

/* Whether somebody holds FOLDER/lock, and who (0: a process that cannot be seen from here). False with errno:
 * 0 nobody does, ENOENT there is no such file, EACCES and the like. */
bool lock_is_held(const char *folder, pid_t *holder);
/* What the last holder wrote into FOLDER/lock: a new reference, or NULL. */
json_t *lock_read(const char *folder);
/* Its runtime directory in fresh memory, or NULL. */
char *lock_read_runtime(const char *state_directory);
