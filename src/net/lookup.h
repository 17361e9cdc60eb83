/* Private to src/net: questions to name servers (c-ares) in the loop, without threads. The hosts file is
 * asked first, and `localhost` never leaves the machine (RFC 6761 section 6.3). resolver.c is the only user.
 */
#pragma once

#include "loop/loop.h"
#include "net/resolver.h"

struct lookup;

enum lookup_verdict {
    LOOKUP_FOUND,
    LOOKUP_NONE,   /* the name has no address: somebody who knows has said so */
    LOOKUP_FAILED, /* nobody could say */
};

struct lookup_answer {
    enum lookup_verdict verdict;
    struct address addresses[RESOLVER_ADDRESSES_MOST]; /* in the order to try them (RFC 6724); port 0 */
    size_t count;
    int64_t ttl_s;
    const char *trouble; /* unless found: why not, a whole sentence */
};

/* May fire from inside lookup_ask(), and from the loop; not from inside lookup_free(). */
typedef void lookup_fn(void *owner, const struct lookup_answer *answer);

/* `servers`: "127.0.0.1:5353,...", copied; NULL: those of /etc/resolv.conf, which is read again when it has
 * changed. */
struct lookup *lookup_new(struct loop *loop, const char *servers);
void lookup_free(struct lookup **lookup);
/* Nothing is asked twice at the same time: that is up to the caller. Over within 10 s. */
void lookup_ask(struct lookup *lookup, const char *name, lookup_fn *on_answer, void *owner);
/* Who would be asked: "10.0.0.1, 10.0.0.2"; into text[ADDRESS_TEXT_SIZE], returns text. */
char *lookup_servers(const struct lookup *lookup, char *text);
