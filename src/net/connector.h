/* Opens a connection as its policy wants it: in the clear, or TLS with a peer that has passed the check. */
#pragma once

#include "net/tls.h"

struct connector;

struct connector_result {
    struct stream *stream; /* the callee's; nothing is wanted of it yet. NULL: it failed */
    int error;             /* -errno; -ETIMEDOUT: our limit */
    const char *trouble;   /* of TLS, in words; NULL: connecting itself failed. Valid during the call */
};

/* Fires exactly once, from the loop, unless connector_cancel() came first; the connector is gone by then. */
typedef void connector_fn(void *owner, const struct connector_result *result);

struct connector_settings {
    struct address address;
    struct tls_policy *policy; /* shared while it lasts; NULL: in the clear */
    int64_t timeout_ms;        /* for all of it, the handshake included */
};

/* Never NULL: even an error at once comes through the callback. TCP_NODELAY is set. */
struct connector *connector_start(struct loop *loop, const struct connector_settings *settings,
                                  connector_fn *on_done, void *owner);
/* NULL in *connector is fine. */
void connector_cancel(struct connector **connector);
