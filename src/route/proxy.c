/* One struct passage per exchange, in its arena: it waits for the target, calls it, and pumps both bodies.
 * Bytes are read into memory that all passages share and written at once; only what the other side does not
 * take is kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"

#include "route/event_relay.h"
#include "route/navigation.h"
#include "route/problem.h"
#include "route/proxy.h"
#include "route/slash.h"
#include "route/unavailable.h"

enum {
    SCRATCH_SIZE = 64 * 1024,
    READS_PER_TURN = 8, /* then the other connections get their turn */
};

struct proxy {
    struct loop *loop;
    struct backends *backends;
    struct tunnels *tunnels;
    struct streams *streams;
    struct limits *limits;
    struct event_group *group;
    char *cookie;
    char scratch[SCRATCH_SIZE];
};

enum passage_state {
    PASSAGE_WAITING,   /* no call: the target is not ready, or was not there a moment ago */
    PASSAGE_CALLING,   /* the call is open, the answer's head is still to come */
    PASSAGE_ANSWERING, /* the head has been passed on, the body follows */
    PASSAGE_OVER,      /* the exchange is answered or gone: nothing of it is touched any more */
};

struct passage {
    struct proxy *proxy;
    struct exchange *exchange;
    struct backend *backend;
    struct upstream_call *call; /* CALLING and ANSWERING */
    struct backends_waiter waiter;
    struct loop_task next_turn;
    struct event_relay *events; /* the answer is an event stream; NULL: it is none */
    enum passage_state state;
    bool refused;            /* by connect(2), although its row says ready: news are due */
    uint64_t generation;     /* of the run that was called */
    struct backends_way way; /* where the call has gone */
    bool request_ended;
    bool confides;               /* to an operator: what is known of a target that cannot be trusted */
    struct buffer request_held;  /* read from the client, not yet taken by the upstream */
    struct buffer response_held; /* and the other way */
    struct forward_target target;
    const struct proxy_route *route;
};

struct proxy *proxy_new(const struct proxy_settings *settings)
{
    struct proxy *proxy = MEMORY_NEW(struct proxy);
    proxy->loop = settings->loop;
    proxy->backends = settings->backends;
    proxy->tunnels = settings->tunnels;
    proxy->streams = settings->streams;
    proxy->limits = settings->limits;
    proxy->group = settings->group;
    proxy->cookie = memory_text(settings->cookie);
    return proxy;
}

void proxy_free(struct proxy **proxy)
{
    if (!*proxy)
        return;
    free((*proxy)->cookie);
    free(*proxy);
    *proxy = NULL;
}

/* --- the end ------------------------------------------------------------------------------------- */

/* Lets go of everything but the exchange and the backend's count of open ones. */
static void release(struct passage *passage)
{
    passage->state = PASSAGE_OVER;
    event_relay_close(&passage->events);
    upstream_close(&passage->call);
    backends_leave(&passage->waiter);
    loop_task_stop(&passage->next_turn);
    buffer_free(&passage->request_held);
    buffer_free(&passage->response_held);
}

/* The exchange is answered right after. */
static void finish(struct passage *passage)
{
    release(passage);
    backends_close(passage->backend);
}

static void fail(struct passage *passage, int status, const char *detail)
{
    bool begun = passage->state == PASSAGE_ANSWERING;
    finish(passage);
    if (begun)
        exchange_fail(passage->exchange);
    else
        problem_reply_status(passage->exchange, status, detail);
}

static void fail_unavailable(struct passage *passage, const struct target_cause *cause)
{
    finish(passage);
    unavailable_reply(passage->exchange, backends_row(passage->backend), cause);
}

/* --- bodies -------------------------------------------------------------------------------------- */

static void on_next_turn(struct loop_task *task);

/* Writes what is held; true when nothing is left. */
static bool flush_request(struct passage *passage)
{
    struct slice held = buffer_slice(&passage->request_held);
    if (held.size == 0)
        return true;
    ssize_t taken = upstream_write(passage->call, held.data, held.size);
    if (taken > 0)
        buffer_consume(&passage->request_held, (size_t)taken);
    if (buffer_size(&passage->request_held) > 0)
        return false;
    buffer_free(&passage->request_held);
    return true;
}

static void write_request(struct passage *passage, struct slice bytes)
{
    ssize_t taken = upstream_write(passage->call, bytes.data, bytes.size);
    if (taken < (ssize_t)bytes.size)
        buffer_append(&passage->request_held, slice_from(bytes, taken > 0 ? (size_t)taken : 0));
}

