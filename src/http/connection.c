/* The states of a connection and its reading side.
 *
 * Two ways lead into this file: the loop (stream, timer, task), where callbacks may fire and the connection
 * may end; and calls of whoever answers (connection_answered() and the like), where neither may happen: such
 * a call leaves a flag and the task does the rest in the same turn. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/prompt.h"

#include "http/connection.h"
#include "http/deadline.h"
#include "http/request.h"

enum {
    DROPPED_MOST = 64 * 1024,       /* of an unread request body, so that the connection can go on */
    LINGER_MOST = 16 * 1024 * 1024, /* dropped for a client that sends a whole body before it reads */
    LEAST_READ = 1024,              /* room that is worth a read of a head */
};

/* --- deadlines ------------------------------------------------------------------------------------- */

static void on_due(struct loop_timer *timer);

/* The timer is moved only when it would come too late; coming too early it looks again. So a request costs
 * no work on the heap. */
static void arm(struct connection *connection)
{
    int64_t deadline = deadline_of(connection);
    if (deadline == 0 || (loop_timer_armed(&connection->timer) && connection->timer.due_us <= deadline))
        return;
    struct loop *loop = connection->server->loop;
    loop_timer_start(loop, &connection->timer, (deadline - loop_now_us(loop) + 999) / 1000, on_due);
}

static void enter(struct connection *connection, enum connection_state state)
{
    connection->state = state;
    connection->since_us = loop_now_us(connection->server->loop);
    connection->queued = -1;
    arm(connection);
}

void connection_progress(struct connection *connection)
{
    connection->since_us = loop_now_us(connection->server->loop);
    connection->queued = -1;
    if (connection->state == CONNECTION_EXCHANGE && !connection->serving)
        arm(connection);
}

/* --- ends ------------------------------------------------------------------------------------------ */

static void free_connection(void *object)
{
    struct connection *connection = object;
    if (connection->exchange)
        exchange_free(connection->exchange);
    free(connection);
}

/* Everything but the memory; the exchange keeps its bytes until the close phase. */
static void detach(struct connection *connection)
{
    struct http_server *server = connection->server;
    connection->state = CONNECTION_CLOSED;
    loop_timer_stop(&connection->timer);
    loop_task_stop(&connection->task);
    list_remove(&connection->link);
    loop_free_later(server->loop, connection, free_connection);
    http_server_left(server);
}

static void release_exchange(struct connection *connection)
{
    if (connection->exchange)
        http_server_put_exchange(connection->server, connection->exchange);
    connection->exchange = NULL;
}

static void close_now(struct connection *connection)
{
    stream_close(&connection->stream);
    release_exchange(connection);
    detach(connection);
}

/* Tells whoever answers; after this nobody does. */
static void leave(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (!exchange || !exchange->open)
        return;
    exchange->open = false;
    if (exchange->events && exchange->events->on_gone)
        exchange->events->on_gone(exchange->owner);
}

void connection_cut(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    leave(connection); /* first: with the record goes what its route is made of */
    if (exchange && (connection->state == CONNECTION_EXCHANGE || connection->state == CONNECTION_FLUSHING))
        exchange_record(exchange);
    close_now(connection);
}

void connection_give_away(struct connection *connection)
{
    exchange_record(connection->exchange);
    stream_watch_gone(connection->stream, NULL);
    stream_want_read(connection->stream, false);
    stream_want_write(connection->stream, false);
    connection->stream = NULL;
    detach(connection);
}

/* Closing while the client still sends would reset the connection and might destroy the answer on its way. */
static void linger(struct connection *connection)
{
    release_exchange(connection);
    if (stream_end(connection->stream)) {
        close_now(connection);
        return;
    }
    connection->dropped = 0;
    enter(connection, CONNECTION_LINGERING);
    stream_want_read(connection->stream, true);
}

