/* Where a target is reached just now: its addresses, who must answer there, and the idle connections to them.
 *
 * An address is there only with all that it takes to go there: a row whose TLS policy is not known yet, or
 * whose unix socket has not come, has none. So nothing is ever sent in the clear that should not be. */
#pragma once

#include "http/upstream.h"
#include "wire/target.h"

#include "route/policies.h"

struct destination {
    struct upstream_pool *pool;
    const struct policies *policies; /* may be NULL: then nothing is reached over TLS */
    struct address addresses[TARGET_MOST_ADDRESSES];
    int count;
    unsigned next;
    int socket;                     /* O_PATH; -1: none */
    struct tls_policy *tls;         /* a share; NULL: in the clear, or not known yet */
    char tls_name[TARGET_TLS_SIZE]; /* of `tls` */
    uint64_t trust;                 /* counts the changes of `tls` */
};

/* Pool and policies outlive it. */
void destination_init(struct destination *destination, struct upstream_pool *pool,
                      const struct policies *policies);
/* Gives back what it holds; idle connections stay in the pool. */
void destination_clear(struct destination *destination);

/* As the row says, with the policies of now. */
void destination_set(struct destination *destination, const struct target_row *row);
/* Before destination_set(): the unix socket of a row that has one, taken over; -1: none. */
void destination_set_socket(struct destination *destination, int socket);
/* There is nothing to reach. */
void destination_set_none(struct destination *destination);
/* Idle connections are of no use any more: the next run would get another one's requests. */
void destination_forget(struct destination *destination);

/* One after the other; there is one. */
struct address destination_next(struct destination *destination);
/* It is one of those of now. */
bool destination_has(const struct destination *destination, const struct address *address);