/* False: the exchange is over. */
static bool pump_request(struct passage *passage)
{
    char *scratch = passage->proxy->scratch;
    for (int i = 0; !passage->request_ended && flush_request(passage); i++) {
        if (i == READS_PER_TURN) {
            loop_task_start(passage->proxy->loop, &passage->next_turn, on_next_turn);
            return true;
        }
        ssize_t got = exchange_read(passage->exchange, scratch, SCRATCH_SIZE);
        if (got == -EAGAIN)
            return true;
        if (got < 0) {
            fail(passage, got == -EFBIG ? 413 : 400,
                 got == -EFBIG ? "The body is larger than this route's body.max." : "The body is malformed.");
            return false;
        }
        if (got > 0)
            write_request(passage, slice_of(scratch, (size_t)got));
        passage->request_ended = got == 0;
        if (got == 0)
            upstream_write_end(passage->call);
    }
    return true;
}

static bool flush_response(struct passage *passage)
{
    struct slice held = buffer_slice(&passage->response_held);
    if (held.size == 0)
        return true;
    ssize_t taken = exchange_write(passage->exchange, held.data, held.size);
    if (taken > 0)
        buffer_consume(&passage->response_held, (size_t)taken);
    if (buffer_size(&passage->response_held) > 0)
        return false;
    buffer_free(&passage->response_held);
    return true;
}

/* Whatever came leaves in this turn: a line of an event stream must not wait for the next one. */
static void pump_response(struct passage *passage)
{
    char *scratch = passage->proxy->scratch;
    for (int i = 0; flush_response(passage); i++) {
        if (i == READS_PER_TURN) {
            loop_task_start(passage->proxy->loop, &passage->next_turn, on_next_turn);
            return;
        }
        ssize_t got = upstream_read(passage->call, scratch, SCRATCH_SIZE);
        if (got == 0) {
            finish(passage);
            exchange_end(passage->exchange);
            return;
        }
        if (got < 0) { /* -EAGAIN, or on_failed follows */
            exchange_flush(passage->exchange);
            return;
        }
        ssize_t taken = exchange_write(passage->exchange, scratch, (size_t)got);
        size_t sent = taken > 0 ? (size_t)taken : 0;
        if (sent < (size_t)got)
            buffer_append(&passage->response_held, slice_of(scratch + sent, (size_t)got - sent));
        if (passage->events)
            event_relay_passed(passage->events, slice_of(scratch, (size_t)got));
    }
}

static void on_next_turn(struct loop_task *task)
{
    struct passage *passage = LIST_ENTRY(task, struct passage, next_turn);
    if (passage->state == PASSAGE_WAITING)
        return;
    if (pump_request(passage) && passage->state == PASSAGE_ANSWERING)
        pump_response(passage);
}

/* --- what comes up from the upstream ------------------------------------------------------------- */

static bool on_events_end(void *owner)
{
    struct passage *passage = owner;
    bool whole = buffer_size(&passage->response_held) == 0;
    finish(passage);
    return whole;
}

/* An answer that goes on: it may be silent for long, and ends with what let it in. */
static void open_events(struct passage *passage, const struct http1_head *head)
{
    upstream_wait_for_ever(passage->call);
    passage->events = event_relay_open(&(struct event_relay_settings){
        .streams = passage->proxy->streams,
        .group = passage->proxy->group,
        .exchange = passage->exchange,
        .head = head,
        .way = &passage->way,
        .length = upstream_content_length(passage->call),
        .on_end = on_events_end,
        .owner = passage,
    });
}

/* Whether there is a place for one more stream; that it is one is known by now at the latest. False: it is
 * answered, and the program hears that its client has left. */
static bool has_place(struct passage *passage)
{
    struct exchange *exchange = passage->exchange;
    enum limits_full full = limits_take(passage->proxy->limits, &passage->route->limits, exchange);
    if (full == LIMITS_NOTHING)
        return true;
    finish(passage);
    limits_refuse(exchange, full);
    return false;
}

static void on_head(void *owner, const struct http1_head *head)
{
    struct passage *passage = owner;
    struct exchange_field fields[FORWARD_FIELDS_MOST + EVENT_RELAY_FIELDS];
    if (head->status == 101) {
        struct upstream_call *call = passage->call;
        passage->call = NULL;
        release(passage); /* the tunnel goes on with call and count */
        tunnels_open(passage->proxy->tunnels, passage->exchange,
                     &(struct tunnels_offer){&call, head, &passage->way, &passage->route->websocket});
        return;
    }
    size_t count = forward_response(head, FORWARD_ANSWER, slice_of_text(passage->proxy->cookie), fields);
    if (head->status < 200) {
        exchange_interim(passage->exchange, (int)head->status, fields, count);
        return;
    }
    bool events = event_relay_is(head);
    if (events && !has_place(passage))
        return;
    if (events)
        count = event_relay_add_fields(head, fields, count);
    if (!exchange_head(passage->exchange, (int)head->status, fields, count,
                       upstream_content_length(passage->call))) {
        fail(passage, 502, "The head of the answer is too large.");
        return;
    }
    passage->state = PASSAGE_ANSWERING;
    if (events)
        open_events(passage, head);
    pump_response(passage);
}

