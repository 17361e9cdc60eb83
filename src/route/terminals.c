/* Which of its pages a request is for, and one joining per handshake, in its exchange's memory: the instance
 * may have to be made, its program to start, the keeper to be asked for the terminal; then a viewer goes on.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/ttyd.h"
#include "wire/websocket.h"

#include "route/creation.h"
#include "route/navigation.h"
#include "route/problem.h"
#include "route/slash.h"
#include "route/terminal_page.h"
#include "route/terminals.h"
#include "route/unavailable.h"

enum {
    RESTART_MS = 20000,
    REFUSED_MS = 1000, /* ttyd's client comes back at once, whatever it is told: a refusal takes its time */
};

struct terminals {
    struct terminals_settings settings;
    struct viewers *viewers;
};

enum joining_state {
    JOINING_WAITING,    /* its program is not there yet */
    JOINING_RESTARTING, /* it had ended, and the keeper was asked to start it again */
    JOINING_ATTACHING,  /* the keeper was asked for the terminal */
    JOINING_REFUSED,    /* told in a moment */
    JOINING_OVER,       /* the exchange is answered or gone */
};

struct joining {
    struct terminals *terminals;
    struct exchange *exchange;
    struct backend *backend;
    enum joining_state state;
    bool may_type, api;
    bool again; /* a program that has ended is to be started again, once */
    struct backends_waiter waiter;
    struct attach attach;
    struct asking restart;
    struct loop_timer refusal;
    struct target_cause cause; /* of the refusal; of kind NONE: the target's own */
};

/* A visit that waits until its instance has been made. */
struct terminals_visitor {
    struct terminals *terminals;
    struct terminals_visit visit;
};

struct terminals *terminals_new(const struct terminals_settings *settings)
{
    struct terminals *terminals = MEMORY_NEW(struct terminals);
    terminals->settings = *settings;
    terminals->viewers = viewers_new(settings->loop, settings->streams, settings->on_empty, settings->owner);
    return terminals;
}

void terminals_free(struct terminals **terminals)
{
    if (!*terminals)
        return;
    viewers_free(&(*terminals)->viewers);
    free(*terminals);
    *terminals = NULL;
}

struct viewers *terminals_viewers(struct terminals *terminals)
{
    return terminals->viewers;
}

/* --- the end of a joining ----------------------------------------------------------------------------- */

/* Lets go of everything but the exchange and the backend's count of open ones. */
static void release(struct joining *joining)
{
    joining->state = JOINING_OVER;
    backends_leave(&joining->waiter);
    attaches_cancel(&joining->attach);
    asking_cancel(&joining->restart);
    loop_timer_stop(&joining->refusal);
}

