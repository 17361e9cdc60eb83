/* Upgraded connections: client and upstream joined by a relay, WebSockets with a look at frame heads (design
 * §7.2). Each is registered from birth, so that a drain finds it. */
#pragma once

#include "http/upstream.h"

#include "route/backends.h"
#include "route/streams.h"

struct tunnels;

enum tunnels_goodbye {
    TUNNELS_GOING_AWAY = 1001, /* reeve stops */
    TUNNELS_RESTART = 1012,    /* another gate takes over: connect again */
};

/* Each tunnel is a member of `streams`, which outlive it: when its credential ends, its client is told with
 * 4401 (4403: not allowed any more) and cut within a second. `on_empty` fires when the last tunnel has ended;
 * may be NULL. `cookie`: "reeve-NAME", which no program sets; copied. */
struct tunnels *tunnels_new(struct loop *loop, struct streams *streams, const char *cookie,
                            void (*on_empty)(void *owner), void *owner);
/* Cuts what is left. */
void tunnels_free(struct tunnels **tunnels);
size_t tunnels_count(const struct tunnels *tunnels);

/* What a route says of its WebSockets (contract §1 `websocket`); stays the caller's. */
struct tunnels_rule {
    struct slice subprotocol; /* asked for in place of a client that asks for none; empty: none */
    int64_t ping_ms;          /* see route/pulse.h; 0: no pings */
};

/* A program behind that has answered 101. */
struct tunnels_offer {
    struct upstream_call **call; /* taken */
    const struct http1_head *answer;
    const struct backends_way *way; /* that it was called by; the caller's backends_open() is taken */
    const struct tunnels_rule *rule;
};

/* Whether the program is to be asked for the rule's subprotocol: the request opens a WebSocket and asks for
 * none. */
bool tunnels_asks(const struct tunnels_rule *rule, const struct exchange_request *request);
/* Checks a WebSocket's handshake (502 when it is wrong), sends the client its 101 and joins both. A
 * subprotocol that the client has not asked for is kept from it: a browser would close. */
void tunnels_open(struct tunnels *tunnels, struct exchange *exchange, const struct tunnels_offer *offer);
/* Tells every peer that it is over: a close frame at the next frame boundary, 2 s later a cut; what is no
 * WebSocket is cut then without a word. Few at once, more spread over `spread_ms` (route/farewell.h). */
void tunnels_say_goodbye(struct tunnels *tunnels, enum tunnels_goodbye code, int64_t spread_ms);
