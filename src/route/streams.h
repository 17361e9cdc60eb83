/* What is open for long (tunnels, event streams), by who opened it: so that a sign-out, a revoked token and
 * the end of a session find their streams (design §6). */
#pragma once

#include "base/list.h"
#include "wire/principal.h"

struct streams;

enum streams_reason {
    STREAMS_SIGNED_OUT, /* the credential has ended: WebSockets 4401, event streams `event: auth` */
    STREAMS_FORBIDDEN,  /* known, but not allowed any more: WebSockets 4403 */
};

/* Part of the object that is open. Its fields are streams.c's. */
struct stream_member {
    struct list link;
    const struct principal *principal; /* a copy, the member's own; valid while it is a member */
    /* Tell the client and end: within a second. At most once, from the loop; the member may be removed in it.
     */
    void (*close)(struct stream_member *member, enum streams_reason reason);
    bool told;
};

struct streams *streams_new(void);
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
/* Closes those whose credential has ended by itself. Cheap while none is due. */
void streams_expire(struct streams *streams, int64_t wall_ms);
