/* Sessions: who has signed in, and which sign-ins were taken back before their time. All times in wall clock
 * milliseconds; false and NULL when the database fails; `store` may be NULL. */
#pragma once

#include <jansson.h>

#include "store/store.h"

struct store_session {
    const char *id; /* names it; is no secret */
    const char *user;
    const char *stamp; /* of the user's line at sign-in: another one now means the session is over */
    const char *address;
    int64_t created_ms;
    int64_t expires_ms;
};

bool store_sessions_add(struct store *store, const struct store_session *session);
bool store_sessions_use(struct store *store, const char *id, int64_t used_ms);
bool store_sessions_revoke(struct store *store, const char *id, int64_t revoked_ms);
/* Forgets those that have expired: their cookies say so themselves. */
bool store_sessions_prune(struct store *store, int64_t now_ms);
/* [{id, user, stamp, address, created, expires, used, revoked: null | ms}], the oldest first. */
json_t *store_sessions_read(struct store *store);
