/* What is open for long (tunnels, event streams), by who opened it and through which route: so that a
 * sign-out, a revoked token and the end of a session find their streams (design §6), and so does the reload
 * that changes or removes their route (design §3). */
#pragma once

#include <jansson.h>

#include "http/exchange.h"

#include "route/backends.h"
#include "route/farewell.h"

struct streams;
struct stream_member;

/* What kind of stream a member is. */
struct stream_kind {
    const char *name; /* "websocket", "upgrade", "events", "terminal" */
    /* Adds what it has to tell to its row in the list of connections: "target", "bytes_in", "bytes_out" (of
     * the client's side), "messages_in", "messages_out", "idle_ms". May be NULL. */
    void (*describe)(struct stream_member *member, json_t *row);
};

/* Where a stream came in: what admission looked at, beside who it was. */
struct stream_visit {
    unsigned listener;       /* index in the snapshot of that time */
    struct slice host, path; /* as exchange_request() had them */
};

enum streams_reason {
    STREAMS_SIGNED_OUT, /* the credential has ended: WebSockets 4401, event streams `event: auth` */
    STREAMS_FORBIDDEN,  /* known, but not allowed any more: WebSockets 4403 */
    STREAMS_MOVED,      /* its route is another one now, or none, or what it leads to: WebSockets 1012, event
                           streams      as in a drain */
    STREAMS_CLOSED,     /* by the operator: WebSockets 1001, event streams as in a drain */
};

/* Part of the object that is open. Its fields are streams.c's. */
struct stream_member {
    struct list link;
    struct streams *streams;
    const struct principal *principal; /* a copy, the member's own; valid while it is a member */
    uint64_t route;                    /* exchange_route_id(); 0: none */
    struct backends_way way;           /* what it is joined with */
    uint64_t serial;                   /* its own in this gate, from 1 */
    const struct stream_kind *kind;    /* NULL until streams_from() */
    int64_t since_us;
    void *place;        /* under a limit (route/limits.h); NULL: none */
    void *visit;        /* streams_visit() reads it; NULL: unknown */
    uint8_t client[16]; /* IPv6, or IPv4 mapped into it; all zero: none */
    /* Tell the client and end: within a second. At most once, from the loop; the member may be removed in it.
     */
    void (*close)(struct stream_member *member, enum streams_reason reason);
    bool told;
    bool moving; /* it may not stay: it waits to be told */
    bool fresh;  /* streams_review_fresh() has not asked for it */
    bool used;   /* set by the member: its client has sent something since streams_each_used() */
};

struct streams *streams_new(struct loop *loop);
/* There is no member any more. */
void streams_free(struct streams **streams);

void streams_add(struct streams *streams, struct stream_member *member, const struct principal *principal,
                 void (*close)(struct stream_member *member, enum streams_reason reason));
/* What is known from the exchange that it begins with: route, client, place under a limit. Call it right
 * after streams_add(), before exchange_upgrade(). `kind` outlives the member; `way` NULL: it leads to nobody
 * whose address could change. One that may not stay, since a reload came while it was being opened, is told
 * soon. */
void streams_from(struct stream_member *member, struct exchange *exchange, const struct stream_kind *kind,
                  const struct backends_way *way);
/* Nothing for one that is none (all zero, or removed). */
void streams_remove(struct stream_member *member);

/* Closes those whose credential it is. */
void streams_close_credential(struct streams *streams, const char *credential, enum streams_reason reason);
/* False: it has none, or streams_from() has not told. */
bool streams_visit(const struct stream_member *member, struct stream_visit *visit);

typedef bool streams_lapsed_fn(void *owner, const struct stream_member *member, enum streams_reason *reason);
/* Asks for each that has a credential, and closes it for the reason that `lapsed` sets when it gives true. */
void streams_review(struct streams *streams, streams_lapsed_fn *lapsed, void *owner);
/* The same for all, those of nobody too. */
void streams_review_all(struct streams *streams, streams_lapsed_fn *lapsed, void *owner);
/* The same for those that came since the last call: between admission and the first byte, while a program
 * starts or a handshake goes on, what let them in may have ended unseen. */
void streams_review_fresh(struct streams *streams, streams_lapsed_fn *lapsed, void *owner);
/* Tells of each that was used since the last call. */
void streams_each_used(struct streams *streams, void (*tell)(void *owner, const struct principal *principal),
                       void *owner);
/* Closes those whose credential has ended by itself. Cheap while none is due. */
void streams_expire(struct streams *streams, int64_t wall_ms);

/* Which streams may stay, by their `route` and `way`; asked of those that begin, and of all by
 * streams_leave_moved(). Before this call all may. */
void streams_judge(struct streams *streams, bool (*is_kept)(void *owner, const struct stream_member *member),
                   void *owner);
/* Closes those that may not stay (STREAMS_MOVED): few at once, more spread over `spread_ms`
 * (route/farewell.h). */
void streams_leave_moved(struct streams *streams, int64_t spread_ms);

/* --- the list, for operators ------------------------------------------------------------------------- */

struct streams_listing {
    size_t most;
    const char *(*route_of)(void *owner, uint64_t route); /* where it stands; NULL: it is gone */
    void *owner;
};
/* Rows of those that streams_from() has told of: {id: its serial, kind, route, user, address, age_ms, ...}; a
 * new reference. *more: how many have no row. */
json_t *streams_list(struct streams *streams, const struct streams_listing *listing, size_t *more);
/* One row of the list, a new reference; NULL: there is none (any more). */
json_t *streams_row(struct streams *streams, uint64_t serial, const struct streams_listing *listing);
/* Closes the one with this serial (STREAMS_CLOSED). False: there is none (any more). */
bool streams_close_one(struct streams *streams, uint64_t serial);
