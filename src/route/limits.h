/* How many streams (tunnels, event streams, terminals) a route may have open over all gates: in all, for one
 * user, for one address (contract §1 `limits`). Who is one too many is refused; nobody is evicted.
 *
 * A user is a name that admission has found; nobody's streams count for their address alone. An address is
 * what a trusted proxy names, else the peer; of IPv6 it is the network of 64 bits, since one machine has all
 * of it. A unix socket's peer has none. */
#pragma once

#include "http/exchange.h"
#include "link/page.h"

struct limits; /* one per gate */

struct limits_rule {
    uint32_t streams, per_user, per_address; /* 0: no limit */
};

struct limits_pages {
    struct page *own;           /* written */
    struct page *const *others; /* of the other gates, read */
    size_t other_count;
};

/* The pages outlive it. */
struct limits *limits_new(struct loop *loop, const struct limits_pages *pages);
/* No place is taken any more. */
void limits_free(struct limits **limits);

/* What stands in the way of one more. */
enum limits_full { LIMITS_NOTHING, LIMITS_ROUTE, LIMITS_USER, LIMITS_ADDRESS };

/* Takes a place at the exchange's route (exchange_set_route() comes first), unless it has one, which the
 * exchange keeps (exchange_keep()) until it is over or a stream takes it over (streams_from()). */
enum limits_full limits_take(struct limits *limits, const struct limits_rule *rule,
                             struct exchange *exchange);
/* Answers one that has got none: 503 and a Retry-After that is not the same for all. */
void limits_refuse(struct exchange *exchange, enum limits_full full);
/* Both. False: it has its answer. */
bool limits_admit(struct limits *limits, const struct limits_rule *rule, struct exchange *exchange);
/* Gives back a place that exchange_take() has handed out. */
void limits_leave(void *place);
