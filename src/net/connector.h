/* Opens a connection as its policy wants it: in the clear, or TLS with a peer that has passed the check. A
 * host name is looked up, and its addresses are tried one after the other until one takes the connection. */
#pragma once

#include "net/resolver.h"
#include "net/tls.h"

struct connector;

struct connector_result {
    struct stream *stream; /* the callee's; nothing is wanted of it yet. NULL: it failed */
    int error;             /* -errno; -ETIMEDOUT: our limit */
    const char
        *trouble; /* of TLS or of the name, in words; NULL: connecting itself failed. Valid during the call */
    bool distrusted; /* the trouble is of TLS: somebody is there */
};

/* Fires exactly once, from the loop, unless connector_cancel() came first; the connector is gone by then. */
typedef void connector_fn(void *owner, const struct connector_result *result);

struct connector_settings {
    struct address address;
    struct resolver *resolver; /* for names; NULL: there are none. Outlives it */
    struct tls_policy *policy; /* shared while it lasts; NULL: in the clear */
    int64_t timeout_ms;        /* for all of it, name and handshake included */
};

/* Never NULL: even an error at once comes through the callback. TCP_NODELAY is set. */
struct connector *connector_start(struct loop *loop, const struct connector_settings *settings,
                                  connector_fn *on_done, void *owner);
/* NULL in *connector is fine. */
void connector_cancel(struct connector **connector);
