/* A route whose answer is a growing file of lines as server-sent events (design §7.3, docs/events.md).
 *
 * Every line is an event, with a name only where the route says which member holds it; what reeve itself has
 * to say are named events: `reset` (what follows starts a file anew), `timeout` (no file came), `end` (the
 * target is over and every line was sent), `auth` (the credential has ended), `bye` (reeve or this gate
 * stops). */
#pragma once

#include "tail/tail.h"

#include "route/backends.h"
#include "route/captures.h"
#include "route/event_stream.h"

struct events;       /* the event streams of a gate */
struct events_route; /* one route's */

struct events_settings {
    struct loop *loop;
    struct backends *backends;
    struct streams *streams;   /* each stream is a member, ... */
    struct event_group *group; /* ... of both */
    /* See tail/tail.h; may be NULL. */
    void (*on_degraded)(void *owner, int error);
    void (*on_refused)(void *owner, const char *path, int error);
    void *owner;
};

struct events *events_new(const struct events_settings *settings);
/* No exchange is open any more. */
void events_free(struct events **events);

/* All files that are read; its own. */
struct tail_group *events_tails(struct events *events);

struct events_route_settings {
    int root;              /* O_PATH of the folder, taken over */
    struct captures *file; /* below it, taken over */
    struct hidden *hidden; /* below it, taken over: not read */
    const char *names;     /* the member that names the event of a line; NULL: none. Copied */
    bool from_end;
    int64_t wait_ms;
    int64_t heartbeat_ms;
};

struct events_route *events_route_new(struct events *events, const struct events_route_settings *settings);
/* No exchange of the route is open any more. */
void events_route_free(struct events_route **route);

/* The file of a route, below its folder: of the request, or of the target that a request would lead to. data
 * NULL: there can be none. In the exchange's arena, or the route's own. */
struct slice events_file(const struct events_route *route, struct exchange *exchange);
struct slice events_file_of(const struct events_route *route, struct exchange *exchange,
                            const struct captures *route_target, struct slice target);
/* Where that is; lives as long as file and route. */
struct place events_place(const struct events_route *route, struct slice file);
/* Answers the exchange with a file. `target`: the route's, filled in; data NULL: it has none. */
void events_answer(const struct events_route *route, struct exchange *exchange, struct slice file,
                   struct slice target);
