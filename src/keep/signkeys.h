/* The keys that seal cookies: two live, the first signs, the second is still taken. A key signs for one
 * lifetime of a session and is taken for one more, so no cookie outlives its key. A rebuilt database means
 * new keys. */
#pragma once

#include <jansson.h>

#include "wire/session.h"

struct store;

struct signkeys {
    struct session_key keys[SESSION_KEYS_MOST]; /* the newest first */
    size_t count;
    int64_t created_ms; /* of the first; wall clock */
    bool stored;        /* false: the database has not taken it; it ends with this keeper */
};

/* Reads them, makes the first if there is none. */
void signkeys_load(struct signkeys *signkeys, struct store *store, int64_t now_ms);
/* Makes a new one when the first has signed for `lifetime_ms`, or is not in the database. True: they changed.
 */
bool signkeys_rotate(struct signkeys *signkeys, struct store *store, int64_t now_ms, int64_t lifetime_ms);
/* [{id, key: base64url}], for gates alone; a new reference. */
json_t *signkeys_encode(const struct signkeys *signkeys);
void signkeys_wipe(struct signkeys *signkeys);
