/* One route of a snapshot, read from its row (wire/SNAPSHOT.md). */
#pragma once

#include "route/captures.h"
#include "route/events.h"
#include "route/files.h"
#include "route/limits.h"
#include "route/proxy.h"
#include "route/rules.h"

#include "gate/console.h"
#include "gate/descriptors.h"
#include "gate/event_routes.h"
#include "gate/section.h"
#include "gate/terminal_door.h"

struct serving_route {
    uint64_t id; /* see exchange_set_route() */
    char *place; /* "reeve.yaml:12:5" */
    struct rules *allow;
    struct captures *target; /* NULL: leads to none */
    bool creates;            /* a visit of an instance that is not there creates it */
    char *prefix;
    struct files *files;            /* NULL: another kind of route */
    struct events_route *events;    /* the same */
    struct terminal_door *terminal; /* the same */
    struct proxy_route proxy;       /* points into the text above */
    struct limits_rule limits;
    char *subprotocol;
    bool refuse_close; /* browsers of our own origin are refused with a close code */
};

/* What it is read with. */
struct serving_route_means {
    const struct console *console;
    struct events *events;
    struct event_routes *event_routes;
};

/* Into a route that is all zero; takes the descriptors that the row names. row->place becomes the route's.
 * False with the text; what was read is the caller's to clear in any case. */
bool serving_route_read(struct serving_route *route, struct section *row,
                        const struct serving_route_means *means, struct descriptors *descriptors);
void serving_route_clear(struct serving_route *route);
