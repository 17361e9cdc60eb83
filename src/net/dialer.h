/* Opens a connection with a time limit. */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

struct dialer;

/* `fd` >= 0: connected, non-blocking, close-on-exec, the callee's. Else -errno (ETIMEDOUT: our limit).
 * Fires exactly once, from the loop, unless dialer_cancel() came first; the dialer is gone by then. */
typedef void dialer_fn(void *owner, int fd);

/* Never NULL: even an error at once comes through the callback. prompt_set() is done. */
struct dialer *dialer_start(struct loop *loop, const struct address *address, int64_t timeout_ms,
                            dialer_fn *on_done, void *owner);
void dialer_cancel(struct dialer **dialer);
