/* One call: a connection (pooled or new), the request out, the answer in, the connection back.
 *
 * As in connection.c there are two ways in. From the loop events may fire and the owner may close the call in
 * each of them; its memory is used again only after the close phase. From the owner's calls nothing fires:
 * trouble found there is noted and comes from the task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/connector.h"
#include "wire/http1_write.h"

#include "http/incoming.h"
#include "http/outgoing.h"
#include "http/upstream_pool.h"

enum {
    FIELDS_MOST_OF_ANSWER = 128,
    HEAD_MOST = 64 * 1024, /* of the final one, and of all interim ones together */
    READ_SIZE = 16 * 1024, /* of the first read; a small answer is in it whole */
    READ_BUFFER_MOST = HEAD_MOST + 2 * READ_SIZE,
    LEAST_READ = 1024,
    SPARE_MOST = 64,
};

enum call_state {
    CALL_CONNECTING,
    CALL_AWAITING, /* sending, and reading heads */
    CALL_ANSWERED, /* the final head has been given to the owner */
    CALL_OVER,     /* failed or closed: nothing fires any more */
};

struct upstream_call {
    struct list link; /* in pool->active or pool->spare */
    struct upstream_pool *pool;
    struct upstream_peer peer;
    const struct upstream_events *events;
    void *owner;
    struct upstream_timeouts timeouts;
    struct stream *stream;
    struct connector *connector;
    const char *trouble; /* during on_failed */
    struct loop_timer timer;
    struct loop_task task;
    enum call_state state;
    int64_t since_us;    /* latest progress */
    size_t head_size;    /* of the request */
    size_t interim_size; /* of the interim heads so far */
    enum http1_method method;
    bool upgrade;     /* 101 is allowed */
    bool pooled;      /* the connection was idle before: it may turn out dead */
    bool has_body;    /* of the request */
    bool sent_end;    /* the request is complete */
    bool send_failed; /* the rest of it is not wanted; the answer may still come */
    bool wants_room;  /* on_room is owed */
    bool wants_body;  /* on_body is owed */
    bool heard;       /* a byte of an answer has come */
    bool forgotten;   /* do not keep the connection */
    bool failing;     /* the task tells the failure */
    enum upstream_failure failure;
    int error;
    struct incoming in;
    struct outgoing out;
    struct framing framing;
    struct http1_head head;
    struct field fields[FIELDS_MOST_OF_ANSWER];
};

static void schedule(struct upstream_call *call);
static void dial(struct upstream_call *call);

/* --- memory -------------------------------------------------------------------------------------------- */

static void free_call(struct upstream_call *call)
{
    incoming_free(&call->in);
    outgoing_free(&call->out);
    free(call);
}

/* In the close phase. */
static void recycle(void *object)
{
    struct upstream_call *call = object;
    struct upstream_pool *pool = call->pool;
    if (pool->spare_count == SPARE_MOST) {
        free_call(call);
        return;
    }
    buffer_clear(&call->in.bytes);
    buffer_free(&call->in.ahead);
    incoming_next(&call->in, READ_SIZE);
    outgoing_reset(&call->out, NULL);
    list_prepend(&pool->spare, &call->link);
    pool->spare_count++;
}

void upstream_free_spare(struct upstream_pool *pool)
{
    while (!list_empty(&pool->spare)) {
        struct upstream_call *call = LIST_ENTRY(pool->spare.next, struct upstream_call, link);
        list_remove(&call->link);
        free_call(call);
    }
}

static struct upstream_call *take_call(struct upstream_pool *pool)
{
    struct upstream_call *call;
    struct incoming in = {.bytes = BUFFER(READ_BUFFER_MOST)};
    struct outgoing out = {0};
    if (list_empty(&pool->spare)) {
        call = memory_resize(NULL, sizeof *call); /* not zeroed: `fields` is large */
        outgoing_reset(&out, NULL);
    } else {
        call = LIST_ENTRY(pool->spare.next, struct upstream_call, link);
        list_remove(&call->link);
        pool->spare_count--;
        in.bytes = call->in.bytes;
        out = call->out;
    }
    memset(call, 0, offsetof(struct upstream_call, fields));
    call->in = in;
    call->out = out;
    call->pool = pool;
    list_append(&pool->active, &call->link);
    return call;
}

void upstream_forget_calls(struct upstream_pool *pool, const struct address *address)
{
    LIST_FOR_EACH(link, &pool->active)
    {
        struct upstream_call *call = LIST_ENTRY(link, struct upstream_call, link);
        call->forgotten |= address_equal(&call->peer.address, address);
    }
}

/* --- failure ------------------------------------------------------------------------------------------- */

/* Everything but the memory. */
static void detach(struct upstream_call *call)
{
    call->state = CALL_OVER;
    connector_cancel(&call->connector);
    stream_close(&call->stream);
    loop_timer_stop(&call->timer);
    loop_task_stop(&call->task);
}

