/* Questions that the keeper has gates put to targets, since it reads nothing from the network (design §1): an
 * HTTP request whose status tells, or only a connection. */
#pragma once

#include "link/channel.h"
#include "loop/loop.h"
#include "wire/target.h"

struct prober;

/* Fires once per question, from the loop and never from inside prober_ask(). `ok`: a status from 200 to 399,
 * or a connection where nothing else was asked for; `text` says what came (valid during the call). */
typedef void prober_done_fn(void *owner, uint32_t tag, bool ok, const char *text);

struct prober_question {
    const char *target;
    uint64_t generation;
    const char *address; /* where to connect, unless there is a socket */
    int socket;          /* O_PATH descriptor of an unix socket (borrowed), or -1 */
    const char *tls;     /* how its certificate is checked, as a row says it; NULL, "": in the clear */
    const char *method;  /* NULL: GET */
    const char *path;    /* NULL: a connection is all that is wanted */
    int64_t timeout_ms;  /* for the whole of it */
    prober_done_fn *on_done;
    void *owner;
    uint32_t tag; /* the asker's own number for it */
};

/* Who is asked, where: of a target's row and its socket (borrowed, or -1). The rest is the asker's. */
struct prober_question prober_about(const struct target_row *row, int socket);

struct prober *prober_new(struct loop *loop);
/* Sends it over the channel of gate `slot`; a NULL channel: there is no gate, on_done says so. A gate that
 * has not answered PROBER_SLACK_MS after the time-out is not waited for. */
void prober_ask(struct prober *prober, const struct prober_question *question, unsigned slot,
                struct channel *channel);
enum { PROBER_SLACK_MS = 1000 };
/* The body of MESSAGE_GATE_PROBED, hostile until checked: answers of other gates' questions are dropped. */
void prober_answered(struct prober *prober, unsigned slot, uint32_t id, const json_t *body);
/* The gate has gone, its questions with it. */
void prober_slot_gone(struct prober *prober, unsigned slot);
void prober_free(struct prober **prober);
