/* Who asks, as admission has found out: what a gate's routes read and what its questions to the keeper carry.
 * Pure. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"

enum principal_kind {
    PRINCIPAL_NOBODY,   /* no credential, or none that counts */
    PRINCIPAL_SESSION,  /* signed in, by a cookie */
    PRINCIPAL_TOKEN,    /* a program, by a bearer token: user NAME without groups */
    PRINCIPAL_OPERATOR, /* the command, over the control socket; no gate makes one */
};

struct principal {
    enum principal_kind kind;
    const char *user; /* NULL: nobody, or an operator */
    const char *const *groups;
    size_t group_count;
    const char *credential; /* id of the session or token, never the secret; NULL: none */
    int64_t expires_ms;     /* wall clock: when the credential ends; 0: never. Not part of the JSON */
};

/* Whoever has not signed in. */
extern const struct principal principal_nobody;

/* {"kind", "user", "groups", "credential"} */
json_t *principal_encode(const struct principal *principal);
/* Strict. Strings point into `object`, the array of groups comes from `arena`. False: malformed. */
bool principal_decode(const json_t *object, struct arena *arena, struct principal *principal);
/* One piece of memory with everything in it; free(). */
struct principal *principal_copy(const struct principal *principal);
/* The same in an arena; NULL when it is full. */
const struct principal *principal_keep(const struct principal *principal, struct arena *arena);

/* Whether one of the rules holds: anyone | signed-in | user:NAME | group:NAME, captures and ${...} already
 * filled in. An operator always passes; without a rule, nobody else does. */
bool principal_passes(const struct principal *principal, const char *const *rules, size_t count);
