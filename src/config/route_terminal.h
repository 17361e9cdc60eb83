/* `terminal` and `view` of a route. */
#pragma once

#include "config/load.h"

/* What shows once all keys of the route are read. */
void route_terminal_finish(struct load *load, const struct config_route *route);
/* ... and once all services and templates are: that what it leads to is there and has a terminal. */
void route_terminal_verify(struct load *load, const struct config_route *route);
/* Without `auth` terminals are for this machine alone, unless `allow` names anyone. */
bool route_terminal_is_local(const struct config *config, const struct config_route *route);
