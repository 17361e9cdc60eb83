/* Which route has the events of a target: what the API asks that knows targets, not paths. */
#pragma once

#include "route/api_streams.h"
#include "route/events.h"

struct event_routes;

struct event_routes *event_routes_new(void);
void event_routes_free(struct event_routes **routes);
/* A route with a target; the first one that fits a name counts. Both outlive it. */
void event_routes_add(struct event_routes *routes, const struct events_route *route,
                      const struct captures *target);
/* Sets what the API's streams ask. */
void event_routes_serve(struct event_routes *routes, struct api_streams *streams);