static void on_upstream_body(void *owner)
{
    pump_response(owner);
}

static void on_upstream_room(void *owner)
{
    pump_request(owner);
}

/* Connecting failed: nothing was sent. A kept process that has just died is news in a moment, so the request
 * waits for what its keeper has to say. */
static void on_refused(struct passage *passage, int error)
{
    const struct target_row *row = backends_row(passage->backend);
    const char *trouble = upstream_trouble(passage->call); /* of the name, where there is one */
    struct target_cause cause =
        unavailable_cause(TARGET_CAUSE_NOT_READY, "cannot connect: %s", trouble ? trouble : strerror(-error));
    bool kept = row->generation > 0;
    upstream_close(&passage->call);
    passage->state = PASSAGE_WAITING;
    if (kept && !passage->refused) {
        passage->refused = true;
        if (backends_wait(passage->backend, &passage->waiter, BACKENDS_NEWS_MS))
            return;
    }
    fail_unavailable(passage, &cause);
}

/* TLS: it is not who it must be, and nothing was sent. Why, with fingerprints, is for operators. */
static void on_distrusted(struct passage *passage)
{
    struct exchange *exchange = passage->exchange;
    const char *trouble = upstream_trouble(passage->call), *target = backends_row(passage->backend)->name;
    struct target_cause cause = unavailable_cause(
        TARGET_CAUSE_NOT_READY, "%s", passage->confides ? trouble : "its certificate did not pass");
    char detail[TARGET_NAME_SIZE + 128];
    snprintf(detail, sizeof detail, "Nothing was sent to it. Operators: `reeve why %s` says what is wrong.",
             target);
    backends_distrust(passage->backend, trouble);
    finish(passage);
    problem_reply(exchange, &(struct problem){.status = 502,
                                              .type = "target-distrusted",
                                              .title = "The program behind this page is not who it should be",
                                              .detail = detail,
                                              .target = target,
                                              .cause = &cause});
}

static void on_failed(void *owner, enum upstream_failure failure, int error)
{
    struct passage *passage = owner;
    switch (failure) {
    case UPSTREAM_CONNECT:
        if (error == -ETIMEDOUT)
            fail(passage, 504, "The program behind did not accept a connection in time.");
        else
            on_refused(passage, error);
        return;
    case UPSTREAM_DISTRUST:
        on_distrusted(passage);
        return;
    case UPSTREAM_TIMEOUT:
        fail(passage, 504, "The program behind was silent for too long.");
        return;
    case UPSTREAM_PROTOCOL:
        fail(passage, 502, "The program behind sent what is no proper HTTP answer.");
        return;
    case UPSTREAM_CLOSED:
        fail(passage, 502, "The program behind closed the connection before its answer was complete.");
        return;
    }
    UNREACHABLE();
}

/* --- what comes up from the client --------------------------------------------------------------- */

static void on_body(void *owner)
{
    struct passage *passage = owner;
    if (passage->state != PASSAGE_WAITING)
        pump_request(passage);
}

static void on_room(void *owner)
{
    struct passage *passage = owner;
    if (passage->state == PASSAGE_ANSWERING)
        pump_response(passage);
}

static void on_gone(void *owner)
{
    finish(owner);
}

/* --- from waiting to calling --------------------------------------------------------------------- */

static void call_upstream(struct passage *passage)
{
    static const struct upstream_events events = {
        .on_head = on_head,
        .on_body = on_upstream_body,
        .on_room = on_upstream_room,
        .on_failed = on_failed,
    };
    const struct exchange_request *request = exchange_request(passage->exchange);
    struct exchange_field fields[FORWARD_FIELDS_MOST];
    passage->way = backends_way(passage->backend);
    struct upstream_request call = {
        .method = request->head->method_name,
        .target = passage->target.target,
        .fields = fields,
        .field_count = forward_request(passage->exchange, passage->target.stripped,
                                       slice_of_text(passage->proxy->cookie), fields),
        .content_length = request->content_length,
        .tls = backends_tls(passage->backend),
        .upgrade = request->upgrade,
        .timeouts = passage->route->timeouts,
    };
    if (tunnels_asks(&passage->route->websocket, request))
        fields[call.field_count++] = (struct exchange_field){
            SLICE("Sec-WebSocket-Protocol"), passage->route->websocket.subprotocol, .checked = true};
    passage->state = PASSAGE_CALLING;
    passage->generation = backends_row(passage->backend)->generation;
    passage->call = upstream_call(backends_pool(passage->proxy->backends), &passage->way.address, &call,
                                  &events, passage);
    if (passage->request_ended) /* a chunked body that was found empty when an earlier call was refused */
        upstream_write_end(passage->call);
    pump_request(passage);
}

