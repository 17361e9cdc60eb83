/* Bearer tokens: made here, known afterwards only by their SHA-256. Used by the keeper, and by the command
 * under the keeper's lock when there is none. Times are of the wall clock. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "wire/seal.h"

struct store;

#define TOKENS_PREFIX "reeve_"
enum {
    TOKENS_MOST = 1000,
    TOKENS_SECRET_BYTES = 32,
    TOKENS_TEXT_SIZE = sizeof TOKENS_PREFIX + SEAL_TEXT_SIZE(TOKENS_SECRET_BYTES),
    TOKENS_ID_SIZE = 23,
};

#define TOKENS_LIFE_MOST_MS (INT64_C(100) * 366 * 24 * 60 * 60 * 1000) /* 100 years */

struct tokens_new {
    const char *name; /* the user that its bearer is; no other token has it */
    int64_t now_ms;
    int64_t life_ms; /* 0: for ever; at most TOKENS_LIFE_MOST_MS */
};

struct tokens_made {
    char id[TOKENS_ID_SIZE];
    char text[TOKENS_TEXT_SIZE]; /* the secret: told once; wipe it */
    int64_t expires_ms;          /* 0: never */
};

/* An HTTP status: 201; 409 the name has one; 422 it is no name, or lives too long; 429 too many; 503 the
 * database does not take it. Errors with the text. */
int tokens_create(struct store *store, const struct tokens_new *wanted, struct tokens_made *made,
                  struct error *error);
/* By name or id: 200, 404, 503. */
int tokens_revoke(struct store *store, const char *name_or_id, struct error *error);
/* Forgets what has expired, then [{id, name, sha256, created, expires: null | ms}]; a new reference, NULL
 * when the database fails. */
json_t *tokens_read(struct store *store, int64_t now_ms);
/* For people: rows of tokens_read() as [{id, name, created, expires: null | text}], times as RFC 3339; a new
 * reference. */
json_t *tokens_describe(const json_t *rows);
