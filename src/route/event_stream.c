/* Timers run while a stream is open and do little: a heartbeat looks at when something was last written. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/event_stream.h"
#include "route/problem.h"

/* --- saying ---------------------------------------------------------------------------------------- */

void event_stream_say(struct event_stream *stream, struct event_said *said)
{
    struct chunks_piece piece = event_said_piece(said);
    CHECK(!stream->torn);
    if (piece.body.size > 0)
        event_stream_write(stream, &piece);
    event_said_drop(said);
}

/* --- the end of a stream ---------------------------------------------------------------------------- */

static void leave(struct event_stream *stream)
{
    event_group_remove(&stream->grouped);
    streams_remove(&stream->member);
    loop_timer_stop(&stream->beat);
    stream->events->on_over(stream);
    loop_free_later(stream->loop, stream, free);
}

void event_stream_cut(struct event_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    leave(stream);
    exchange_fail(exchange);
}

void event_stream_end(struct event_stream *stream, struct event_said *said)
{
    struct exchange *exchange = stream->exchange;
    if (stream->resting || stream->torn) {
        event_said_drop(said);
        event_stream_cut(stream);
        return;
    }
    event_stream_say(stream, said);
    leave(stream);
    exchange_end(exchange);
}

static void say_goodbye(struct event_stream *stream)
{
    struct event_said said = event_said_new();
    exchange_close_after(stream->exchange);
    stream->events->add_place(stream, &said.bytes);
    event_said_bye(&said);
    event_stream_end(stream, &said);
}

static void on_goodbye(struct event_member *member)
{
    say_goodbye(LIST_ENTRY(member, struct event_stream, grouped));
}

static void on_close(struct stream_member *member, enum streams_reason reason)
{
    struct event_stream *stream = LIST_ENTRY(member, struct event_stream, member);
    if (reason == STREAMS_MOVED || reason == STREAMS_CLOSED) {
        say_goodbye(stream);
        return;
    }
    struct event_said said = event_said_new();
    event_said_auth(&said, reason == STREAMS_FORBIDDEN ? "forbidden" : "signed-out");
    event_stream_end(stream, &said);
}

static void describe(struct stream_member *member, json_t *row)
{
    const struct event_stream *stream = LIST_ENTRY(member, struct event_stream, member);
    const char *target = exchange_target(stream->exchange);
    if (target)
        json_object_set_new(row, "target", json_string(target));
}

static const struct stream_kind events_kind = {.name = "events", .describe = describe};

/* --- its beginning ---------------------------------------------------------------------------------- */

static void on_gone(void *owner)
{
    leave(owner);
}

static void on_room(void *owner)
{
    struct event_stream *stream = owner;
    stream->resting = false;
    stream->events->on_room(stream);
}

static void on_beat(struct loop_timer *timer)
{
    struct event_stream *stream = LIST_ENTRY(timer, struct event_stream, beat);
    int64_t every_ms = stream->heartbeat_ms;
    int64_t quiet_ms = (loop_now_us(stream->loop) - stream->wrote_us) / 1000;
    if (quiet_ms >= every_ms && !stream->resting && !stream->torn) {
        struct event_said said = event_said_new();
        if (!stream->events->add_place(stream, &said.bytes))
            sse_comment(&said.bytes, (struct slice){0});
        event_stream_say(stream, &said);
    }
    loop_timer_start(stream->loop, timer, quiet_ms < every_ms ? every_ms - quiet_ms : every_ms, on_beat);
}

bool event_stream_is_asked(struct exchange *exchange)
{
    enum http1_method method = exchange_request(exchange)->head->method;
    if (method == HTTP1_GET || method == HTTP1_HEAD)
        return true;
    problem_reply(exchange, &(struct problem){.status = 405,
                                              .type = "method-not-allowed",
                                              .title = "Method not allowed",
                                              .detail = "Event streams are read with GET.",
                                              .allow = "GET, HEAD"});
    return false;
}

void event_stream_open(struct event_stream *stream)
{
    stream->loop = exchange_loop(stream->exchange);
    stream->resting = true;
}

static void send_head(struct exchange *exchange, int status)
{
    static const struct exchange_field fields[] = {
        {SLICE("Cache-Control"), SLICE("no-store, no-transform"), .checked = true},
        {SLICE("Content-Type"), SLICE("text/event-stream"), .checked = true},
        {SLICE("X-Accel-Buffering"), SLICE("no"), .checked = true},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff"), .checked = true},
    };
    bool fits = exchange_head(exchange, status, fields, status == 204 ? 1 : sizeof fields / sizeof *fields,
                              EXCHANGE_LENGTH_UNKNOWN);
    CHECK(fits); /* all fields are ours */
}

bool event_stream_begin(struct event_stream *stream, int status, struct event_group *group,
                        struct streams *streams)
{
    static const struct exchange_events events = {.on_room = on_room, .on_gone = on_gone};
    struct exchange *exchange = stream->exchange;
    send_head(exchange, status);
    if (status == 204 || exchange_request(exchange)->head->method == HTTP1_HEAD) {
        leave(stream);
        exchange_end(exchange);
        return false;
    }
    exchange_set_events(exchange, &events, stream);
    streams_add(streams, &stream->member, exchange_principal(exchange), on_close);
    streams_from(&stream->member, exchange, &events_kind, NULL);
    stream->resting = false;
    loop_timer_start(stream->loop, &stream->beat, stream->heartbeat_ms, on_beat);
    event_group_add(group, &stream->grouped, on_goodbye);
    return true;
}
