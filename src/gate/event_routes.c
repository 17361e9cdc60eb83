/* A list: it is walked when a stream begins. */
#include <stdlib.h>

#include "base/memory.h"
#include "route/problem.h"

#include "gate/event_routes.h"

struct entry {
    const struct events_route *route;
    const struct captures *target;
};

struct event_routes {
    struct entry *entries;
    size_t count;
};

struct event_routes *event_routes_new(void)
{
    return MEMORY_NEW(struct event_routes);
}

void event_routes_free(struct event_routes **routes)
{
    if (!*routes)
        return;
    free((*routes)->entries);
    free(*routes);
    *routes = NULL;
}

void event_routes_add(struct event_routes *routes, const struct events_route *route,
                      const struct captures *target)
{
    routes->entries = memory_resize(routes->entries, (routes->count + 1) * sizeof *routes->entries);
    routes->entries[routes->count++] = (struct entry){route, target};
}

/* NULL: there is none. */
static const struct events_route *find(const struct event_routes *routes, struct exchange *exchange,
                                       struct slice target, struct slice *file)
{
    for (size_t i = 0; i < routes->count; i++) {
        *file = events_file_of(routes->entries[i].route, exchange, routes->entries[i].target, target);
        if (file->data)
            return routes->entries[i].route;
    }
    return NULL;
}

static bool find_events(void *owner, struct exchange *exchange, struct slice target, struct place *place)
{
    struct slice file;
    const struct events_route *route = find(owner, exchange, target, &file);
    if (route)
        *place = events_place(route, file);
    return route != NULL;
}

static void answer_events(void *owner, struct exchange *exchange, struct slice target)
{
    struct slice file;
    const struct events_route *route = find(owner, exchange, target, &file);
    if (route)
        events_answer(route, exchange, file, target);
    else
        problem_reply_status(exchange, 404, "No route has `events` with this target.");
}

void event_routes_serve(struct event_routes *routes, struct api_streams *streams)
{
    streams->find_events = find_events;
    streams->answer_events = answer_events;
    streams->owner = routes;
}
