/* Tokens at rest: only the SHA-256 of each. All times in wall clock milliseconds; false and NULL when the
 * database fails; `store` may be NULL. */
#pragma once

#include <jansson.h>

#include "store/store.h"

struct store_token {
    const char *id;     /* names it; is no secret */
    const char *name;   /* unique: the user that its bearer is */
    const char *sha256; /* of its whole text, in hex */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
};

bool store_tokens_add(struct store *store, const struct store_token *token);
/* By name or id. The number removed (0: there is none), or -1 when the database fails. */
int store_tokens_remove(struct store *store, const char *name_or_id);
bool store_tokens_prune(struct store *store, int64_t now_ms);
/* [{id, name, sha256, created, expires: null | ms}], the oldest first. */
json_t *store_tokens_read(struct store *store);
