/* What the tail gives is passed on as it is; the rest is when a stream begins, what is said in it, and when
 * it ends. A client that takes no more rests: it gets neither lines nor heartbeats, and a reset waits for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/sse.h"

#include "route/events.h"
#include "route/problem.h"

enum {
    TOLD_AT_ONCE = 100,
    SAID_MOST = 2048,     /* bytes of our own events at once */
    GIVEN_ID_MOST = 128,  /* of a Last-Event-ID that is none of ours, in the reset */
    RETRY_MS = 1000,      /* for the client, after whatever ends the stream, and up to as much again */
    BYE_RETRY_MS = 500,   /* the same after a goodbye ... */
    BYE_SPREAD_MS = 2500, /* ... and up to so much more: not all come at the same time */
};

struct events {
    struct events_settings settings;
    struct tail_group *tails;
    struct list open;
    size_t count;
    bool leaving;
};

struct events_route {
    struct events *events;
    struct events_route_settings settings;
};

/* What each line touches comes first. */
struct event_stream {
    struct tail_reader reader;
    struct exchange *exchange;
    const struct events_route *route;
    int64_t wrote_us;
    bool resting;     /* the client takes no more now */
    bool ending;      /* the target is over: the end follows the last line */
    bool reset_waits; /* for room */
    struct list link;
    struct stream_member member;
    struct backend *backend; /* NULL: the route has no target */
    struct backends_watcher watcher;
    struct loop_timer beat;
    struct loop_timer wait; /* for a file */
    struct loop_timer bye;
    enum tail_reason reset_reason;
    struct event_id reset_from;
};

struct events *events_new(const struct events_settings *settings)
{
    struct events *events = MEMORY_NEW(struct events);
    events->settings = *settings;
    events->tails = tail_group_new(&(struct tail_group_settings){.loop = settings->loop,
                                                                 .on_degraded = settings->on_degraded,
                                                                 .on_refused = settings->on_refused,
                                                                 .owner = settings->owner});
    list_init(&events->open);
    return events;
}

void events_free(struct events **events)
{
    if (!*events)
        return;
    CHECK((*events)->count == 0);
    tail_group_free(&(*events)->tails);
    free(*events);
    *events = NULL;
}

struct events_route *events_route_new(struct events *events, const struct events_route_settings *settings)
{
    struct events_route *route = MEMORY_NEW(struct events_route);
    route->events = events;
    route->settings = *settings;
    return route;
}

void events_route_free(struct events_route **route)
{
    if (!*route)
        return;
    captures_free(&(*route)->settings.file);
    close((*route)->settings.root);
    free(*route);
    *route = NULL;
}

/* --- saying ---------------------------------------------------------------------------------------- */

static struct event_stream *stream_of(struct tail_reader *reader)
{
    return LIST_ENTRY(reader, struct event_stream, reader);
}

/* Events and comments of our own, put together before they are sent. */
struct said {
    struct buffer bytes;
};

static struct said said_new(void)
{
    struct said said = {.bytes = BUFFER(SAID_MOST)};
    CHECK(buffer_reserve(&said.bytes, SAID_MOST));
    buffer_added(&said.bytes, CHUNKS_HEAD_SIZE);
    return said;
}

static void say(struct event_stream *stream, struct said *said)
{
    size_t size = buffer_size(&said->bytes) - CHUNKS_HEAD_SIZE;
    struct chunks_piece piece = chunks_frame(said->bytes.data, size);
    stream->wrote_us = loop_now_us(stream->route->events->settings.loop);
    if (!exchange_write_piece(stream->exchange, &piece))
        stream->resting = true;
    buffer_free(&said->bytes);
}

static void add_event(struct said *said, const char *name, const struct event_id *id, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);
    sse_event(&said->bytes, name, id, slice_of_text(text));
    free(text);
    json_decref(data);
}

static const char *reason_name(enum tail_reason reason)
{
    static const char *const names[] = {
        [TAIL_CUT] = "truncated", [TAIL_CHANGED] = "changed", [TAIL_GONE] = "gone"};
    return names[reason];
}

static void add_reset(struct said *said, const char *from, const char *reason)
{
    add_event(said, "reset", &EVENT_ID_BEGINNING, json_pack("{s:s, s:s}", "from", from, "reason", reason));
}

