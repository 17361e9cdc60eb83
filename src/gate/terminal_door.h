/* Who gets through a terminal route, and as what: `allow` may type, `view` may watch (contract §1); without
 * `auth` both only on this machine, unless the route lets anyone in by name. */
#pragma once

#include "route/rules.h"

#include "gate/door.h"

struct terminal_door;

/* Reads "view" and "local" of a route's row. NULL with the reason. */
struct terminal_door *terminal_door_new(const json_t *row, const char *path, const char *host,
                                        struct error *error);
void terminal_door_free(struct terminal_door **door);

/* Adds to the question those who may watch; it has those of `allow` already. */
void terminal_door_ask(const struct terminal_door *door, const struct exchange_request *request,
                       struct arena *arena, struct door_question *question);
/* Whether one who has passed may type. */
bool terminal_door_types(const struct principal *principal, const char *const *allow, size_t count);
/* Whether the terminal is shown on a listener with this address at all; one that is not has its answer. */
bool terminal_door_opens(const struct terminal_door *door, struct exchange *exchange, const char *listener);
