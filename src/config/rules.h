/* Rules of who may pass: `anyone`, `signed-in`, `user:NAME`, `group:NAME` (contract §1). */
#pragma once

#include "config/load.h"

/* struct config_texts of rules. Names may have {names} in them, which rules_finish() checks. */
extern const struct type rules_list;

/* Each {name} in a route's `allow` is one that its path or host captures. */
void rules_finish(struct load *load, const struct config_route *route);
/* The same for another list of it, the value of `key`. */
void rules_finish_list(struct load *load, const struct config_route *route, const char *key,
                       const struct config_texts *rules);
/* The rules that hold where none are written: `signed-in` with auth, else `anyone`. */
const struct config_texts *rules_or_default(const struct config *config, const struct config_texts *written);
