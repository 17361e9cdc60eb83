/* Texts with {names} in them that a route's path or host captures (contract §1 "Values"): "shell/{id}" as the
 * target of "/s/{id}/" and `*`. Compiled once per route, then filled in from each request. */
#pragma once

#include "base/error.h"
#include "http/exchange.h"

struct captures;

/* `path` and `host` (NULL: any) are the route's patterns, as route/match.h reads them; all three are copied
 * as far as they are needed. NULL with the reason: a name that neither of them captures, or a brace that is
 * not closed. */
struct captures *captures_new(const char *text, const char *path, const char *host, struct error *error);
/* Has {names} at all: what it gives depends on the request. */
bool captures_any(const struct captures *captures);
/* The text for a request that these patterns have matched; without {names} the text itself, else in the
 * arena. data is NULL when a value does not match [A-Za-z0-9][A-Za-z0-9._-]{0,63} (answer 404: nothing of
 * that name can exist), or the arena is full. */
struct slice captures_fill(const struct captures *captures, const struct exchange_request *request,
                           struct arena *arena);
/* The text that a request would give whose values make `target` read `name`: "a1/events.jsonl" for the target
 * "shell/{id}" and the name "shell/a1". data NULL: no request makes it read so, or what is captured there
 * does not say all of it. Both are of one route. */
struct slice captures_fill_from(const struct captures *captures, const struct captures *target,
                                struct slice name, struct arena *arena);
/* What a captured value must match to be part of the name of a target or file. */
bool captures_is_name(struct slice value);
void captures_free(struct captures **captures);
