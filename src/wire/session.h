/* The value of a session cookie: who signed in, sealed by the keeper, checked by every gate (design §6).
 *
 *   base64url(payload) "." base64url(HMAC-SHA256(key, base64url(payload)))
 *   payload: {"id", "user", "groups": [...], "issued": ms, "expires": ms, "key": id of the key}
 *
 * Nothing in it is secret, nothing in it can be changed. Times are of the wall clock, passed in. Pure. */
#pragma once

#include "wire/principal.h"
#include "wire/seal.h"

enum {
    SESSION_VALUE_MOST = 3072, /* of a cookie value; browsers keep 4096 bytes with name and attributes */
    SESSION_KEYS_MOST = 2,     /* live ones: the first signs */
};

struct session_key {
    unsigned id; /* from 1 */
    uint8_t bytes[SEAL_SIZE];
};

struct session {
    const char *id;
    const char *user;
    const char *const *groups;
    size_t group_count;
    int64_t issued_ms;
    int64_t expires_ms;
};

/* The value with its NUL; free(). NULL when it would be longer than SESSION_VALUE_MOST (too many groups). */
char *session_seal(const struct session *session, const struct session_key *key);
/* Reads what session_seal() made with one of the keys; false for anything else. Its expiry is the caller's to
 * check. Texts are in `arena`. */
bool session_open(struct slice value, const struct session_key *keys, size_t count, struct arena *arena,
                  struct session *session);
