/* Which route answers a request (contract §1 "Matching"): the host first, then the path segment by segment,
 * literal > {name} > `*`. Compiled once, then pure: no allocation, nothing written.
 *
 * A pattern is "/", "/x", "/x/{name}/y" or "/x/" and a `*`, which stands for all that follows and for nothing
 * at all: "/x/" and `*` match "/x" too. A host pattern is a name whose labels may be {name}. The most exact
 * host that has a route for the path wins: literal host > host with {name} > any host. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct match_table;

struct match_result {
    unsigned route;       /* the number that match_add() was given */
    bool wildcard;        /* the route ends with `*` */
    bool bare;            /* nothing, not even a slash, is left for the `*`: "/x" for "/x/" and `*` */
    unsigned before_rest; /* wildcard: segments before the `*` (see uri_skip_segments()) */
    struct slice rest;    /* what `*` stands for, with the slash before it; empty when bare */
};

struct match_table *match_new(void);
/* Adds a route. False with the reason: malformed, or equal to an earlier one (names in braces make no
 * difference). `host` NULL: any host. */
bool match_add(struct match_table *table, const char *host, const char *path, unsigned route,
               struct error *error);
/* `host` in lower case without port, `path` decoded and normalised (wire/uri.h); both are the caller's and
 * result->rest points into `path`. False: no route. */
bool match_find(const struct match_table *table, struct slice host, struct slice path,
                struct match_result *result);
void match_free(struct match_table **table);
