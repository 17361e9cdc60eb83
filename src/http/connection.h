/* Private to src/http: one HTTP/1 connection on the server's side and the exchange on it.
 *
 * A connection is small while it is idle; everything that a request needs (bytes read, fields, arena, bytes
 * to send) is in struct exchange, which the connection borrows from its server from the first byte of a head
 * until the answer is out and nothing more has been read. connection.c has the states and the reading side,
 * deadline.c how long each may last, request.c what a head says, exchange.c what routes call, server.c what
 * all connections share. */
#pragma once

#include "base/list.h"
#include "wire/uri.h"

#include "http/incoming.h"
#include "http/outgoing.h"
#include "http/server.h"

enum connection_state {
    CONNECTION_IDLE,      /* nothing of a request has come */
    CONNECTION_HEAD,      /* a head has begun */
    CONNECTION_EXCHANGE,  /* somebody answers (exchange->open) */
    CONNECTION_FLUSHING,  /* answered; the kernel has not taken all of it yet */
    CONNECTION_DROPPING,  /* answered; the rest of the request's body is read and dropped */
    CONNECTION_LINGERING, /* our end is sent; what still comes is dropped so that the answer is not cut by a
                             reset */
    CONNECTION_CLOSED,    /* the stream is gone; the memory goes in the close phase */
};

struct connection {
    struct list link; /* in server->connections */
    struct http_server *server;
    struct stream *stream;
    struct exchange *exchange; /* NULL while nothing is going on */
    struct loop_timer timer;   /* due at the deadline of the state or before */
    struct loop_task task;     /* what a call from outside left to be done */
    int64_t since_us;          /* start of the state, or latest progress in a body */
    int queued;                /* bytes in the kernel's send queue when it was last looked at; -1: not since
                                  progress */
    uint64_t dropped;          /* bytes while dropping or lingering */
    unsigned listener;
    enum connection_state state;
    bool serving;  /* connection_serve() is on the stack */
    bool last;     /* no further request is read */
    bool broken;   /* the stream failed inside a call from outside; the task ends the connection */
    bool watching; /* stream_watch_gone() is set */
    struct address peer;
    struct uri_memo host; /* of its requests so far */
};

enum { EXCHANGE_FIELDS = 128 };

/* What each write of an answer touches comes first, in neighbouring cache lines: an event goes to hundreds.
 */
struct exchange {
    struct list link; /* in server->spare */
    struct connection *connection;
    int status;         /* of the final head; 0: none yet */
    bool open;          /* somebody holds it and will answer */
    bool known;         /* `request` is filled: the head was well-formed */
    bool wants_body;    /* on_body is owed */
    bool wants_room;    /* on_room is owed */
    bool owes_continue; /* the client waits for "100 Continue" */
    bool persistent;    /* the connection goes on after the answer */
    bool recorded;
    struct outgoing out;
    const struct exchange_events *events;
    void *owner;
    void *context;
    void *kept; /* exchange_keep() */
    void (*release)(void *kept);
    exchange_refuse_fn *refuse; /* exchange_set_refuser() */
    void *refuser;
    const char *route, *target;
    uint64_t route_id;
    const struct principal *principal;
    struct exchange_request request;
    struct framing framing;
    int64_t body_limit; /* -1: none */
    struct incoming in;
    struct arena arena;
    struct http1_head head;
    struct field fields[EXCHANGE_FIELDS];
};

enum {
    EXCHANGE_ARENA_MOST = 256 * 1024,
    EXCHANGE_READ_SIZE = 4096, /* of the first read; more when a head is longer */
    EXCHANGE_DATE_SIZE = 37,   /* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
};

struct http_server {
    struct loop *loop;
    struct http_server_settings settings;
    struct list connections;
    struct list spare; /* exchanges, latest first */
    size_t connection_count;
    size_t spare_count;
    struct loop_timer drain_timer;
    struct loop_task drained_task;
    bool draining;
    char date[EXCHANGE_DATE_SIZE];
    int64_t date_until_us; /* when the second of `date` ends */
};

/* --- connection.c -------------------------------------------------------------------------------- */

/* Takes `fd`. Nothing happens when the loop cannot watch it (it is closed). */
void connection_open(struct http_server *server, int fd, const struct address *peer, unsigned listener);
/* Ends it at once: on_gone for an open exchange. Call from the loop only. */
void connection_cut(struct connection *connection);
/* The answer is complete as far as its owner is concerned: sends what is left and goes on. */
void connection_answered(struct connection *connection);
/* The stream failed inside a call from outside: the rest happens from the loop. */
void connection_break(struct connection *connection);
/* The answer cannot be completed: cuts the stream so that the client notices. */
void connection_fail(struct connection *connection);
/* Reading of a body or writing is waited for, or has made progress. */
void connection_progress(struct connection *connection);
/* Have the task look at flags and corked bytes in this turn. */
void connection_schedule(struct connection *connection);
/* The exchange is over and the stream somebody else's. */
void connection_give_away(struct connection *connection);

/* --- exchange.c ---------------------------------------------------------------------------------- */

struct exchange *exchange_new(void);
void exchange_free(struct exchange *exchange);
/* Empties it and gives back what it has grown beyond the usual. */
void exchange_trim(struct exchange *exchange);
/* Ready for a request of its connection; it is new or trimmed. */
void exchange_begin(struct exchange *exchange);
/* The same after a request on this connection; what was read behind it stays. */
void exchange_reset(struct exchange *exchange);
/* Reports the record once. */
void exchange_record(struct exchange *exchange);
/* Answers a request that nobody has seen or that nobody answers any more; the connection ends after it. */
void exchange_refuse(struct exchange *exchange, int status, const char *detail);

/* --- server.c ------------------------------------------------------------------------------------ */

/* Ready for a request of this connection. */
struct exchange *http_server_take_exchange(struct http_server *server, struct connection *connection);
void http_server_put_exchange(struct http_server *server, struct exchange *exchange);
/* A connection has closed. */
void http_server_left(struct http_server *server);
/* "Date: ...\r\n" of this second, EXCHANGE_DATE_SIZE bytes. */
const char *http_server_date(struct http_server *server);
