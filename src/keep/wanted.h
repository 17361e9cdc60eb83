/* Which targets shall run, and whether what one depends on is there: read from the entries.
 */
#pragma once

#include "keep/dependency.h"
#include "keep/entries.h"

/* What counts for all of them. */
struct wanted {
    const struct entries *entries;
    bool booted;
    bool stopping; /* reeve ends: nothing shall run */
};

bool wanted_is(const struct wanted *wanted, const struct entry *entry);
/* Whether a target for which `is` holds depends on this one. */
bool wanted_has_dependent(const struct wanted *wanted, const struct entry *entry,
                          bool (*is)(const struct target *));
/* The worst of all that it depends on; *culprit is the first that failed. */
enum dependency wanted_judge_dependencies(const struct entry *entry, const struct target_row **culprit);
/* Tells a target that waits (or could heal) how its dependencies are. True when it was told something. */
bool wanted_review_dependencies(struct entry *entry);
