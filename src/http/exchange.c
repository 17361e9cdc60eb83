/* What routes call: the request as they see it, its body, the answer. Sending is tried at once, inside the
 * call; whatever must call back is left to the connection's task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/http1_write.h"

#include "http/connection.h"
#include "http/refusal.h"

enum { READ_BUFFER_MOST = 128 * 1024, OWN_LINES_MOST = 256 };

struct exchange *exchange_new(void)
{
    struct exchange *exchange = memory_resize(NULL, sizeof *exchange); /* not zeroed: `fields` is large */
    memset(exchange, 0, offsetof(struct exchange, fields));
    list_init(&exchange->link);
    exchange->in.bytes = BUFFER(READ_BUFFER_MOST);
    exchange->arena = ARENA(EXCHANGE_ARENA_MOST);
    outgoing_reset(&exchange->out, NULL);
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    incoming_free(&exchange->in);
    outgoing_free(&exchange->out);
    arena_free(&exchange->arena);
    free(exchange);
}

void exchange_trim(struct exchange *exchange)
{
    arena_reset(&exchange->arena);
    buffer_clear(&exchange->in.bytes);
    buffer_free(&exchange->in.ahead);
    incoming_next(&exchange->in, EXCHANGE_READ_SIZE);
    outgoing_reset(&exchange->out, NULL);
}

void exchange_reset(struct exchange *exchange)
{
    arena_reset(&exchange->arena);
    incoming_next(&exchange->in, EXCHANGE_READ_SIZE);
    outgoing_reset(&exchange->out, NULL);
    exchange_begin(exchange);
}

void exchange_begin(struct exchange *exchange)
{
    exchange->out.stream = exchange->connection->stream;
    exchange->events = NULL;
    exchange->owner = exchange->context = exchange->kept = NULL;
    exchange->refuse = NULL;
    exchange->route = exchange->target = NULL;
    exchange->route_id = 0;
    exchange->principal = &principal_nobody;
    exchange->request = (struct exchange_request){
        .peer = &exchange->connection->peer,
        .client = &exchange->connection->peer,
        .listener = exchange->connection->listener,
        .started_us = loop_now_us(exchange->connection->server->loop),
    };
    exchange->body_limit = -1;
    exchange->status = 0;
    exchange->open = exchange->known = exchange->wants_body = exchange->wants_room = false;
    exchange->owes_continue = exchange->persistent = exchange->recorded = false;
    exchange->in.ended = true;
    exchange->in.taken = 0;
    http1_begin(&exchange->head, exchange->fields, EXCHANGE_FIELDS);
}

void exchange_record(struct exchange *exchange)
{
    const struct http_server *server = exchange->connection->server;
    void *kept = exchange_take(exchange);
    if (kept)
        exchange->release(kept);
    if (exchange->recorded || !server->settings.on_record)
        return;
    exchange->recorded = true;
    const struct http_record record = {
        .request = exchange->known ? &exchange->request : NULL,
        .peer = exchange->request.client,
        .status = exchange->status,
        .bytes_in = exchange->in.taken,
        .bytes_out = exchange->out.body == OUTGOING_NONE ? 0 : exchange->out.taken,
        .duration_us = loop_now_us(server->loop) - exchange->request.started_us,
        .route = exchange->route,
        .target = exchange->target,
        .user = exchange->principal->user,
        .context = exchange->context,
    };
    server->settings.on_record(server->settings.owner, &record);
}

/* --- the request ---------------------------------------------------------------------------------- */

const struct exchange_request *exchange_request(const struct exchange *exchange)
{
    return &exchange->request;
}

struct arena *exchange_arena(struct exchange *exchange)
{
    return &exchange->arena;
}

struct loop *exchange_loop(const struct exchange *exchange)
{
    return exchange->connection->server->loop;
}

void exchange_set_events(struct exchange *exchange, const struct exchange_events *events, void *owner)
{
    exchange->events = events;
    exchange->owner = owner;
}

void exchange_set_route(struct exchange *exchange, const char *place, const char *target, uint64_t id)
{
    exchange->route = place;
    exchange->target = target;
    exchange->route_id = id;
}

uint64_t exchange_route_id(const struct exchange *exchange)
{
    return exchange->route_id;
}

const char *exchange_target(const struct exchange *exchange)
{
    return exchange->target;
}

const struct principal *exchange_principal(const struct exchange *exchange)
{
    return exchange->principal;
}

void exchange_set_principal(struct exchange *exchange, const struct principal *principal)
{
    exchange->principal = principal;
}

void exchange_set_context(struct exchange *exchange, void *context)
{
    exchange->context = context;
}

void exchange_keep(struct exchange *exchange, void *thing, void (*release)(void *thing))
{
    CHECK(!exchange->kept);
    exchange->kept = thing;
    exchange->release = release;
}

void *exchange_take(struct exchange *exchange)
{
    void *kept = exchange->kept;
    exchange->kept = NULL;
    return kept;
}