/* From the loop only; the owner will close the call. */
static void fail(struct upstream_call *call, enum upstream_failure failure, int error)
{
    detach(call);
    call->events->on_failed(call->owner, failure, error);
}

/* From anywhere. */
static void fail_later(struct upstream_call *call, enum upstream_failure failure, int error)
{
    if (call->failing)
        return;
    call->failing = true;
    call->failure = failure;
    call->error = error;
    schedule(call);
}

static bool is_idempotent(enum http1_method method)
{
    return method == HTTP1_GET || method == HTTP1_HEAD || method == HTTP1_PUT || method == HTTP1_DELETE ||
           method == HTTP1_OPTIONS || method == HTTP1_TRACE;
}

/* The connection ended before the first byte of an answer: dead in the pool, as it seems. */
static bool may_repeat(const struct upstream_call *call)
{
    return call->pooled && is_idempotent(call->method) && !call->heard &&
           (!call->has_body || (call->out.taken == 0 && !call->sent_end));
}

static void end_early(struct upstream_call *call, int error)
{
    if (!may_repeat(call)) {
        fail(call, UPSTREAM_CLOSED, error);
        return;
    }
    stream_close(&call->stream);
    call->pooled = call->send_failed = false;
    outgoing_rewind(&call->out, call->head_size);
    dial(call);
}

/* --- deadlines ----------------------------------------------------------------------------------------- */

/* The whole request is out: `response_ms` runs from here to the end of the answer's head. Neither a piece of
 * it nor an interim head begins it anew, or a program that drips would be waited for without end. */
static bool awaits_head(const struct upstream_call *call)
{
    return call->state == CALL_AWAITING && !call->out.blocked && (call->sent_end || call->send_failed);
}

/* 0: none. */
static int64_t deadline_us(const struct upstream_call *call)
{
    int64_t limit = 0;
    if (call->out.blocked || (call->state == CALL_ANSWERED && call->wants_body))
        limit = call->timeouts.idle_ms;
    else if (awaits_head(call))
        limit = call->timeouts.response_ms;
    return limit > 0 && call->state != CALL_OVER ? call->since_us + limit * 1000 : 0;
}

static void on_due(struct loop_timer *timer);

static void arm(struct upstream_call *call)
{
    struct loop *loop = call->pool->loop;
    int64_t deadline = deadline_us(call);
    if (deadline == 0 || (loop_timer_armed(&call->timer) && call->timer.due_us <= deadline))
        return;
    loop_timer_start(loop, &call->timer, (deadline - loop_now_us(loop) + 999) / 1000, on_due);
}

void upstream_wait_for_ever(struct upstream_call *call)
{
    call->timeouts.idle_ms = 0;
}

static void progress(struct upstream_call *call)
{
    call->since_us = loop_now_us(call->pool->loop);
    arm(call);
}

static void on_due(struct loop_timer *timer)
{
    struct upstream_call *call = LIST_ENTRY(timer, struct upstream_call, timer);
    int64_t deadline = deadline_us(call);
    if (deadline == 0 || loop_now_us(call->pool->loop) < deadline)
        arm(call);
    else
        fail(call, UPSTREAM_TIMEOUT, -ETIMEDOUT);
}

/* --- the request --------------------------------------------------------------------------------------- */

/* A failed write is no verdict yet: an answer that was sent before may wait to be read. */
static void after_write(struct upstream_call *call, ssize_t result)
{
    if (result < 0 && result != -EAGAIN) {
        call->send_failed = true;
        schedule(call);
    } else if (call->out.corked) {
        schedule(call);
    }
    progress(call);
}

static void flush(struct upstream_call *call)
{
    if (call->stream && !call->send_failed)
        after_write(call, outgoing_flush(&call->out));
}

ssize_t upstream_write(struct upstream_call *call, const void *bytes, size_t size)
{
    if (call->send_failed || call->failing || call->state == CALL_OVER)
        return -EPIPE;
    if (call->state == CALL_CONNECTING) {
        call->wants_room = true;
        return 0;
    }
    ssize_t taken = outgoing_write(&call->out, bytes, size);
    after_write(call, taken);
    if (taken < 0)
        return -EPIPE;
    call->wants_room = (size_t)taken < size;
    return taken;
}

void upstream_write_end(struct upstream_call *call)
{
    if (call->sent_end || call->state == CALL_OVER)
        return;
    call->sent_end = true;
    if (call->send_failed)
        return;
    outgoing_end(&call->out);
    flush(call);
}

