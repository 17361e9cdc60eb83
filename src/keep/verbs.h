/* Operators who wait for the effect of start, stop and restart (contract §3: a verb returns when its effect
 * is there, or fails). */
#pragma once

#include "keep/targets.h"

struct verbs;

/* Says whether the effect is there; pure. `asked_generation` is the target's when it was asked. */
enum verbs_result { VERBS_WAIT, VERBS_DONE, VERBS_FAILED };
enum verbs_result verbs_judge(enum targets_verb verb, uint64_t asked_generation,
                              const struct target_row *row);

struct verbs *verbs_new(void);
void verbs_free(struct verbs **verbs); /* calls nobody */

void verbs_add(struct verbs *verbs, enum targets_verb verb, const struct target_row *row,
               targets_done_fn *done, void *owner);
/* The row is about to go: who still waits for it has failed. */
void verbs_part(struct verbs *verbs, const struct target_row *row);
void verbs_forget(struct verbs *verbs, void *owner);
/* Calls who need not wait any longer; a callback may add and forget. `row` (borrowed until then) is that of
 * the target that was named at verbs_add(): rows have stable addresses. */
void verbs_settle(struct verbs *verbs);