static void say_reset(struct event_stream *stream)
{
    char from[EVENT_ID_SIZE];
    struct said said = said_new();
    stream->reset_waits = false;
    event_id_format(&stream->reset_from, from);
    add_reset(&said, from, reason_name(stream->reset_reason));
    say(stream, &said);
}

static int64_t retry_ms(int64_t least, int64_t more)
{
    uint32_t random = 0;
    ssize_t size = getrandom(&random, sizeof random, GRND_NONBLOCK);
    return least + (size == sizeof random ? random % more : more / 2);
}

/* --- the end of a stream ---------------------------------------------------------------------------- */

static void leave(struct event_stream *stream)
{
    struct events *events = stream->route->events;
    list_remove(&stream->link);
    events->count--;
    tail_leave(&stream->reader);
    streams_remove(&stream->member);
    backends_unwatch(&stream->watcher);
    loop_timer_stop(&stream->beat);
    loop_timer_stop(&stream->wait);
    loop_timer_stop(&stream->bye);
    loop_free_later(events->settings.loop, stream, free);
}

static void on_gone(void *owner)
{
    leave(owner);
}

/* Nothing that the client has not got can reach it in order. */
static void cut(struct event_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    leave(stream);
    exchange_fail(exchange);
}

/* Ends the stream with a last word; one who takes nothing is cut. */
static void end_with(struct event_stream *stream, struct said *said)
{
    struct exchange *exchange = stream->exchange;
    if (stream->resting) {
        buffer_free(&said->bytes);
        cut(stream);
        return;
    }
    say(stream, said);
    leave(stream);
    exchange_end(exchange);
}

/* A file that gates may not read is as good as none, but its writer should hear of it. */
static json_t *with_refusal(const struct event_stream *stream, json_t *object)
{
    int error = tail_refused(&stream->reader);
    if (error)
        json_object_set_new(object, "error", json_string(strerror(error)));
    return object;
}

static json_t *outcome(const struct event_stream *stream)
{
    const struct target_row *row = backends_row(stream->backend);
    const struct target_cause *cause = &row->cause;
    int64_t unfinished = tail_unfinished(&stream->reader);
    bool known = backends_is_known(stream->backend);
    json_t *object = json_pack("{s:s, s:s, s:o}", "target", row->name, "state",
                               known ? target_state_name(row->state) : "gone", "cause",
                               cause->kind == TARGET_CAUSE_NONE
                                   ? json_null()
                                   : json_pack("{s:s, s:i, s:o, s:s}", "kind", target_cause_name(cause->kind),
                                               "code", cause->code, "signal",
                                               cause->signal ? json_integer(cause->signal) : json_null(),
                                               "text", cause->text));
    if (unfinished > 0)
        json_object_set_new(object, "unfinished_bytes", json_integer(unfinished));
    return with_refusal(stream, object);
}

static void say_end(struct event_stream *stream)
{
    struct event_id place = tail_place(&stream->reader);
    struct said said = said_new();
    add_event(&said, "end", &place, outcome(stream));
    end_with(stream, &said);
}

static void on_timeout(struct loop_timer *timer)
{
    struct event_stream *stream = LIST_ENTRY(timer, struct event_stream, wait);
    struct said said = said_new();
    json_t *data = json_pack("{s:I}", "waited_ms", (json_int_t)stream->route->settings.wait_ms);
    add_event(&said, "timeout", NULL, with_refusal(stream, data));
    end_with(stream, &said);
}

static void on_bye(struct loop_timer *timer)
{
    struct event_stream *stream = LIST_ENTRY(timer, struct event_stream, bye);
    int64_t retry = retry_ms(BYE_RETRY_MS, BYE_SPREAD_MS);
    struct said said = said_new();
    exchange_close_after(stream->exchange);
    sse_retry(&said.bytes, retry);
    add_event(&said, "bye", NULL, json_pack("{s:I}", "retry_ms", (json_int_t)retry));
    end_with(stream, &said);
}

static void on_close(struct stream_member *member, enum streams_reason reason)
{
    struct event_stream *stream = LIST_ENTRY(member, struct event_stream, member);
    if (reason == STREAMS_MOVED) {
        on_bye(&stream->bye);
        return;
    }
    struct said said = said_new();
    add_event(&said, "auth", NULL,
              json_pack("{s:s}", "reason", reason == STREAMS_FORBIDDEN ? "forbidden" : "signed-out"));
    end_with(stream, &said);
}

