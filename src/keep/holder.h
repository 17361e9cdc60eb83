/* Who holds a port that we want, and how to make it go (design §3 "Start" (3)).
 *
 * Only processes with the *listening* socket open are ever named or signalled, never the port's clients.
 * Blocking, with limits: it runs before the loop does. */
#pragma once

#include "net/address.h"

#include "keep/identity.h"

enum { HOLDER_MOST = 16 };

struct holder {
    struct identity identity; /* pid 0: its process cannot be seen from here */
    uint64_t inode;
    uid_t user;
    char command[IDENTITY_COMMAND_SIZE];
};

/* Processes that listen where `address` wants to bind. The count, 0 when nobody is seen. */
int holder_find(const struct address *address, struct holder holders[HOLDER_MOST]);
/* SIGTERM, and SIGKILL at half of the time, through a pidfd after checking that it is still the same
 * process and still has the socket open; waits for its *exit*. `report` is told each signal sent. 0 when it
 * has gone; -ETIMEDOUT; -EPERM. */
int holder_evict(const struct holder *holder, int64_t timeout_ms,
                 void (*report)(void *owner, const struct holder *holder, int signo), void *owner);
/* One sentence for people: uid, pid, command as far as they can be seen, and the command that shows the rest.
 */
void holder_describe(const struct holder *holders, int count, const struct address *address,
                     struct error *error);
