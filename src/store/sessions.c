#include "store/query.h"
#include "store/sessions.h"

bool store_sessions_add(struct store *store, const struct store_session *session)
{
    return query_run(store,
                     "INSERT INTO sessions (id, user, stamp, address, created, expires, used)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5)",
                     json_pack("[s, s, s, s, I, I]", session->id, session->user, session->stamp,
                               session->address, (json_int_t)session->created_ms,
                               (json_int_t)session->expires_ms));
}

bool store_sessions_use(struct store *store, const char *id, int64_t used_ms)
{
    return query_run(store, "UPDATE sessions SET used = ?2 WHERE id = ?1",
                     json_pack("[s, I]", id, (json_int_t)used_ms));
}

bool store_sessions_revoke(struct store *store, const char *id, int64_t revoked_ms)
{
    return query_run(store, "UPDATE sessions SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL",
                     json_pack("[s, I]", id, (json_int_t)revoked_ms));
}

bool store_sessions_prune(struct store *store, int64_t now_ms)
{
    return query_run(store, "DELETE FROM sessions WHERE expires <= ?1", json_pack("[I]", (json_int_t)now_ms));
}

json_t *store_sessions_read(struct store *store)
{
    return query_rows(store,
                      "SELECT id, user, stamp, address, created, expires, used, revoked FROM sessions"
                      " ORDER BY created, rowid",
                      NULL);
}
