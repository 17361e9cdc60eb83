/* The keys that cookies are sealed with: the newest two live. False, 0 and NULL when the database fails;
 * `store` may be NULL. */
#pragma once

#include <jansson.h>

#include "store/store.h"

/* Adds a key (base64url text) and forgets all but the newest two. Its id, counted from 1 and never used
 * again. */
int64_t store_keys_add(struct store *store, const char *key, int64_t created_ms);
/* [{id, key, created}], the newest first. */
json_t *store_keys_read(struct store *store);
