/* Open terminals in browsers: a WebSocket that ends here (ttyd's messages, wire/ttyd.h) on one side, the link
 * to the terminal's hold (wire/terminal.h) on the other. What one side does not take stops the reading of the
 * other, so that a viewer costs at most a record in each direction.
 *
 * It ends with a close frame and a reason in words, never with code 1000, on which ttyd's client gives up. */
#pragma once

#include "http/exchange.h"

#include "route/backends.h"
#include "route/streams.h"

struct viewers;

enum viewers_goodbye {
    VIEWERS_GOING_AWAY = 1001, /* reeve stops */
    VIEWERS_RESTART = 1012,    /* another gate takes over: connect again */
};

/* Each is a member of `streams`, which outlive them: when its credential ends it is told with 4401 (4403: not
 * allowed any more). `on_empty` fires when the last has ended; may be NULL. */
struct viewers *viewers_new(struct loop *loop, struct streams *streams, void (*on_empty)(void *owner),
                            void *owner);
/* Cuts what is left. */
void viewers_free(struct viewers **viewers);
size_t viewers_count(const struct viewers *viewers);

struct viewers_opening {
    int link;                /* taken */
    struct backend *backend; /* the caller's backends_open() of it is taken */
    bool may_type;
};

/* Answers 101 to a WebSocket's handshake that has been checked, whose request has no body, and shows the
 * terminal. */
void viewers_open(struct viewers *viewers, struct exchange *exchange, const struct viewers_opening *opening);
/* Tells every viewer that it is over; 2 s later it is cut. Few at once, more spread over `spread_ms`
 * (route/farewell.h). Those that come later are told at once. */
void viewers_say_goodbye(struct viewers *viewers, enum viewers_goodbye code, int64_t spread_ms);
