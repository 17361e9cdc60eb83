/* HTTP/1.1 on the client's side: calls to upstreams over pooled connections, streamed both ways.
 *
 * A call whose pooled connection turns out to be dead before the first byte of an answer is repeated once
 * on a fresh one when nothing of its body has been written and its method is idempotent (RFC 9110 §9.2.2);
 * a POST is sent exactly once. */
#pragma once

#include "net/tls.h"

#include "http/exchange.h"

struct upstream_pool;
struct upstream_call;

struct upstream_pool_settings {
    int most_idle;             /* kept connections per address, 64 */
    int64_t idle_ms;           /* 55 s */
    struct resolver *resolver; /* outlives it; NULL: no address is a name */
};

struct upstream_timeouts {
    int64_t connect_ms;  /* 5 s */
    int64_t response_ms; /* request sent → the final head whole, interim ones included; 0: unlimited */
    int64_t idle_ms;     /* no byte either way in a body; 0: unlimited */
};

struct upstream_request {
    struct slice method;
    struct slice target;
    const struct exchange_field *fields; /* all but Connection, Content-Length, Transfer-Encoding */
    size_t field_count;
    int64_t content_length; /* -1: chunked; 0: no body */
    struct tls_policy *tls; /* shared by the call and its connection; NULL: in the clear */
    bool upgrade;           /* send "Connection: Upgrade"; a 101 is then allowed */
    struct upstream_timeouts timeouts;
};

enum upstream_failure {
    UPSTREAM_CONNECT,  /* refused, unreachable, timed out: nothing was sent */
    UPSTREAM_DISTRUST, /* TLS: it is not who it must be, or speaks no TLS: nothing was sent (502) */
    UPSTREAM_TIMEOUT,  /* silent for too long (504) */
    UPSTREAM_PROTOCOL, /* bytes that are not HTTP, unsolicited 101, interim heads without end (502) */
    UPSTREAM_CLOSED,   /* reset or ended before its answer was complete (502) */
};

struct upstream_events {
    /* The head of the answer; an interim one (1xx but 101) may come several times before. 101 only when
     * asked for. `head` is valid during the call. */
    void (*on_head)(void *owner, const struct http1_head *head);
    void (*on_body)(void *owner); /* upstream_read() gives more (or the end) after -EAGAIN */
    void (*on_room)(void *owner); /* upstream_write() takes more */
    /* The call is over: close it. `error`: -errno where there is one, else 0. At most once, nothing after. */
    void (*on_failed)(void *owner, enum upstream_failure failure, int error);
};

struct upstream_pool *upstream_pool_new(struct loop *loop, const struct upstream_pool_settings *settings);
/* Idle connections are closed; calls must have been closed before. */
void upstream_pool_free(struct upstream_pool **pool);
/* Closes idle connections to an address and keeps none of those in use: its process is gone, or the text of
 * the address will mean something else (a /proc/self/fd path). */
void upstream_pool_forget(struct upstream_pool *pool, const struct address *address);

/* Everything in `request` is copied. A kept connection serves only calls of the very same policy. Events fire
 * from the loop only. */
struct upstream_call *upstream_call(struct upstream_pool *pool, const struct address *address,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *owner);
/* Bytes taken (0..size); fewer than size: wait for on_room; before the connection stands it takes nothing.
 * -EPIPE: no more of the body is wanted; the answer may still come, else on_failed follows. */
ssize_t upstream_write(struct upstream_call *call, const void *bytes, size_t size);
/* The body is complete (CHECKs it against the announced length). Needed unless content_length is 0. */
void upstream_write_end(struct upstream_call *call);
/* After on_head: >0 bytes; 0: the body is complete; -EAGAIN: wait for on_body. A body cut short comes as
 * on_failed, never as 0. */
ssize_t upstream_read(struct upstream_call *call, void *memory, size_t size);
/* In on_failed: what TLS has to say of it, in words; NULL: nothing. */
const char *upstream_trouble(const struct upstream_call *call);
/* Length of the answer's body after on_head: -1 unknown. */
int64_t upstream_content_length(const struct upstream_call *call);
/* From now on its answer may be silent for ever: it is one that goes on. */
void upstream_wait_for_ever(struct upstream_call *call);
/* After on_head with 101: gives the stream away with the bytes behind the head (valid until the return to
 * the loop); the call is over. */
struct stream *upstream_upgrade(struct upstream_call **call, struct slice *early);
/* Ends the call: the connection returns to the pool when both bodies are complete, else it is closed. */
void upstream_close(struct upstream_call **call);
