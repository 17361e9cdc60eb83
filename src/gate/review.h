/* Which streams and connections have to go: those whose credential has ended before their stream began, who
 * may not come in any more under another configuration, and whose listener, route or way to a service is
 * another now. */
#pragma once

#include "http/server.h"

#include "gate/serving.h"

struct review {
    struct streams *streams;
    struct backends *backends;
    struct admission *admission;
    struct http_server *server;
    struct serving *const *serving; /* what is served at any time; NULL there: nothing yet */
    bool draining;                  /* everybody goes, and hears another reason */
};

/* Its streams ask it from now on; it outlives them. */
void review_begin(struct review *review);
/* Streams that have come since the last call. */
void review_fresh(struct review *review);
/* `next` will be served, and is not yet: who may not be in any more is told at once, before those whose route
 * has changed. Also ends the connections of listeners that are others by then. */
void review_change(const struct review *review, struct serving *next);
/* Those that were opened under another configuration, or whose service is elsewhere now, are told to come
 * again, over as long as a drain would take. */
void review_leave_moved(const struct review *review);
