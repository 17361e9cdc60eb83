/* The event stream of a service on its way through the proxy (docs/events.md): bytes pass as they are, at
 * once, and the stream ends as those of reeve do when its credential ends, its route or its service's address
 * or policy changes, or this gate stops.
 *
 * What reeve then says can be said only behind a whole event, and only where more may follow: a stream with a
 * length, with a coding or in the middle of an event is cut instead, and its client comes back. */
#pragma once

#include "http/exchange.h"

#include "route/event_group.h"
#include "route/event_said.h"
#include "route/streams.h"

/* Whether a request takes nothing else, as an EventSource's does: by its Accept. */
bool event_relay_is_asked(const struct http1_head *head);
/* Whether a response is one: by its Content-Type. */
bool event_relay_is(const struct http1_head *head);
/* Adds to a response's fields what keeps others from holding it back or changing it, as far as it does not
 * say so itself: at most EVENT_RELAY_FIELDS. Returns the new count. */
enum { EVENT_RELAY_FIELDS = 2 };
size_t event_relay_add_fields(const struct http1_head *head, struct exchange_field *fields, size_t count);

struct event_relay;

struct event_relay_settings {
    struct streams *streams; /* both outlive it */
    struct event_group *group;
    struct exchange *exchange;
    const struct http1_head *head;  /* of the response; needed during the call only */
    const struct backends_way *way; /* that it comes by; the same */
    int64_t length;                 /* of its body; -1: unknown */
    /* The stream ends: close the relay and let go of the upstream; the relay ends the exchange right after.
     * True: all that came has been given to the exchange. From the loop, once at most. */
    bool (*on_end)(void *owner);
    void *owner;
};

/* Behind exchange_head(). */
struct event_relay *event_relay_open(const struct event_relay_settings *settings);
/* These bytes have been given to the exchange. */
void event_relay_passed(struct event_relay *relay, struct slice bytes);
/* NULL in *relay is fine; freed with the loop's turn. */
void event_relay_close(struct event_relay **relay);
