/* Questions for a target's terminal, the gate's half (wire/message.h, MESSAGE_GATE_ATTACH): the keeper
 * answers with a viewer's end of the terminal link, whose other end it has given to the target's hold. */
#pragma once

#include <jansson.h>

#include "wire/principal.h"

#include "route/pending.h"

struct attaches; /* all that are under way in a gate */

struct attach_result {
    int status;       /* 200, or why not: 403 not allowed, 404 unknown, 409 no terminal, 503 ... */
    const char *text; /* NULL: none */
    int link;         /* 200: a non-blocking SOCK_SEQPACKET socket, the taker's (wire/terminal.h); else -1 */
};

/* One question, inside its owner's object; all zero: not asked. */
struct attach {
    struct pending pending;
    /* Once, from the loop, unless it is cancelled. Takes result->link. */
    void (*on_end)(struct attach *attach, const struct attach_result *result);
};

/* Sends MESSAGE_GATE_ATTACH; takes the reference to `body`. False: nobody is there. */
typedef bool attaches_send_fn(void *owner, uint32_t id, json_t *body);

struct attaches *attaches_new(struct loop *loop, attaches_send_fn *send, void *owner);
void attaches_free(struct attaches **attaches); /* CHECKs that none is under way */

struct attach_question {
    struct slice target;
    bool view; /* it may watch and not type */
    bool api;  /* no route has let it in: the keeper judges, as for start and stop */
    const struct principal *who;
};

/* Asks, with attach->on_end set. */
void attaches_ask(struct attaches *attaches, struct attach *attach, const struct attach_question *question);
/* Does nothing when it is not under way. */
void attaches_cancel(struct attach *attach);

/* MESSAGE_GATE_ATTACH_ANSWER has come; `link` (-1: none) is taken, and closed when nobody waits for it any
 * more. False: malformed. */
bool attaches_told(struct attaches *attaches, uint32_t id, const json_t *body, int link);
/* The keeper has gone: each ends with 503. */
void attaches_keeper_away(struct attaches *attaches);
