/* Several logs as one: the records that are there now, by their time.
 *
 * A clock that was set back, or two runs of a target that write at once, do not reorder the records of one
 * log; of equal times the log that was added first comes first. Memory: one piece (follow_more()) per log. */
#pragma once

#include "tail/follow.h"

struct merge;

struct merge *merge_new(size_t most);
/* Adds log/NAME/; at most `most` in all. Its records go to `on_line`, each valid during the call. 0 or
 * -errno. */
int merge_add(struct merge *merge, int directory, follow_line_fn *on_line, void *owner);
/* Gives everything that is there now. */
void merge_read(struct merge *merge);
/* Goes on from the loop with what comes, in the order of arrival. 0 or -errno: then some are not followed. */
int merge_follow(struct merge *merge, struct watches *watches);
void merge_free(struct merge **merge);
