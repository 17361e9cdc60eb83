/* Private to src/http: idle connections to upstreams, and the memory of calls. upstream.c is the only user.
 */
#pragma once

#include "base/list.h"
#include "http/upstream.h"

struct upstream_pool {
    struct loop *loop;
    struct upstream_pool_settings settings;
    struct list slots;  /* one for each address and policy, the latest used first */
    struct list idle;   /* every idle connection, the longest idle first */
    struct list active; /* calls */
    struct list spare;  /* memory of calls */
    size_t spare_count;
    struct list spare_idle;  /* memory of idle connections, at most as many as have been idle at once */
    struct loop_timer timer; /* due when the longest idle connection may be too old, or before */
};

/* Whom a connection leads to, and how that was checked. */
struct upstream_peer {
    struct address address;
    struct tls_policy *tls; /* NULL: in the clear */
};

/* The latest idle connection to a peer, or NULL. `careful` asks the kernel once more whether the other side
 * has closed it: for requests that cannot be repeated. */
struct stream *upstream_pool_take(struct upstream_pool *pool, const struct upstream_peer *peer, bool careful);
/* Keeps a connection on which nothing is under way, or closes it when there are enough. */
void upstream_pool_put(struct upstream_pool *pool, const struct upstream_peer *peer, struct stream *stream);

/* --- upstream.c ---------------------------------------------------------------------------------- */

/* Connections that are in use to this address will not be kept. */
void upstream_forget_calls(struct upstream_pool *pool, const struct address *address);
void upstream_free_spare(struct upstream_pool *pool);
