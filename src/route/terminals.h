/* A route that is a terminal (contract §5, docs/terminals.md): below its path a page, a token as ttyd has
 * one, and the WebSocket, which ttyd's own page and clients speak as well. Nothing is switched to before the
 * terminal is there: until then a handshake waits, and its refusal is an HTTP status. */
#pragma once

#include "http/exchange.h"

#include "route/asker.h"
#include "route/attaches.h"
#include "route/backends.h"
#include "route/match.h"
#include "route/streams.h"
#include "route/viewers.h"

struct terminals; /* of a gate */

struct terminals_settings {
    struct loop *loop;
    struct backends *backends;
    struct streams *streams;
    struct attaches *attaches;
    struct asker *asker;
    void (*on_empty)(void *owner); /* the last viewer has ended; may be NULL */
    void *owner;
};

/* What it points to outlives it. */
struct terminals *terminals_new(const struct terminals_settings *settings);
/* No exchange is open any more; viewers are cut. */
void terminals_free(struct terminals **terminals);
/* Open viewers, for goodbyes and counts. */
struct viewers *terminals_viewers(struct terminals *terminals);

struct terminals_visit {
    struct slice target; /* "shell/a1"; lives as long as the exchange */
    bool may_type;       /* else it watches */
    bool api;            /* no route has let it in */
    bool creates;        /* a visit of an instance that is not there creates it */
};

/* Answers what was asked for below a terminal route. */
void terminals_answer(struct terminals *terminals, struct exchange *exchange,
                      const struct match_result *match, const struct terminals_visit *visit);
/* Answers at the WebSocket's own path. "?again=1" there starts a program that has ended, for one who may type
 * and may restart it (contract §1, a template's `allow`). */
void terminals_answer_socket(struct terminals *terminals, struct exchange *exchange,
                             const struct terminals_visit *visit);