static void say_goodbye_in(struct event_stream *stream, int64_t delay_ms)
{
    if (!loop_timer_armed(&stream->bye))
        loop_timer_start(stream->route->events->settings.loop, &stream->bye, delay_ms, on_bye);
}

void events_say_goodbye(struct events *events, int64_t spread_ms)
{
    size_t place = 0, spread = events->count > TOLD_AT_ONCE ? events->count : 0;
    events->leaving = true;
    LIST_FOR_EACH(link, &events->open)
    say_goodbye_in(LIST_ENTRY(link, struct event_stream, link),
                   spread ? spread_ms * (int64_t)place++ / (int64_t)spread : 0);
}

/* --- lines ----------------------------------------------------------------------------------------- */

static bool on_piece(struct tail_reader *reader, const struct chunks_piece *piece)
{
    struct event_stream *stream = stream_of(reader);
    stream->wrote_us = loop_now_us(stream->route->events->settings.loop);
    stream->resting = !exchange_write_piece(stream->exchange, piece);
    return !stream->resting;
}

static void on_torn(struct tail_reader *reader)
{
    cut(stream_of(reader));
}

/* Several in a row while the client rests are one: from where the first was. */
static void on_reset(struct tail_reader *reader, const struct event_id *from, enum tail_reason reason)
{
    struct event_stream *stream = stream_of(reader);
    if (stream->reset_waits)
        return;
    stream->reset_waits = true;
    stream->reset_reason = reason;
    stream->reset_from = *from;
    if (!stream->resting)
        say_reset(stream);
}

static void on_found(struct tail_reader *reader)
{
    loop_timer_stop(&stream_of(reader)->wait);
}

static void on_level(struct tail_reader *reader)
{
    struct event_stream *stream = stream_of(reader);
    if (stream->ending && !stream->resting)
        say_end(stream);
}

static void on_room(void *owner)
{
    struct event_stream *stream = owner;
    stream->resting = false;
    if (stream->reset_waits)
        say_reset(stream);
    if (!stream->resting)
        tail_resume(&stream->reader);
    if (!stream->resting && stream->ending)
        tail_refresh(&stream->reader);
}

static void on_beat(struct loop_timer *timer)
{
    struct event_stream *stream = LIST_ENTRY(timer, struct event_stream, beat);
    struct loop *loop = stream->route->events->settings.loop;
    int64_t every_ms = stream->route->settings.heartbeat_ms;
    int64_t quiet_ms = (loop_now_us(loop) - stream->wrote_us) / 1000;
    if (quiet_ms >= every_ms && !stream->resting) {
        struct said said = said_new();
        sse_comment(&said.bytes, (struct slice){0});
        say(stream, &said);
    }
    loop_timer_start(loop, timer, quiet_ms < every_ms ? every_ms - quiet_ms : every_ms, on_beat);
}

static void on_target(struct backends_watcher *watcher)
{
    struct event_stream *stream = LIST_ENTRY(watcher, struct event_stream, watcher);
    stream->ending = backends_has_ended(stream->backend);
    if (stream->ending)
        tail_refresh(&stream->reader);
}

/* --- the beginning of a stream ----------------------------------------------------------------------- */

/* What a request asks for. */
struct request {
    const struct events_route *route;
    struct exchange *exchange;
    struct slice path; /* of the file */
    struct backend *backend;
    struct slice given; /* Last-Event-ID; empty: none */
    struct event_id id;
    bool ours; /* `given` is an id of ours */
};

static void read_id(struct request *request)
{
    const struct fields *fields = &exchange_request(request->exchange)->head->fields;
    request->given = fields_get(fields, FIELD_LAST_EVENT_ID);
    request->ours = event_id_parse(request->given, &request->id);
}

/* False: it was answered with an error. */
static bool read_request(struct request *request, struct slice target)
{
    const struct exchange_request *asked = exchange_request(request->exchange);
    enum http1_method method = asked->head->method;
    if (method != HTTP1_GET && method != HTTP1_HEAD) {
        problem_reply(request->exchange, &(struct problem){.status = 405,
                                                           .type = "method-not-allowed",
                                                           .title = "Method not allowed",
                                                           .detail = "Event streams are read with GET.",
                                                           .allow = "GET, HEAD"});
        return false;
    }
    request->path = captures_fill(request->route->settings.file, asked, exchange_arena(request->exchange));
    if (target.data)
        request->backend = backends_find(request->route->events->settings.backends, target);
    bool known = !target.data || (request->backend && backends_is_known(request->backend));
    if (!request->path.data || !known) {
        problem_reply_status(request->exchange, 404, "There is no such event stream.");
        return false;
    }
    read_id(request);
    return true;
}