static void wait(struct passage *passage)
{
    const struct target_row *row = backends_row(passage->backend);
    if (backends_wait(passage->backend, &passage->waiter, row->hold_ms))
        return;
    struct target_cause cause =
        unavailable_cause(TARGET_CAUSE_NOT_READY, "%d requests wait for it already", BACKENDS_WAITERS_MOST);
    fail_unavailable(passage, &cause);
}

static void refuse(struct passage *passage)
{
    if (!backends_is_known(passage->backend)) {
        fail(passage, 404, "There is no such instance any more.");
        return;
    }
    struct target_cause away =
        unavailable_cause(TARGET_CAUSE_LOST, "reeve's keeper is away: nothing is started until it is back");
    fail_unavailable(passage, backends_is_keeper_away(passage->proxy->backends) ? &away : NULL);
}

static void decide(struct passage *passage)
{
    switch (backends_verdict(passage->backend)) {
    case BACKENDS_GO:
        backends_leave(&passage->waiter);
        call_upstream(passage);
        return;
    case BACKENDS_WAIT:
        if (passage->refused) /* the news: it died and starts again; from now on the usual limit counts */
            backends_leave(&passage->waiter);
        passage->refused = false;
        wait(passage);
        return;
    case BACKENDS_REFUSE:
        refuse(passage);
        return;
    }
    UNREACHABLE();
}

static void on_news(struct backends_waiter *waiter)
{
    struct passage *passage = LIST_ENTRY(waiter, struct passage, waiter);
    const struct target_row *row = backends_row(passage->backend);
    if (passage->refused && row->ready && row->generation == passage->generation)
        return; /* still the run that refused: its end is not known yet */
    decide(passage);
}

static void on_late(struct backends_waiter *waiter)
{
    struct passage *passage = LIST_ENTRY(waiter, struct passage, waiter);
    const struct target_row *row = backends_row(passage->backend);
    if (passage->refused) { /* no news: it is alive, and may listen again by now */
        decide(passage);
        return;
    }
    struct target_cause cause =
        unavailable_cause(TARGET_CAUSE_NOT_READY, "not ready after %lld s", (long long)(row->hold_ms / 1000));
    fail_unavailable(passage, row->cause.kind == TARGET_CAUSE_NONE ? &cause : NULL);
}

static bool is_operator(const struct proxy_route *route, const struct exchange *exchange)
{
    return exchange_principal(exchange)->kind == PRINCIPAL_TOKEN ||
           (route->open && address_is_local(exchange_request(exchange)->client));
}

static void begin(struct proxy *proxy, const struct proxy_route *route, struct exchange *exchange,
                  struct backend *backend, struct forward_target target)
{
    static const struct exchange_events events = {.on_body = on_body, .on_room = on_room, .on_gone = on_gone};
    struct passage *passage = arena_new(exchange_arena(exchange), sizeof *passage);
    if (!passage || !target.target.data) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *passage = (struct passage){
        .proxy = proxy,
        .exchange = exchange,
        .backend = backend,
        .waiter = {.on_news = on_news, .on_late = on_late},
        .request_held = BUFFER(SCRATCH_SIZE),
        .response_held = BUFFER(SCRATCH_SIZE),
        .request_ended = exchange_request(exchange)->content_length == 0,
        .confides = is_operator(route, exchange),
        .target = target,
        .route = route,
    };
    exchange_set_events(exchange, &events, passage);
    backends_open(backend);
    decide(passage);
}

bool proxy_knows(const struct proxy *proxy, struct slice target)
{
    return backends_find(proxy->backends, target) != NULL;
}

/* An instance comes and goes; a service that a route names is in the table as long as the route. */
static void refuse_unknown(struct exchange *exchange, struct slice target)
{
    if (slice_find(target, '/') < target.size)
        problem_reply_status(exchange, 404, "There is no such instance.");
    else
        problem_reply_status(exchange, 503, "The keeper has not told about this target yet.");
}

void proxy_answer(struct proxy *proxy, const struct proxy_route *route, struct exchange *exchange,
                  const struct match_result *match, struct slice target)
{
    const struct exchange_request *request = exchange_request(exchange);
    struct backend *backend = backends_find(proxy->backends, target);
    if (match->bare && route->rule.strip != FORWARD_STRIP_NOTHING && navigation_is(request->head) &&
        slash_redirect(exchange))
        return;
    if (!backend) {
        refuse_unknown(exchange, target);
        return;
    }
    if (exchange_limit_body(exchange, route->body_max) < 0) {
        problem_reply_status(exchange, 413, "The body is larger than this route's body.max.");
        return;
    }
    begin(proxy, route, exchange, backend, forward_target(exchange, &route->rule, match->before_rest));
}
