/* The `allow` of a route: who may pass, with what path and host capture filled in (contract §1). */
#pragma once

#include <jansson.h>

#include "route/captures.h"

struct rules;

/* `texts` is an array of rules (wire/principal.h), which may have {names} that `path` or `host` (NULL: any)
 * capture. NULL with the reason. */
struct rules *rules_new(const json_t *texts, const char *path, const char *host, struct error *error);
/* The rules for one request, in the arena or its own memory; returns how many. One whose captured value can
 * be no name is left out: it lets nobody in. */
size_t rules_fill(const struct rules *rules, const struct exchange_request *request, struct arena *arena,
                  const char *const **filled);
void rules_free(struct rules **rules);
