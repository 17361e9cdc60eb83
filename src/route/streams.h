/* What is open for long (tunnels, event streams), by who opened it and through which route: so that a
 * sign-out, a revoked token and the end of a session find their streams (design §6), and so does the reload
 * that changes or removes their route (design §3). */
#pragma once

#include "loop/loop.h"
#include "wire/principal.h"

struct streams;

enum streams_reason {
    STREAMS_SIGNED_OUT, /* the credential has ended: WebSockets 4401, event streams `event: auth` */
    STREAMS_FORBIDDEN,  /* known, but not allowed any more: WebSockets 4403 */
    STREAMS_MOVED, /* its route is another one now, or none: WebSockets 1012, event streams as in a drain */
};

/* Part of the object that is open. Its fields are streams.c's. */
struct stream_member {
    struct list link;
    const struct principal *principal; /* a copy, the member's own; valid while it is a member */
    uint64_t route;                    /* exchange_route_id(), set by whoever adds it; 0: none */
    /* Tell the client and end: within a second. At most once, from the loop; the member may be removed in it.
     */
    void (*close)(struct stream_member *member, enum streams_reason reason);
    bool told;
    bool moving; /* its route has gone: it is told soon */
    bool fresh;  /* streams_review_fresh() has not asked for it */
    bool used;   /* set by the member: its client has sent something since streams_each_used() */
};

struct streams *streams_new(struct loop *loop);
/* There is no member any more. */
void streams_free(struct streams **streams);

void streams_add(struct streams *streams, struct stream_member *member, const struct principal *principal,
                 void (*close)(struct stream_member *member, enum streams_reason reason));
/* Nothing for one that is none (all zero, or removed). */
void streams_remove(struct stream_member *member);

/* Closes those whose credential it is. */
void streams_close_credential(struct streams *streams, const char *credential, enum streams_reason reason);
/* Asks for each that has a credential, and closes it for the reason that `lapsed` sets when it gives true. */
void streams_review(struct streams *streams,
                    bool (*lapsed)(void *owner, const struct principal *principal,
                                   enum streams_reason *reason),
                    void *owner);
/* The same for those that came since the last call: between admission and the first byte, while a program
 * starts or a handshake goes on, the credential may have ended unseen. */
void streams_review_fresh(struct streams *streams,
                          bool (*lapsed)(void *owner, const struct principal *principal,
                                         enum streams_reason *reason),
                          void *owner);
/* Tells of each that was used since the last call. */
void streams_each_used(struct streams *streams, void (*tell)(void *owner, const struct principal *principal),
                       void *owner);
/* Closes those whose credential has ended by itself. Cheap while none is due. */
void streams_expire(struct streams *streams, int64_t wall_ms);

enum { STREAMS_AT_ONCE = 100 };
/* Closes those whose route is not kept (STREAMS_MOVED): up to STREAMS_AT_ONCE at once, of more an equal share
 * every moment, so that the last are told when `spread_ms` have passed. */
void streams_leave_routes(struct streams *streams, bool (*is_kept)(void *owner, uint64_t route), void *owner,
                          int64_t spread_ms);