/* The client's own words, as far as they can stand in JSON. */
static void add_refused_id(struct said *said, struct slice given)
{
    char text[GIVEN_ID_MOST + 1];
    size_t size = given.size < GIVEN_ID_MOST ? given.size : GIVEN_ID_MOST;
    memcpy(text, given.data, size);
    text[size] = '\0';
    add_reset(said, utf8_clean(text), "unknown");
}

static void join(struct event_stream *stream, const struct request *request, struct said *said)
{
    static const struct tail_reader_events events = {.on_piece = on_piece,
                                                     .on_torn = on_torn,
                                                     .on_reset = on_reset,
                                                     .on_found = on_found,
                                                     .on_level = on_level};
    const struct events_route *route = request->route;
    const struct place place = {.root = route->settings.root, .path = request->path.data};
    bool from_end = route->settings.from_end && request->given.size == 0;
    enum tail_start start = request->ours ? TAIL_AFTER : from_end ? TAIL_END : TAIL_START;
    stream->reader.events = &events;
    enum tail_reason reason = tail_join(route->events->tails, &place, &stream->reader, start, &request->id);
    sse_retry(&said->bytes, retry_ms(RETRY_MS, RETRY_MS));
    if (reason != TAIL_NO_RESET) {
        char from[EVENT_ID_SIZE];
        event_id_format(&request->id, from);
        add_reset(said, from, reason_name(reason));
    } else if (request->given.size > 0 && !request->ours) {
        add_refused_id(said, request->given);
    } else {
        struct event_id at = tail_place(&stream->reader);
        sse_place(&said->bytes, &at);
    }
}

/* The target is over and the client has everything: EventSource comes back no more after a 204. */
static bool is_over(struct event_stream *stream, const struct request *request)
{
    return request->ours && request->backend && backends_has_ended(request->backend) &&
           tail_is_level(&stream->reader) && !stream->reset_waits;
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

static void begin(struct event_stream *stream, const struct request *request, struct said *said)
{
    static const struct exchange_events events = {.on_room = on_room, .on_gone = on_gone};
    const struct events_route *route = request->route;
    struct loop *loop = route->events->settings.loop;
    exchange_set_events(stream->exchange, &events, stream);
    streams_add(route->events->settings.streams, &stream->member, exchange_principal(stream->exchange),
                on_close);
    stream->member.route = exchange_route_id(stream->exchange);
    stream->resting = false;
    say(stream, said);
    if (stream->reset_waits && !stream->resting)
        say_reset(stream);
    loop_timer_start(loop, &stream->beat, route->settings.heartbeat_ms, on_beat);
    if (!stream->reader.found)
        loop_timer_start(loop, &stream->wait, route->settings.wait_ms, on_timeout);
    if (stream->backend) {
        backends_watch(stream->backend, &stream->watcher, on_target);
        on_target(&stream->watcher);
    }
    if (route->events->leaving)
        say_goodbye_in(stream, 0);
}

void events_answer(const struct events_route *route, struct exchange *exchange, struct slice target)
{
    struct request request = {.route = route, .exchange = exchange};
    if (!read_request(&request, target))
        return;
    struct event_stream *stream = MEMORY_NEW(struct event_stream);
    stream->route = route;
    stream->exchange = exchange;
    stream->backend = request.backend;
    stream->resting = true; /* nothing can be said before the head */
    list_append(&route->events->open, &stream->link);
    route->events->count++;
    struct said said = said_new();
    sse_comment(&said.bytes, SLICE("reeve"));
    join(stream, &request, &said);
    bool over = is_over(stream, &request);
    send_head(exchange, over ? 204 : 200);
    if (!over && exchange_request(exchange)->head->method != HTTP1_HEAD) {
        begin(stream, &request, &said);
        return;
    }
    buffer_free(&said.bytes);
    leave(stream);
    exchange_end(exchange);
}
