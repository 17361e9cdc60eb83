/* How services have ended for good, for the keeper after one that crashed: what had ended stays so. Kept in
 * the file outcomes.json of the state directory, which a stop in order empties: the next start is a new
 * beginning, and so is one after a boot of the machine. */
#pragma once

#include "wire/target.h"

struct outcomes;

/* Reads STATE_DIRECTORY/outcomes.json; one that is missing, of another boot or not to be understood is empty.
 * Never NULL. */
struct outcomes *outcomes_new(const char *state_directory);
void outcomes_free(struct outcomes **outcomes);

/* False: `target` had not ended, or a later run of it than `generation` tells of was begun. */
bool outcomes_find(const struct outcomes *outcomes, const char *target, uint64_t generation,
                   struct target_row *row);
/* The target is now like this: kept when it is `ended` or `failed`, else forgotten; the file is written when
 * that changed. 0 or -errno. */
int outcomes_note(struct outcomes *outcomes, const struct target_row *row);
/* Forgets all. 0 or -errno. */
int outcomes_clear(struct outcomes *outcomes);