static void drop_lingering(struct connection *connection)
{
    void *scratch = loop_scratch(connection->server->loop);
    ssize_t got = stream_read(connection->stream, scratch, LOOP_SCRATCH_SIZE);
    if (got > 0)
        connection->dropped += (uint64_t)got;
    if ((got <= 0 && got != -EAGAIN) || connection->dropped > LINGER_MOST)
        close_now(connection);
}

/* What is buffered already comes first, in its turn; no callback fires from here. */
static void wait_for_request(struct connection *connection)
{
    bool buffered = connection->exchange && connection->state == CONNECTION_IDLE;
    if (buffered)
        connection_schedule(connection);
    stream_want_read(connection->stream, !buffered);
    arm(connection);
}

/* --- after the answer ------------------------------------------------------------------------------- */

/* The answer is out and the request's body read or dropped as far as it may be. */
static void finish(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (exchange->persistent && !connection->last && exchange->in.ended) {
        connection->state = CONNECTION_IDLE;
        connection->since_us = loop_now_us(connection->server->loop);
        if (incoming_is_ahead(&exchange->in))
            exchange_reset(exchange);
        else
            release_exchange(connection);
        if (!connection->serving)
            wait_for_request(connection);
        return;
    }
    bool expected = exchange->known && !exchange->framing.keep_alive && exchange->in.ended;
    if (expected && !incoming_is_ahead(&exchange->in))
        close_now(connection); /* the client asked for it and sends nothing more */
    else
        linger(connection);
}

static void drop_body(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    void *scratch = loop_scratch(connection->server->loop);
    while (!exchange->in.ended && connection->dropped <= DROPPED_MOST) {
        ssize_t got = incoming_read(&exchange->in, connection->stream, scratch, LOOP_SCRATCH_SIZE);
        if (got == -EAGAIN) {
            stream_want_read(connection->stream, true);
            arm(connection);
            return;
        }
        if (got < 0) {
            connection->last = true; /* cut short or malformed: lingering finds the end */
            break;
        }
        connection->dropped += (uint64_t)got;
        connection_progress(connection);
    }
    finish(connection);
}

static void answered(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    exchange_record(exchange);
    if (exchange->in.ended || !exchange->persistent || connection->last ||
        (exchange->in.body == FRAMING_LENGTH && exchange->in.left > DROPPED_MOST)) {
        finish(connection);
        return;
    }
    connection->dropped = 0;
    enter(connection, CONNECTION_DROPPING);
    drop_body(connection);
}

static void flush_answer(struct connection *connection)
{
    int error = outgoing_flush(&connection->exchange->out);
    if (error == -EAGAIN) {
        connection_progress(connection);
        arm(connection);
        return;
    }
    if (error) {
        exchange_record(connection->exchange);
        close_now(connection);
        return;
    }
    answered(connection);
}

void connection_answered(struct connection *connection)
{
    if (connection->broken)
        return; /* the task ends it */
    if (connection->watching) {
        connection->watching = false;
        stream_watch_gone(connection->stream, NULL); /* a half-closed client may read its answer in peace */
    }
    connection->state = CONNECTION_FLUSHING;
    flush_answer(connection);
}

void connection_fail(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (exchange->status && !connection->broken) {
        outgoing_flush(&exchange->out); /* what was announced and is incomplete may be seen ... */
        if (exchange->out.body == OUTGOING_UNTIL_CLOSE)
            stream_abort(
                connection->stream); /* ... but where the close is the end it must not look like one */
    }
    exchange_record(exchange);
    close_now(connection);
}

void connection_break(struct connection *connection)
{
    connection->broken = true;
    connection_schedule(connection);
}

/* --- requests --------------------------------------------------------------------------------------- */

static void refuse(struct connection *connection, int status, const char *detail)
{
    connection->state = CONNECTION_EXCHANGE;
    connection->exchange->framing = (struct framing){0};
    exchange_refuse(connection->exchange, status, detail);
}

/* The client has ended its side: it has left, or has said all it had to say and still reads (nc -N), which
 * looks the same. True: answer on, since a client that has left will be noticed: by what it answers to the
 * 100 below, or to the rest of an answer of known length. What is to be upgraded needs both directions (RFC
 * 6455 §7.1). */