static void on_gone(void *owner)
{
    struct joining *joining = owner;
    release(joining);
    backends_close(joining->backend);
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static const struct exchange_events joining_events = {
    .on_body = on_nothing, .on_room = on_nothing, .on_gone = on_gone};

static void fail(struct joining *joining, int status, const char *detail)
{
    release(joining);
    backends_close(joining->backend);
    problem_reply_status(joining->exchange, status, detail);
}

static void on_refusal(struct loop_timer *timer)
{
    struct joining *joining = LIST_ENTRY(timer, struct joining, refusal);
    const struct target_cause *cause = joining->cause.kind == TARGET_CAUSE_NONE ? NULL : &joining->cause;
    release(joining);
    backends_close(joining->backend);
    unavailable_reply_terminal(joining->exchange, backends_row(joining->backend), cause);
}

/* 503 with what is known. Browsers do not hurry to tell it to a script that would come back at once. */
static void refuse(struct joining *joining, struct target_cause cause)
{
    bool browser = fields_has(&exchange_request(joining->exchange)->head->fields, FIELD_ORIGIN);
    joining->cause = cause;
    joining->state = JOINING_REFUSED;
    backends_leave(&joining->waiter);
    loop_timer_start(joining->terminals->settings.loop, &joining->refusal, browser ? REFUSED_MS : 0,
                     on_refusal);
}

static struct target_cause no_cause(void)
{
    return (struct target_cause){.kind = TARGET_CAUSE_NONE};
}

/* Whether its program has ended, of which this gate may hear only now, and the client wants another one. */
static bool wants_again(const struct joining *joining)
{
    enum target_state state = backends_row(joining->backend)->state;
    return joining->again && (state == TARGET_ENDED || state == TARGET_FAILED);
}

/* --- from waiting to viewing --------------------------------------------------------------------------- */

static void restart(struct joining *joining);

static void view(struct joining *joining, int link)
{
    struct terminals *terminals = joining->terminals;
    release(joining);
    viewers_open(
        terminals->viewers, joining->exchange,
        &(struct viewers_opening){.link = link, .backend = joining->backend, .may_type = joining->may_type});
}

static void on_attached(struct attach *attach, const struct attach_result *result)
{
    struct joining *joining = LIST_ENTRY(attach, struct joining, attach);
    switch (result->status) {
    case 200:
        view(joining, result->link);
        return;
    case 403:
        fail(joining, 403, "This terminal is not for you.");
        return;
    case 404:
        fail(joining, 404, "There is no such instance any more.");
        return;
    case 409:
        fail(joining, 404, "This program has no terminal.");
        return;
    default:
        if (wants_again(joining))
            restart(joining);
        else
            refuse(joining, unavailable_cause(TARGET_CAUSE_NOT_READY, "%s",
                                              result->text ? result->text : "it is not running"));
    }
}

static void attach(struct joining *joining)
{
    const struct target_row *row = backends_row(joining->backend);
    joining->state = JOINING_ATTACHING;
    joining->attach.on_end = on_attached;
    attaches_ask(joining->terminals->settings.attaches, &joining->attach,
                 &(struct attach_question){.target = slice_of_text(row->name),
                                           .view = !joining->may_type,
                                           .api = joining->api,
                                           .who = exchange_principal(joining->exchange)});
}

/* Unlike a request, a terminal needs the keeper, but no address. */
static enum backends_verdict verdict_of(const struct terminals *terminals, const struct backend *backend)
{
    bool keeper_away = backends_is_keeper_away(terminals->settings.backends);
    return keeper_away ? BACKENDS_REFUSE : backends_verdict_of(backends_row(backend), false);
}

static void wait(struct joining *joining)
{
    if (!backends_wait(joining->backend, &joining->waiter, backends_row(joining->backend)->hold_ms))
        refuse(joining, unavailable_cause(TARGET_CAUSE_NOT_READY, "%d requests wait for it already",
                                          BACKENDS_WAITERS_MOST));
}

static void give_up(struct joining *joining)
{
    if (!backends_is_known(joining->backend))
        fail(joining, 404, "There is no such instance any more.");
    else if (backends_is_keeper_away(joining->terminals->settings.backends))
        refuse(joining, unavailable_cause(TARGET_CAUSE_LOST,
                                          "reeve's keeper is away: terminals are opened when it is back"));
    else
        refuse(joining, no_cause());
}

static void decide(struct joining *joining)
{
    if (wants_again(joining)) {
        restart(joining);
        return;
    }
    switch (verdict_of(joining->terminals, joining->backend)) {
    case BACKENDS_GO:
        backends_leave(&joining->waiter);
        attach(joining);
        return;
    case BACKENDS_WAIT:
        wait(joining);
        return;
    case BACKENDS_REFUSE:
        give_up(joining);
        return;
    }
    UNREACHABLE();
}

static void on_news(struct backends_waiter *waiter)
{
    decide(LIST_ENTRY(waiter, struct joining, waiter));
}

static void on_late(struct backends_waiter *waiter)
{
    struct joining *joining = LIST_ENTRY(waiter, struct joining, waiter);
    const struct target_row *row = backends_row(joining->backend);
    if (row->cause.kind == TARGET_CAUSE_NONE)
        refuse(joining, unavailable_cause(TARGET_CAUSE_NOT_READY, "not ready after %lld s",
                                          (long long)(row->hold_ms / 1000)));
    else
        refuse(joining, no_cause());
}

/* --- starting again ------------------------------------------------------------------------------------- */

/* Who may is the keeper's to say, as for every restart. */
static void on_restarted(struct asking *asking, int status, const json_t *body)
{
    struct joining *joining = LIST_ENTRY(asking, struct joining, restart);
    if (status == 403)
        fail(joining, 403, "It has ended, and starting it again is not for you.");
    else if (status < 400)
        decide(joining);
    else
        refuse(joining, unavailable_cause(TARGET_CAUSE_NOT_READY, "it cannot be started again: %s",
                                          json_string_value(json_object_get(body, "text"))));
}

static void restart(struct joining *joining)
{
    const char *name = backends_row(joining->backend)->name;
    joining->state = JOINING_RESTARTING;
    joining->again = false;
    backends_leave(&joining->waiter);
    joining->restart.on_answer = on_restarted;
    asker_ask(joining->terminals->settings.asker, &joining->restart, "restart",
              exchange_principal(joining->exchange),
              json_pack("{s:[s], s:i}", "targets", name, "wait_ms", RESTART_MS));
}

/* --- the handshake -------------------------------------------------------------------------------------- */

/* False: it was answered. */
static bool is_handshake(struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    static const struct exchange_field versions[] = {
        {SLICE("Sec-WebSocket-Version"), SLICE("13"), .checked = true},
        {SLICE("Upgrade"), SLICE("websocket"), .checked = true},
        {SLICE("Connection"), SLICE("Upgrade"), .checked = true},
    };
    char byte;
    switch (websocket_check_request(request->head)) {
    case WEBSOCKET_FINE:
        break;
    case WEBSOCKET_BAD_VERSION:
        exchange_reply(exchange, 426, versions, 3, (struct slice){0});
        return false;
    case WEBSOCKET_OTHER:
    case WEBSOCKET_BAD:
        problem_reply_status(exchange, 400, "A terminal is opened by a WebSocket's handshake.");
        return false;
    }
    if (request->content_length == 0 && exchange_read(exchange, &byte, 1) == 0)
        return true;
    problem_reply_status(exchange, 400, "A WebSocket's handshake has no body.");
    return false;
}

/* What a plain GET at the WebSocket's path learns: /_reeve/client.js asks so why its handshake was refused.
 */
static void answer_probe(struct terminals *terminals, struct exchange *exchange,
                         const struct backend *backend)
{
    const struct target_row *row = backends_row(backend);
    if (!row->terminal.there)
        problem_reply_status(exchange, 404, "This program has no terminal.");
    else if (verdict_of(terminals, backend) == BACKENDS_REFUSE)
        unavailable_reply_terminal(exchange, row, NULL);
    else
        problem_reply(exchange,
                      &(struct problem){.status = 426,
                                        .type = "upgrade-required",
                                        .title = "A handshake is needed",
                                        .detail = "A terminal is opened by a WebSocket's handshake.",
                                        .upgrade = "websocket"});
}

static void join(struct terminals *terminals, struct exchange *exchange, const struct terminals_visit *visit)
{
    struct backend *backend = backends_find(terminals->settings.backends, visit->target);
    if (!backend) {
        problem_reply_status(exchange, 404, "There is no such terminal.");
        return;
    }
    if (!exchange_request(exchange)->upgrade) {
        answer_probe(terminals, exchange, backend);
        return;
    }
    if (!is_handshake(exchange))
        return;
    struct joining *joining = arena_new(exchange_arena(exchange), sizeof *joining);
    if (!joining) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *joining = (struct joining){
        .terminals = terminals,
        .exchange = exchange,
        .backend = backend,
        .may_type = visit->may_type,
        .api = visit->api,
        .again = visit->may_type && slice_equal(exchange_request(exchange)->query, SLICE("again=1")),
        .waiter = {.on_news = on_news, .on_late = on_late},
    };
    exchange_set_events(exchange, &joining_events, joining);
    backends_open(backend);
    decide(joining);
}

static void go(void *owner, struct exchange *exchange)
{
    struct terminals_visitor *visitor = owner;
    join(visitor->terminals, exchange, &visitor->visit);
}

void terminals_answer_socket(struct terminals *terminals, struct exchange *exchange,
                             const struct terminals_visit *visit)
{
    const struct exchange_request *request = exchange_request(exchange);
    bool known = backends_find(terminals->settings.backends, visit->target) != NULL;
    if (known || !visit->creates || !request->upgrade || !creation_may(request->head)) {
        join(terminals, exchange, visit);
        return;
    }
    struct terminals_visitor *visitor = arena_new(exchange_arena(exchange), sizeof *visitor);
    if (!visitor) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *visitor = (struct terminals_visitor){terminals, *visit};
    creation_begin(terminals->settings.asker, exchange, visit->target, go, visitor);
}

/* --- pages ------------------------------------------------------------------------------------------------
 */

static void answer_token(struct exchange *exchange)
{
    static const struct exchange_field fields[] = {
        {SLICE("Content-Type"), SLICE("application/json"), .checked = true},
        {SLICE("Cache-Control"), SLICE("no-store"), .checked = true},
    };
    exchange_reply(exchange, 200, fields, 2, SLICE("{\"token\": \"\"}"));
}

static bool is_read(struct exchange *exchange)
{
    enum http1_method method = exchange_request(exchange)->head->method;
    if (method == HTTP1_GET || method == HTTP1_HEAD)
        return true;
    problem_reply(exchange, &(struct problem){.status = 405,
                                              .type = "method-not-allowed",
                                              .title = "Method not allowed",
                                              .allow = "GET, HEAD"});
    return false;
}

void terminals_answer(struct terminals *terminals, struct exchange *exchange,
                      const struct match_result *match, const struct terminals_visit *visit)
{
    bool top = match->rest.size == 0 || slice_equal(match->rest, SLICE("/"));
    bool known = visit->creates || backends_find(terminals->settings.backends, visit->target);
    if (!is_read(exchange))
        return;
    if (slice_equal(match->rest, SLICE("/ws")) || (top && exchange_request(exchange)->upgrade))
        terminals_answer_socket(terminals, exchange, visit);
    else if (!known || (!top && !slice_equal(match->rest, SLICE("/token"))))
        problem_reply_status(exchange, 404, "There is no such terminal.");
    else if (!top)
        answer_token(exchange);
    else if (!match->bare || !slash_redirect(exchange))
        terminal_page_answer(exchange, visit->target, visit->may_type);
}
