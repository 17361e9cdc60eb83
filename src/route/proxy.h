/* A route that passes requests on to a target (design §7.1): HTTP and upgrades alike, streamed both ways with
 * back-pressure, held while the target starts, refused with its cause while it cannot. */
#pragma once

#include "route/event_group.h"
#include "route/forward.h"
#include "route/limits.h"
#include "route/match.h"
#include "route/tunnels.h"

/* What a route says; stays the caller's, who may free it when the exchange is over. */
struct proxy_route {
    struct forward_rule rule;
    int64_t body_max; /* bytes; -1: no limit */
    bool open;        /* nobody signs in here: whoever is on this machine counts as an operator */
    struct upstream_timeouts timeouts;
    struct tunnels_rule websocket;
    struct limits_rule limits; /* of its streams */
};

struct proxy; /* one per gate, for all its proxy routes */

struct proxy_settings {
    struct loop *loop; /* this and what follows outlive the proxy */
    struct backends *backends;
    struct tunnels *tunnels;
    struct streams *streams;
    struct limits *limits;
    struct event_group *group; /* of event streams, those of services too */
    const char *cookie; /* the name of our own cookies, "reeve-NAME", which are not passed on; copied */
};

struct proxy *proxy_new(const struct proxy_settings *settings);
/* No exchange is open any more. */
void proxy_free(struct proxy **proxy);
/* Whether the keeper has told of this target. */
bool proxy_knows(const struct proxy *proxy, struct slice target);
/* Answers the exchange, now or later, from the target of this name. */
void proxy_answer(struct proxy *proxy, const struct proxy_route *route, struct exchange *exchange,
                  const struct match_result *match, struct slice target);