static bool write_head(struct upstream_call *call, const struct upstream_request *request)
{
    struct buffer *pending = &call->out.pending;
    bool fits = http1_write_request(pending, request->method, request->target) &&
                outgoing_fields(&call->out, request->fields, request->field_count);
    bool says_none = call->method == HTTP1_POST || call->method == HTTP1_PUT || call->method == HTTP1_PATCH;
    if (request->content_length < 0)
        fits = fits && buffer_append(pending, SLICE("Transfer-Encoding: chunked\r\n"));
    else if (call->has_body || says_none)
        fits =
            fits && http1_write_number(pending, SLICE("Content-Length"), (uint64_t)request->content_length);
    if (request->upgrade)
        fits = fits && buffer_append(pending, SLICE("Connection: Upgrade\r\n"));
    fits = fits && http1_write_end(pending);
    call->head_size = buffer_size(pending);
    return fits && call->head_size <= OUTGOING_HEAD_MOST;
}

/* --- the answer ---------------------------------------------------------------------------------------- */

static void bad_answer(struct upstream_call *call)
{
    fail(call, UPSTREAM_PROTOCOL, 0);
}

/* Gives one complete head to the owner. False: the call waits for no further head. */
static bool give_head(struct upstream_call *call)
{
    buffer_consume(&call->in.bytes, call->head.size);
    if (framing_of_response(&call->head, call->method, &call->framing) != HTTP1_DONE) {
        bad_answer(call);
        return false;
    }
    unsigned status = call->head.status;
    bool interim = status < 200 && status != 101;
    if (status == 101 && !call->upgrade) {
        bad_answer(call);
        return false;
    }
    call->interim_size += interim ? call->head.size : 0;
    if (call->interim_size > HEAD_MOST) {
        bad_answer(call);
        return false;
    }
    if (!interim) {
        call->state = CALL_ANSWERED;
        incoming_begin(&call->in, &call->framing);
    }
    call->events->on_head(call->owner, &call->head);
    if (!interim || call->state != CALL_AWAITING)
        return false;
    http1_begin(&call->head, call->fields, FIELDS_MOST_OF_ANSWER);
    return true;
}

static void take_heads(struct upstream_call *call)
{
    static const struct http1_limits limits = {.head = HEAD_MOST, .target = 0};
    enum http1_result result;
    do {
        result = http1_parse_response(&call->head, buffer_slice(&call->in.bytes), &limits);
    } while (result == HTTP1_DONE && give_head(call));
    if (result != HTTP1_DONE && result != HTTP1_MORE)
        bad_answer(call);
}

static void read_head(struct upstream_call *call)
{
    struct buffer *bytes = &call->in.bytes;
    size_t size = bytes->capacity - bytes->end;
    if (size < LEAST_READ)
        size = READ_SIZE;
    char *place = buffer_reserve(bytes, size);
    CHECK(place); /* a head's limit is below the buffer's */
    ssize_t got = stream_read(call->stream, place, size);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        end_early(call, (int)got);
        return;
    }
    buffer_added(bytes, (size_t)got);
    call->heard = true;
    if (!awaits_head(call))
        progress(call);
    take_heads(call);
}

ssize_t upstream_read(struct upstream_call *call, void *memory, size_t size)
{
    CHECK(call->state != CALL_CONNECTING && call->state != CALL_AWAITING);
    call->wants_body = false;
    if (call->failing || call->state == CALL_OVER)
        return -EAGAIN;
    ssize_t got = incoming_read(&call->in, call->stream, memory, size);
    if (got >= 0) {
        call->since_us = loop_now_us(call->pool->loop);
        return got;
    }
    if (got == -EAGAIN) {
        call->wants_body = true;
        stream_want_read(call->stream, true);
        progress(call);
    } else {
        fail_later(call, got == -EPROTO ? UPSTREAM_PROTOCOL : UPSTREAM_CLOSED, got == -EPROTO ? 0 : (int)got);
    }
    return -EAGAIN;
}

const char *upstream_trouble(const struct upstream_call *call)
{
    return call->trouble;
}

int64_t upstream_content_length(const struct upstream_call *call)
{
    return call->framing.length;
}

/* --- the stream, the task ------------------------------------------------------------------------------- */

static void on_readable(void *owner)
{
    struct upstream_call *call = owner;
    if (call->state == CALL_AWAITING) {
        read_head(call);
    } else if (call->state == CALL_ANSWERED && call->wants_body) {
        call->wants_body = false;
        call->events->on_body(call->owner);
    }
    if (call->state == CALL_ANSWERED && !call->wants_body && call->stream)
        stream_want_read(call->stream, false);
}

static void tell_room(struct upstream_call *call)
{
    if (!call->wants_room || call->send_failed || call->state == CALL_OVER)
        return;
    call->wants_room = false;
    if (call->events->on_room)
        call->events->on_room(call->owner);
}

static void on_writable(void *owner)
{
    struct upstream_call *call = owner;
    flush(call);
    if (!call->out.blocked)
        tell_room(call);
}

static const struct stream_events call_events = {.on_readable = on_readable, .on_writable = on_writable};

