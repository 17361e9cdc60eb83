#include "store/query.h"
#include "store/tokens.h"

bool store_tokens_add(struct store *store, const struct store_token *token)
{
    json_t *expires = token->expires_ms ? json_integer(token->expires_ms) : json_null();
    return query_run(store,
                     "INSERT INTO tokens (id, name, sha256, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                     json_pack("[s, s, s, I, o]", token->id, token->name, token->sha256,
                               (json_int_t)token->created_ms, expires));
}

int store_tokens_remove(struct store *store, const char *name_or_id)
{
    return query_change(store, "DELETE FROM tokens WHERE name = ?1 OR id = ?1", json_pack("[s]", name_or_id));
}

bool store_tokens_prune(struct store *store, int64_t now_ms)
{
    return query_run(store, "DELETE FROM tokens WHERE expires <= ?1", json_pack("[I]", (json_int_t)now_ms));
}

json_t *store_tokens_read(struct store *store)
{
    return query_rows(store, "SELECT id, name, sha256, created, expires FROM tokens ORDER BY created, rowid",
                      NULL);
}
