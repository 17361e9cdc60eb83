/* Addresses of host names, for whoever connects: one question per name however many ask, answers kept for as
 * long as they say.
 *
 * An answer is kept for its TTL, from RESOLVER_LEAST_S to RESOLVER_MOST_S. When it cannot be had anew (no
 * server answers, SERVFAIL), the addresses of before are used on, on_trouble says so, and the resolver goes
 * on asking; that a name has no address is an answer, and ends the ones of before. */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

struct resolver;

enum {
    RESOLVER_NAMES_MOST = 256,
    RESOLVER_ADDRESSES_MOST = 8, /* of one name */
    RESOLVER_LEAST_S = 1,
    RESOLVER_MOST_S = 300,
    RESOLVER_NONE_MS = 1000,    /* how long a bad answer counts */
    RESOLVER_RETRY_MS = 5000,   /* between questions whose last good answer is still used */
    RESOLVER_PATIENCE_MS = 500, /* then the addresses of before are given */
    RESOLVER_UNUSED_MS = 600000,
};

struct resolver_settings {
    struct loop *loop;
    const char *servers; /* "127.0.0.1:5353,..."; NULL: as this machine is set up */
    /* Addresses of before are in use, and why; NULL: no more. From the loop. May be NULL. */
    void (*on_trouble)(void *owner, const char *text);
    void *owner;
};

struct resolver *resolver_new(const struct resolver_settings *settings);
/* Nobody asks any more. NULL in *resolver is fine. */
void resolver_free(struct resolver **resolver);

struct resolver_answer {
    const struct address *addresses; /* in the order to try them; valid during the call */
    size_t count;
    const char *trouble; /* why there are none: "nas.lan has no address (NXDOMAIN from resolver 10.0.0.1)" */
};

/* One who asks, inside its owner's object; all zero: asks nothing. */
struct resolver_query {
    struct list link;
    /* Fires once, from the loop; may ask again. */
    void (*on_answer)(struct resolver_query *query, const struct resolver_answer *answer);
};

/* `address` is a name (address_is_name()); its port is that of the answer. on_answer is set before. */
void resolver_ask(struct resolver *resolver, struct resolver_query *query, const struct address *address);
/* Does nothing for one who does not ask. */
void resolver_leave(struct resolver_query *query);
/* "10.0.0.1, 10.0.0.2" into text[ADDRESS_TEXT_SIZE]; returns text. */
char *resolver_servers(const struct resolver *resolver, char *text);