static void attach(struct upstream_call *call, struct stream *stream)
{
    call->stream = call->out.stream = stream;
    call->state = CALL_AWAITING;
    stream_set_events(stream, &call_events, call);
    stream_want_read(stream, true);
}

static void on_connected(void *owner, const struct connector_result *result)
{
    struct upstream_call *call = owner;
    call->connector = NULL;
    call->trouble = result->trouble;
    if (!result->stream) {
        fail(call, result->distrusted ? UPSTREAM_DISTRUST : UPSTREAM_CONNECT, result->error);
        return;
    }
    attach(call, result->stream);
    tell_room(call); /* the first bytes of the body leave together with the head */
    if (call->state == CALL_AWAITING && !call->out.corked && !call->out.blocked)
        flush(call);
}

static void dial(struct upstream_call *call)
{
    const struct connector_settings settings = {
        .address = call->peer.address,
        .resolver = call->pool->settings.resolver,
        .policy = call->peer.tls,
        .timeout_ms = call->timeouts.connect_ms,
    };
    call->state = CALL_CONNECTING;
    call->connector = connector_start(call->pool->loop, &settings, on_connected, call);
}

static void on_task(struct loop_task *task)
{
    struct upstream_call *call = LIST_ENTRY(task, struct upstream_call, task);
    if (call->failing)
        fail(call, call->failure, call->error);
    else if (call->send_failed && call->state == CALL_AWAITING)
        read_head(call);
    else if (call->out.corked)
        on_writable(call);
}

static void schedule(struct upstream_call *call)
{
    loop_task_start(call->pool->loop, &call->task, on_task);
}

/* --- beginning and end -----------------------------------------------------------------------------------
 */

struct upstream_call *upstream_call(struct upstream_pool *pool, const struct address *address,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *owner)
{
    struct upstream_call *call = take_call(pool);
    call->peer = (struct upstream_peer){*address, request->tls ? tls_policy_share(request->tls) : NULL};
    call->timeouts = request->timeouts;
    call->events = events;
    call->owner = owner;
    call->method = http1_method_of(request->method);
    call->upgrade = request->upgrade;
    call->has_body = request->content_length != 0;
    call->sent_end = !call->has_body;
    call->since_us = loop_now_us(pool->loop);
    http1_begin(&call->head, call->fields, FIELDS_MOST_OF_ANSWER);
    if (!write_head(call, request)) {
        call->state = CALL_AWAITING;
        fail_later(call, UPSTREAM_PROTOCOL, -EMSGSIZE);
        return call;
    }
    enum outgoing_body body = !call->has_body               ? OUTGOING_NONE
                              : request->content_length < 0 ? OUTGOING_CHUNKED
                                                            : OUTGOING_LENGTH;
    outgoing_begin(&call->out, body, request->content_length);
    struct stream *stream = upstream_pool_take(pool, &call->peer, !is_idempotent(call->method));
    if (!stream) {
        dial(call);
        return call;
    }
    call->pooled = true;
    attach(call, stream);
    call->out.corked =
        call->has_body; /* the head waits for the body's first bytes, until the end of this turn */
    if (call->has_body)
        schedule(call);
    else
        flush(call);
    return call;
}

/* Programs that answer HEAD as GET send the body too, often in a moment: it would be the next one's answer.
 */
static bool may_bring_a_body_all_the_same(const struct upstream_call *call)
{
    return call->method == HTTP1_HEAD && call->framing.length != 0;
}

static bool is_reusable(const struct upstream_call *call)
{
    return call->state == CALL_ANSWERED && call->stream && call->in.ended && call->sent_end &&
           !call->send_failed && !call->failing && !call->forgotten && call->framing.keep_alive &&
           !call->framing.upgrade && !may_bring_a_body_all_the_same(call) &&
           buffer_size(&call->out.pending) == 0 && !incoming_is_ahead(&call->in) &&
           !stream_peer_ended(call->stream);
}

void upstream_close(struct upstream_call **where)
{
    struct upstream_call *call = *where;
    *where = NULL;
    if (!call)
        return;
    if (is_reusable(call)) {
        upstream_pool_put(call->pool, &call->peer, call->stream);
        call->stream = NULL;
    }
    detach(call);
    tls_policy_release(&call->peer.tls);
    list_remove(&call->link);
    loop_free_later(call->pool->loop, call, recycle);
}

struct stream *upstream_upgrade(struct upstream_call **where, struct slice *early)
{
    struct upstream_call *call = *where;
    CHECK(call->state == CALL_ANSWERED && call->framing.upgrade && call->stream);
    *early = buffer_slice(&call->in.bytes);
    struct stream *stream = call->stream;
    stream_want_read(stream, false);
    stream_want_write(stream, false);
    call->stream = NULL;
    upstream_close(where);
    return stream;
}
