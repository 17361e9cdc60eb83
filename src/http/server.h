/* HTTP/1.1 on the server's side (RFC 9110, RFC 9112): connections, each with one exchange at a time;
 * pipelined requests wait in the read buffer. */
#pragma once

#include "http/exchange.h"

struct http_server;

/* One finished exchange, for the access log and the counters. Valid during the call. */
struct http_record {
    const struct exchange_request *request; /* NULL when no head could be read (then only peer, status) */
    const struct address *peer;             /* the client, where a trusted proxy names one */
    int status;                             /* 0: the client left before an answer */
    uint64_t bytes_in, bytes_out;           /* bodies */
    int64_t duration_us;
    const char *route, *target; /* NULL: none */
    const char *user;           /* who has signed in, or a token's name; NULL: nobody */
    void *context;              /* what exchange_set_context() was given */
};

struct http_server_settings {
    size_t head_limit;   /* 32 KiB: more is 431 */
    size_t target_limit; /* 8 KiB: more is 414 */
    int64_t head_ms;     /* from the first byte of a head to its end, 10 s: 408 */
    int64_t idle_ms;     /* between exchanges, 75 s: closed */
    int64_t stall_ms;    /* no progress in a body either way, 60 s: closed (408 while nothing was answered) */
    /* A request's head is in and well-formed. Answer it now or later. */
    void (*on_request)(void *owner, struct exchange *exchange);
    /* Once per exchange when it is over (also by exchange_upgrade()), and for those answered here (400, 408,
     * 431 ...). May be NULL. */
    void (*on_record)(void *owner, const struct http_record *record);
    /* The last connection has closed; only after http_server_drain(). May be NULL. */
    void (*on_drained)(void *owner);
    void *owner;
};

/* Settings are copied. */
struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings);
/* A fresh connection: `fd` is taken over. */
void http_server_accept(struct http_server *server, int fd, const struct address *peer, unsigned listener);
size_t http_server_connections(const struct http_server *server);
/* Another listener has this index now: its connections bring no further request. Those that answer one are
 * closed behind the answer. From the loop only. */
void http_server_leave(struct http_server *server, unsigned listener);
/* Answers the next request of each connection with "Connection: close"; idle connections are closed
 * `idle_close_ms` from now (0: at once). */
void http_server_drain(struct http_server *server, int64_t idle_close_ms);
/* Cuts every connection (on_gone for open exchanges), frees. */
void http_server_free(struct http_server **server);