void exchange_set_refuser(struct exchange *exchange, exchange_refuse_fn *refuse, void *owner)
{
    exchange->refuse = refuse;
    exchange->refuser = owner;
}

bool exchange_refused_otherwise(struct exchange *exchange, int status, const char *detail)
{
    return exchange->refuse && exchange->refuse(exchange->refuser, exchange, status, detail);
}

void exchange_trust(struct exchange *exchange, bool secure, bool introduces, const struct address *client)
{
    struct address *copy = client ? arena_new(&exchange->arena, sizeof *copy) : NULL;
    if (copy) {
        *copy = *client;
        exchange->request.client = copy;
    }
    exchange->request.trusted = true;
    exchange->request.introduces = introduces;
    exchange->request.secure = secure;
}

/* --- its body ------------------------------------------------------------------------------------- */

int exchange_limit_body(struct exchange *exchange, int64_t most)
{
    exchange->body_limit = most;
    if (most < 0 || exchange->request.content_length <= most)
        return 0;
    exchange_close_after(exchange);
    return -EFBIG;
}

void exchange_read_secretly(struct exchange *exchange)
{
    exchange->in.secret = true;
}

static void send_continue(struct exchange *exchange)
{
    exchange->owes_continue = false;
    if (exchange->status || buffer_size(&exchange->in.bytes))
        return; /* answered already, or the client did not wait */
    buffer_append(&exchange->out.pending, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    int error = outgoing_flush(&exchange->out);
    if (error && error != -EAGAIN)
        connection_break(exchange->connection);
}

ssize_t exchange_read(struct exchange *exchange, void *memory, size_t size)
{
    CHECK(exchange->open);
    struct connection *connection = exchange->connection;
    exchange->wants_body = false;
    if (exchange->owes_continue)
        send_continue(exchange);
    if (connection->broken)
        return -EAGAIN;
    ssize_t got = incoming_read(&exchange->in, connection->stream, memory, size);
    if (got == -EAGAIN) {
        exchange->wants_body = true;
        stream_want_read(connection->stream, true);
        connection_progress(connection);
        return -EAGAIN;
    }
    if (got == -EPROTO) {
        exchange_close_after(exchange);
        return -EPROTO;
    }
    if (got < 0) {
        connection_break(connection);
        return -EAGAIN;
    }
    if (exchange->body_limit >= 0 && exchange->in.taken > (uint64_t)exchange->body_limit) {
        exchange_close_after(exchange);
        return -EFBIG;
    }
    return got;
}

/* --- the answer: heads ------------------------------------------------------------------------------ */

/* Takes back what was appended since `size` bytes were pending. */
static bool undo(struct buffer *buffer, size_t size)
{
    buffer->end = buffer->start + size;
    return false;
}

void exchange_interim(struct exchange *exchange, int status, const struct exchange_field *fields,
                      size_t count)
{
    CHECK(exchange->open && status >= 100 && status < 200 && status != 101);
    struct buffer *pending = &exchange->out.pending;
    if (exchange->status || exchange->head.minor == 0 || exchange->connection->broken)
        return;
    size_t before = buffer_size(pending);
    if (!http1_write_status(pending, (unsigned)status) || !outgoing_fields(&exchange->out, fields, count) ||
        !http1_write_end(pending)) {
        undo(pending, before);
        return;
    }
    if (status == 100)
        exchange->owes_continue = false;
    exchange_flush(exchange);
}

static enum outgoing_body choose_body(const struct exchange *exchange, int status, int64_t length)
{
    if (exchange->head.method == HTTP1_HEAD || status == 204 || status == 304)
        return OUTGOING_NONE;
    if (length >= 0)
        return OUTGOING_LENGTH;
    return exchange->head.minor == 0 ? OUTGOING_UNTIL_CLOSE : OUTGOING_CHUNKED;
}

/* What the transport says of it. */
static bool write_own_lines(struct exchange *exchange, int status, enum outgoing_body body, int64_t length)
{
    const struct slice chunked = SLICE("Transfer-Encoding: chunked\r\n"),
                       last = SLICE("Connection: close\r\n");
    struct buffer *pending = &exchange->out.pending;
    char *start = buffer_reserve(pending, OWN_LINES_MOST), *at = start;
    if (!start)
        return false;
    at = http1_write_status_line(at, (unsigned)status);
    at = slice_put(at, slice_of(http_server_date(exchange->connection->server), EXCHANGE_DATE_SIZE));
    if (length >= 0 && status != 204 && status != 304)
        at = http1_write_number_line(at, SLICE("Content-Length"), (uint64_t)length);
    else if (body == OUTGOING_CHUNKED)
        at = slice_put(at, chunked);
    if (!exchange->persistent)
        at = slice_put(at, last);
    buffer_added(pending, (size_t)(at - start));
    return true;
}

bool exchange_head(struct exchange *exchange, int status, const struct exchange_field *fields, size_t count,
                   int64_t length)
{
    CHECK(exchange->open && !exchange->status && status >= 200 && status <= 999);
    const struct connection *connection = exchange->connection;
    struct buffer *pending = &exchange->out.pending;
    enum outgoing_body body = choose_body(exchange, status, length);
    /* Behind a refused offer to upgrade there may be bytes of the other protocol: they are no request. */
    exchange->persistent = status != 421 && exchange->framing.keep_alive && !connection->last &&
                           !exchange->framing.upgrade && !connection->server->draining &&
                           !exchange->owes_continue && body != OUTGOING_UNTIL_CLOSE;
    size_t before = buffer_size(pending);
    if (!write_own_lines(exchange, status, body, length) || !outgoing_fields(&exchange->out, fields, count) ||
        !http1_write_end(pending) || buffer_size(pending) - before > OUTGOING_HEAD_MOST)
        return undo(pending, before);
    exchange->status = status;
    outgoing_begin(&exchange->out, body, length);
    return true;
}

bool exchange_head_sent(const struct exchange *exchange)
{
    return exchange->status != 0;
}

/* --- the answer: body ------------------------------------------------------------------------------- */

/* What a call of `out` means for the connection; `result` as returned to the caller. */
static ssize_t after_write(struct exchange *exchange, ssize_t result, size_t size)
{
    struct connection *connection = exchange->connection;
    if (result < 0 && result != -EAGAIN) {
        connection_break(connection);
        return -EPIPE;
    }
    if (result == -EAGAIN || (size_t)result < size)
        exchange->wants_room = true;
    if (exchange->out.corked)
        connection_schedule(connection);
    connection_progress(connection);
    return result;
}

ssize_t exchange_write(struct exchange *exchange, const void *bytes, size_t size)
{
    CHECK(exchange->open && exchange->status);
    if (exchange->connection->broken)
        return -EPIPE;
    return after_write(exchange, outgoing_write(&exchange->out, bytes, size), size);
}

ssize_t exchange_write_file(struct exchange *exchange, int file, int64_t *offset, size_t size)
{
    CHECK(exchange->open && exchange->status);
    if (exchange->connection->broken)
        return -EPIPE;
    ssize_t sent = outgoing_write_file(&exchange->out, file, offset, size);
    return sent == 0 ? 0 : after_write(exchange, sent, size);
}

/* A whole write is the common case and leaves the connection alone: no deadline runs while nothing waits. */
bool exchange_write_piece(struct exchange *exchange, const struct chunks_piece *piece)
{
    CHECK(exchange->open && exchange->status);
    int error = outgoing_write_piece(&exchange->out, piece);
    if (error == 0 && !exchange->wants_body)
        return true;
    if (error && error != -EAGAIN) {
        connection_break(exchange->connection);
        return false;
    }
    exchange->wants_room = error == -EAGAIN;
    connection_progress(exchange->connection);
    return error == 0;
}

void exchange_flush(struct exchange *exchange)
{
    CHECK(exchange->open);
    if (exchange->connection->broken)
        return;
    int error = outgoing_flush(&exchange->out);
    if (error && error != -EAGAIN)
        connection_break(exchange->connection);
    else if (error)
        connection_progress(exchange->connection);
}

void exchange_end(struct exchange *exchange)
{
    CHECK(exchange->open && exchange->status);
    exchange->open = false;
    outgoing_end(&exchange->out);
    connection_answered(exchange->connection);
}

void exchange_fail(struct exchange *exchange)
{
    CHECK(exchange->open);
    exchange->open = false;
    connection_fail(exchange->connection);
}

void exchange_reply(struct exchange *exchange, int status, const struct exchange_field *fields, size_t count,
                    struct slice body)
{
    if (!exchange_head(exchange, status, fields, count, (int64_t)body.size)) {
        exchange_refuse(exchange, 500,
                        "The answer's fields are too long or hold bytes that no field may hold.");
        return;
    }
    if (exchange->connection->broken || outgoing_write_whole(&exchange->out, body)) {
        exchange->open = false;
        connection_break(exchange->connection);
        return;
    }
    exchange_end(exchange);
}

void exchange_close_after(struct exchange *exchange)
{
    exchange->connection->last = true;
}

void exchange_refuse(struct exchange *exchange, int status, const char *detail)
{
    exchange->open = true;
    refusal_reply(exchange, status, detail);
}

struct stream *exchange_upgrade(struct exchange *exchange, const struct exchange_field *fields, size_t count,
                                struct slice *early, struct slice *unsent)
{
    CHECK(exchange->open && !exchange->status && exchange->in.ended);
    struct connection *connection = exchange->connection;
    struct buffer *pending = &exchange->out.pending;
    CHECK(http1_write_status(pending, 101) && outgoing_fields(&exchange->out, fields, count) &&
          http1_write_end(pending));
    exchange->status = 101;
    exchange->open = false;
    outgoing_flush(&exchange->out); /* an error shows again when the new owner uses the stream */
    *early = buffer_slice(&exchange->in.bytes);
    *unsent = buffer_slice(pending);
    struct stream *stream = connection->stream;
    connection_give_away(connection);
    return stream;
}
