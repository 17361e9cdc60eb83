/* What the run records of an earlier keeper tell: which run of which target is to be taken over, and what has
 * no owner any more (design §3, "Survivors"). */
#pragma once

#include "base/log.h"

#include "keep/record.h"

struct adoption_events {
    /* The newest run of a target that has not been dealt with. True: it has an owner now. */
    bool (*on_run)(void *owner, const struct record *record);
    /* Whatever else may live: end it. A run marked as over comes here when its hold may still wait for the
     * acknowledgement. */
    void (*on_stray)(void *owner, const struct record *record);
    /* A file that cannot be understood; it was moved aside. */
    void (*on_corrupt)(void *owner, const char *name, const char *text);
};

/* Goes through all records of the directory `run`, newest of each target first. */
void adoption_read(int run, const struct adoption_events *events, void *owner);
/* The highest generation that a record of `target` (or of any, with NULL) tells of; 0: none. */
uint64_t adoption_generation(int run, const char *target);
/* Removes records (and folders) of runs that are over, but for the newest ones of each target. `target`: only
 * its own; NULL: all. */
void adoption_prune(int run, const char *target);
enum { ADOPTION_KEPT = 3 };
/* Removes all records of a target that has gone. */
void adoption_forget(int run, const char *target);
