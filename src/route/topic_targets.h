/* The topic of how all targets are: each row as it is now, then each that changes; {"name", "gone": true} for
 * one that is no more. A client that is slow gets a row once, as it is by then. */
#pragma once

#include "route/backends.h"
#include "route/topic_feed.h"

struct topic_targets;

/* Both outlive it; it observes the backends. */
struct topic_targets *topic_targets_new(struct loop *loop, struct backends *backends);
/* No feed is joined. */
void topic_targets_free(struct topic_targets **targets);

extern const struct topic_feed_kind topic_targets_kind;
