/* The topics of the keeper's journal: all of it, or the rows of one target.
 *
 * Nothing of a reader is in the keeper: it tells the number of its newest row in its shared page, and a gate
 * asks for a page when that has changed: one question at a time, the answer of which is for all readers that
 * have everything. One that is behind gets pages of its own, in turn with the others. */
#pragma once

#include <stdatomic.h>

#include "route/asker.h"
#include "route/topic_feed.h"

enum {
    TOPIC_ROWS_POLL_MS = 100, /* how often the number is looked at, while there is a reader */
    TOPIC_ROWS_PAGE = 256,
    TOPIC_ROWS_RETRY_MS = 1000, /* after a question without an answer */
};

/* All outlive it. */
struct topic_rows *topic_rows_new(struct loop *loop, struct asker *asker, const _Atomic uint64_t *newest);
/* No feed is joined. */
void topic_rows_free(struct topic_rows **rows);

extern const struct topic_feed_kind topic_rows_kind;
