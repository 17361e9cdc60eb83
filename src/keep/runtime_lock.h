/* The lock of the runtime directory: two state directories whose reeves have the same `name` would share it,
 * and with it the control socket, the gates' and the holds' (contract §1: two reeves differ by name).
 *
 * A lock file like that of the state directory, taken after it. Its text tells state directory and file, also
 * after its holder has died: while sockets of what that one has left behind are served, only a keeper of the
 * same state directory may have it, for what is left is to be adopted. */
#pragma once

#include "config/config.h"

#include "keep/lock.h"

enum { RUNTIME_LOCK_AGAIN = -1 };

/* While it is being taken. */
struct runtime_lock_attempt {
    const struct config *config;
    struct lock *lock;
    int64_t give_up_ms;
};

/* `lock` (fd -1) outlives the attempt. */
struct runtime_lock_attempt runtime_lock_begin(const struct config *config, struct lock *lock);
/* 0: `lock` is taken. RUNTIME_LOCK_AGAIN, after a pause: its holder may be just ending; make the directories
 * anew, for that one may have removed them. Else the command's exit code with the text: nothing there was
 * touched.
 */
int runtime_lock_try(struct runtime_lock_attempt *attempt, const struct directories *directories,
                     struct error *error);
/* Removes the file of the lock (which stays taken), unless sockets are left beside it. */
void runtime_lock_leave(const struct lock *lock, const struct directories *directories);

/* Who has that of a runtime directory now: {pid, state, config} as it wrote them, a new reference. NULL:
 * nobody. */
json_t *runtime_lock_holder(const char *runtime_directory);
