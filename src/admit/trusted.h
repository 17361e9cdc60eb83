/* `trusted_proxies`: whose word counts on how a request came to them (contract §1). Pure. */
#pragma once

#include "base/error.h"
#include "net/address.h"
#include "wire/fields.h"

struct trusted;

/* `networks` are texts that end with NULL: "10.0.0.0/8", "::1", "fd00::/8"; "unix" is whoever connects to a
 * socket file. NULL with the reason. */
struct trusted *trusted_new(const char *const *networks, struct error *error);
bool trusted_has(const struct trusted *trusted, const struct address *peer);
/* Whether the nearest proxy says that its client came over TLS: the last value of X-Forwarded-Proto, else
 * `proto` of the last element of Forwarded (RFC 7239 §5.4). */
bool trusted_says_secure(const struct fields *fields);
/* Who the client is by the word of the proxies: the last address in X-Forwarded-For (else of the `for` in
 * Forwarded) that is not a trusted proxy itself. False: they do not say. */
bool trusted_client(const struct trusted *trusted, const struct fields *fields, struct address *client);
void trusted_free(struct trusted **trusted);