static bool may_still_read(const struct connection *connection)
{
    const struct exchange *exchange = connection->exchange;
    if (!exchange->open || stream_broken(connection->stream) || exchange->framing.upgrade)
        return false;
    return exchange->status ? exchange->out.body == OUTGOING_LENGTH : exchange->head.minor > 0;
}

/* A 100 that nobody waits for costs a client that reads nothing; one that has left answers with a reset. */
static void on_gone(void *owner)
{
    struct connection *connection = owner;
    if (connection->state == CONNECTION_EXCHANGE && may_still_read(connection)) {
        exchange_interim(connection->exchange, 100, NULL, 0);
        return;
    }
    connection->watching = false;
    if (connection->state == CONNECTION_EXCHANGE || stream_broken(connection->stream))
        connection_cut(connection);
}

/* Somebody answers later. */
static void await_answer(struct connection *connection)
{
    if (!connection->exchange->wants_body)
        stream_want_read(connection->stream, false);
    if (stream_peer_ended(connection->stream) && !may_still_read(connection)) {
        connection_break(connection);
        return;
    }
    connection->watching = true;
    stream_watch_gone(connection->stream, on_gone);
    arm(connection);
}

static void start_exchange(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    buffer_consume(&exchange->in.bytes, exchange->head.size);
    enum http1_result result = framing_of_request(&exchange->head, &connection->host, &exchange->framing);
    if (result != HTTP1_DONE) {
        refuse(connection, http1_result_status(result), http1_result_text(result));
        return;
    }
    if (exchange->framing.form == FRAMING_AUTHORITY) {
        refuse(connection, 501, "CONNECT is not offered here");
        return;
    }
    if (!request_describe(exchange)) {
        refuse(connection, 400, "The request target or Host is malformed");
        return;
    }
    incoming_begin(&exchange->in, &exchange->framing);
    if (!incoming_begins_well(&exchange->in)) { /* whatever the route does with bodies */
        refuse(connection, 400, http1_result_text(HTTP1_BAD_CHUNK));
        return;
    }
    exchange->known = exchange->open = true;
    exchange->owes_continue = exchange->framing.expect_continue;
    connection->state = CONNECTION_EXCHANGE;
    connection->since_us = loop_now_us(connection->server->loop);
    connection->server->settings.on_request(connection->server->settings.owner, exchange);
    if (connection->state == CONNECTION_EXCHANGE && exchange->open)
        await_answer(connection);
}

/* Takes one head out of what is buffered; false: it is not complete. */
static bool serve_one(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    const struct http_server *server = connection->server;
    const struct http1_limits limits = {server->settings.head_limit, server->settings.target_limit};
    if (connection->state == CONNECTION_IDLE) {
        connection->state = CONNECTION_HEAD;
        connection->since_us = loop_now_us(server->loop);
    }
    enum http1_result result =
        http1_parse_request(&exchange->head, buffer_slice(&exchange->in.bytes), &limits);
    if (result == HTTP1_MORE)
        return false;
    if (result == HTTP1_DONE)
        start_exchange(connection);
    else
        refuse(connection, http1_result_status(result), http1_result_text(result));
    return true;
}

/* Serves what is buffered, one exchange after the other. */
static void serve(struct connection *connection)
{
    connection->serving = true;
    bool complete = true;
    while (complete && connection->state <= CONNECTION_HEAD && connection->exchange)
        complete = serve_one(connection);
    connection->serving = false;
    if (connection->state <= CONNECTION_HEAD)
        wait_for_request(connection);
}

static void read_head(struct connection *connection)
{
    if (!connection->exchange)
        connection->exchange = http_server_take_exchange(connection->server, connection);
    struct buffer *bytes = &connection->exchange->in.bytes;
    size_t size = bytes->capacity - bytes->end;
    if (size < LEAST_READ)
        size = EXCHANGE_READ_SIZE;
    char *place = buffer_reserve(bytes, size);
    CHECK(place); /* the head's limit is below the buffer's */
    ssize_t got = stream_read(connection->stream, place, size);
    if (got > 0) {
        buffer_added(bytes, (size_t)got);
        serve(connection);
    } else if (got != -EAGAIN) {
        close_now(connection);
    } else if (connection->state == CONNECTION_IDLE) {
        release_exchange(connection);
    }
}

