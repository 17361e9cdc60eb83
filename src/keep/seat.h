/* A keeper's seat: its directories, the lock that only one keeper has, and the journal it writes there. */
#pragma once

#include "config/config.h"

#include "keep/directories.h"
#include "keep/journal.h"
#include "keep/lock.h"

struct seat {
    struct directories directories;
    struct lock lock;         /* of the state directory; fd -1: not taken */
    struct lock runtime_lock; /* of the runtime directory (keep/runtime_lock.h); fd -1: not taken */
    struct journal journal;   /* clock and log are set before */
};

/* Makes the directories, takes the lock (see keep/predecessor.h), opens the journal, which tells what taking
 * the lock took, and takes the runtime directory as well. 0, or the command's exit code with the text;
 * seat_leave() follows in either case. */
int seat_take(struct seat *seat, const struct config *config, struct error *error);
/* Takes empty directories away, closes the journal, lets the lock go. */
void seat_leave(struct seat *seat);
