/* Timers run while a stream is open and do little: a heartbeat looks at when something was last written. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/event_stream.h"
#include "route/problem.h"

struct event_stream_group {
    struct loop *loop;
    struct streams *streams;
    struct list open;
    size_t count;
    bool leaving;
};

struct event_stream_group *event_stream_group_new(struct loop *loop, struct streams *streams)
{
    struct event_stream_group *group = MEMORY_NEW(struct event_stream_group);
    group->loop = loop;
    group->streams = streams;
    list_init(&group->open);
    return group;
}

void event_stream_group_free(struct event_stream_group **group)
{
    if (!*group)
        return;
    CHECK((*group)->count == 0);
    free(*group);
    *group = NULL;
}

struct loop *event_stream_group_loop(const struct event_stream_group *group)
{
    return group->loop;
}

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
    struct event_stream_group *group = stream->group;
    list_remove(&stream->link);
    group->count--;
    streams_remove(&stream->member);
    loop_timer_stop(&stream->beat);
    loop_timer_stop(&stream->bye);
    stream->events->on_over(stream);
    loop_free_later(group->loop, stream, free);
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

static void on_bye(struct loop_timer *timer)
{
    struct event_stream *stream = LIST_ENTRY(timer, struct event_stream, bye);
    struct event_said said = event_said_new();
    exchange_close_after(stream->exchange);
    stream->events->add_place(stream, &said.bytes);
    event_said_bye(&said);
    event_stream_end(stream, &said);
}

static void on_close(struct stream_member *member, enum streams_reason reason)
{
    struct event_stream *stream = LIST_ENTRY(member, struct event_stream, member);
    if (reason == STREAMS_MOVED || reason == STREAMS_CLOSED) {
        on_bye(&stream->bye);
        return;
    }
    struct event_said said = event_said_new();
    event_said_event(&said, "auth", NULL,
                     json_pack("{s:s}", "reason", reason == STREAMS_FORBIDDEN ? "forbidden" : "signed-out"));
    event_stream_end(stream, &said);
}

static void say_goodbye_in(struct event_stream *stream, int64_t delay_ms)
{
    if (!loop_timer_armed(&stream->bye))
        loop_timer_start(stream->group->loop, &stream->bye, delay_ms, on_bye);
}

void event_stream_group_say_goodbye(struct event_stream_group *group, int64_t spread_ms)
{
    size_t place = 0, spread = group->count > STREAMS_AT_ONCE ? group->count : 0;
    group->leaving = true;
    LIST_FOR_EACH(link, &group->open)
    say_goodbye_in(LIST_ENTRY(link, struct event_stream, link),
                   spread ? spread_ms * (int64_t)place++ / (int64_t)spread : 0);
}

static const struct stream_kind events_kind = {.name = "events"};

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
    int64_t quiet_ms = (loop_now_us(stream->group->loop) - stream->wrote_us) / 1000;
    if (quiet_ms >= every_ms && !stream->resting && !stream->torn) {
        struct event_said said = event_said_new();
        if (!stream->events->add_place(stream, &said.bytes))
            sse_comment(&said.bytes, (struct slice){0});
        event_stream_say(stream, &said);
    }
    loop_timer_start(stream->group->loop, timer, quiet_ms < every_ms ? every_ms - quiet_ms : every_ms,
                     on_beat);
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

void event_stream_open(struct event_stream_group *group, struct event_stream *stream)
{
    stream->group = group;
    stream->resting = true;
    list_append(&group->open, &stream->link);
    group->count++;
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

bool event_stream_begin(struct event_stream *stream, int status)
{
    static const struct exchange_events events = {.on_room = on_room, .on_gone = on_gone};
    struct exchange *exchange = stream->exchange;
    struct event_stream_group *group = stream->group;
    send_head(exchange, status);
    if (status == 204 || exchange_request(exchange)->head->method == HTTP1_HEAD) {
        leave(stream);
        exchange_end(exchange);
        return false;
    }
    exchange_set_events(exchange, &events, stream);
    streams_add(group->streams, &stream->member, exchange_principal(exchange), on_close);
    streams_from(&stream->member, exchange, &events_kind);
    stream->resting = false;
    loop_timer_start(group->loop, &stream->beat, stream->heartbeat_ms, on_beat);
    if (group->leaving)
        say_goodbye_in(stream, 0);
    return true;
}