/* --- the stream, the timer, the task ------------------------------------------------------------------ */

/* `fired`: body or room was owed to whoever answers. */
static void tell(struct connection *connection, bool *owed, void (*callback)(void *owner))
{
    struct exchange *exchange = connection->exchange;
    bool fire = *owed && callback;
    *owed = false;
    if (fire)
        callback(exchange->owner);
}

static void on_readable(void *owner)
{
    struct connection *connection = owner;
    struct exchange *exchange = connection->exchange;
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
        read_head(connection);
        break;
    case CONNECTION_EXCHANGE:
        tell(connection, &exchange->wants_body, exchange->events ? exchange->events->on_body : NULL);
        if (connection->state == CONNECTION_EXCHANGE && !exchange->wants_body)
            stream_want_read(connection->stream, false);
        break;
    case CONNECTION_FLUSHING:
        stream_want_read(connection->stream, false);
        break;
    case CONNECTION_DROPPING:
        drop_body(connection);
        break;
    case CONNECTION_LINGERING:
        drop_lingering(connection);
        break;
    case CONNECTION_CLOSED:
        break;
    }
}

static void on_writable(void *owner)
{
    struct connection *connection = owner;
    struct exchange *exchange = connection->exchange;
    if (connection->state == CONNECTION_FLUSHING) {
        flush_answer(connection);
        return;
    }
    if (connection->state != CONNECTION_EXCHANGE)
        return;
    int error = outgoing_flush(&exchange->out);
    if (error && error != -EAGAIN) {
        connection_cut(connection);
        return;
    }
    connection_progress(connection);
    if (!error)
        tell(connection, &exchange->wants_room, exchange->events ? exchange->events->on_room : NULL);
}

static void on_due(struct loop_timer *timer)
{
    struct connection *connection = LIST_ENTRY(timer, struct connection, timer);
    int64_t deadline = deadline_of(connection);
    if (deadline == 0 || loop_now_us(connection->server->loop) < deadline || deadline_moves(connection)) {
        arm(connection);
        return;
    }
    bool unanswered = connection->state == CONNECTION_EXCHANGE && !connection->exchange->status;
    leave(connection);
    if (connection->state == CONNECTION_HEAD)
        refuse(connection, 408, "The request's head did not come to its end in time");
    else if (unanswered)
        refuse(connection, 408, "The request's body did not come to its end in time");
    else
        connection_cut(connection);
}

static void on_task(struct loop_task *task)
{
    struct connection *connection = LIST_ENTRY(task, struct connection, task);
    if (connection->broken)
        connection_cut(connection);
    else if (connection->state == CONNECTION_IDLE && connection->exchange)
        serve(connection);
    else if (connection->state == CONNECTION_EXCHANGE && connection->exchange->out.corked)
        on_writable(connection);
}

void connection_schedule(struct connection *connection)
{
    loop_task_start(connection->server->loop, &connection->task, on_task);
}

static const struct stream_events connection_stream_events = {.on_readable = on_readable,
                                                              .on_writable = on_writable};

void connection_open(struct http_server *server, int fd, const struct address *peer, unsigned listener)
{
    prompt_set(fd, peer);
    struct connection *connection = MEMORY_NEW(struct connection);
    connection->stream = stream_new(server->loop, fd, &connection_stream_events, connection);
    if (!connection->stream) {
        free(connection);
        return;
    }
    connection->server = server;
    connection->peer = *peer;
    connection->listener = listener;
    list_append(&server->connections, &connection->link);
    server->connection_count++;
    enter(connection, CONNECTION_IDLE);
    stream_want_read(connection->stream, true);
}
