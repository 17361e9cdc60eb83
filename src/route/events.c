/* What the tail gives is passed on as it is, or picked from for a reader that wants only some types; the rest
 * is where a reader begins and when its stream ends. A reset waits for a client that takes no more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/form.h"
#include "wire/sse_edit.h"

#include "route/events.h"
#include "route/problem.h"

struct events {
    struct events_settings settings;
    struct tail_group *tails;
    struct buffer picked; /* of one piece, for a reader that does not want all of it */
};

struct events_route {
    struct events *events;
    struct events_route_settings settings;
};

/* What each line touches comes first. */
struct reader {
    struct event_stream stream;
    struct tail_reader tail;
    const struct events_route *route;
    bool ending;                   /* the target is over: the end follows the last line */
    bool reset_waits;              /* for room */
    bool untold;                   /* what came last did not pass: the client does not know its place */
    struct sse_edit_names *wanted; /* NULL: all events */
    struct sse_edit edit;
    struct backend *backend; /* NULL: the route has no target */
    struct backends_watcher watcher;
    struct loop_timer wait; /* for a file */
    enum tail_reason reset_reason;
    struct event_id reset_from;
};

_Static_assert(offsetof(struct reader, stream) == 0, "see route/event_stream.h");

struct events *events_new(const struct events_settings *settings)
{
    struct events *events = MEMORY_NEW(struct events);
    events->settings = *settings;
    events->tails = tail_group_new(&(struct tail_group_settings){.loop = settings->loop,
                                                                 .on_degraded = settings->on_degraded,
                                                                 .on_refused = settings->on_refused,
                                                                 .owner = settings->owner});
    events->picked = BUFFER(GROWING_PIECE + 2 * CHUNKS_PIECE_EXTRA);
    return events;
}

void events_free(struct events **events)
{
    if (!*events)
        return;
    tail_group_free(&(*events)->tails);
    buffer_free(&(*events)->picked);
    free(*events);
    *events = NULL;
}

struct tail_group *events_tails(struct events *events)
{
    return events->tails;
}

struct events_route *events_route_new(struct events *events, const struct events_route_settings *settings)
{
    struct events_route *route = MEMORY_NEW(struct events_route);
    route->events = events;
    route->settings = *settings;
    route->settings.names = memory_text(settings->names);
    return route;
}

void events_route_free(struct events_route **route)
{
    if (!*route)
        return;
    captures_free(&(*route)->settings.file);
    hidden_free(&(*route)->settings.hidden);
    close((*route)->settings.root);
    free((char *)(uintptr_t)(*route)->settings.names);
    free(*route);
    *route = NULL;
}

/* --- what reeve says --------------------------------------------------------------------------------- */

static struct reader *reader_of(struct tail_reader *tail)
{
    return LIST_ENTRY(tail, struct reader, tail);
}

static struct reader *reader_of_stream(struct event_stream *stream)
{
    return LIST_ENTRY(stream, struct reader, stream);
}

/* Its id is where the reader is now: who leaves right behind it goes on in that file. */
static void add_reset(struct event_said *said, const struct reader *reader, struct slice from,
                      const char *reason)
{
    struct event_id at = tail_place(&reader->tail);
    event_said_event(said, "reset", &at, event_said_reset(from, reason));
}

static void say_reset(struct reader *reader)
{
    struct event_said said = event_said_new();
    char from[EVENT_ID_SIZE];
    size_t size = event_id_format(&reader->reset_from, from);
    reader->reset_waits = reader->untold = false;
    add_reset(&said, reader, slice_of(from, size), tail_reason_name(reader->reset_reason));
    event_stream_say(&reader->stream, &said);
}

/* What gates do not read is as good as none, but the file's writer should hear of it. */
static json_t *with_refusal(const struct reader *reader, json_t *object)
{
    int error = tail_refused(&reader->tail);
    if (error)
        json_object_set_new(object, "error", json_string(place_refusal_text(error)));
    return object;
}

/* At once, for who looks why nothing comes: the event is `wait` away, and there may be a file by then. */
static void add_refusal(const struct reader *reader, struct event_said *said)
{
    int error = tail_refused(&reader->tail);
    if (error)
        sse_comment(&said->bytes, slice_of_text(place_refusal_text(error)));
}

/* {target, state, cause}; `state` of one that is gone is "gone". */
static json_t *outcome_of(const struct backend *backend)
{
    const struct target_row *row = backends_row(backend);
    const struct target_cause *cause = &row->cause;
    json_t *told = json_null();
    if (cause->kind != TARGET_CAUSE_NONE)
        told = json_pack("{s:s, s:i, s:o, s:s}", "kind", target_cause_name(cause->kind), "code", cause->code,
                         "signal", cause->signal ? json_integer(cause->signal) : json_null(), "text",
                         cause->text);
    return json_pack("{s:s, s:s, s:o}", "target", row->name, "state",
                     backends_is_known(backend) ? target_state_name(row->state) : "gone", "cause", told);
}

static json_t *outcome(const struct reader *reader)
{
    json_t *object = outcome_of(reader->backend);
    int64_t unfinished = tail_unfinished(&reader->tail);
    if (unfinished > 0)
        json_object_set_new(object, "unfinished_bytes", json_integer(unfinished));
    return with_refusal(reader, object);
}

static void say_end(struct reader *reader)
{
    struct event_id place = tail_place(&reader->tail);
    struct event_said said = event_said_new();
    event_said_event(&said, "end", &place, outcome(reader));
    event_stream_end(&reader->stream, &said);
}

static void on_timeout(struct loop_timer *timer)
{
    struct reader *reader = LIST_ENTRY(timer, struct reader, wait);
    struct event_said said = event_said_new();
    json_t *data = json_pack("{s:I}", "waited_ms", (json_int_t)reader->route->settings.wait_ms);
    event_said_event(&said, "timeout", NULL, with_refusal(reader, data));
    event_stream_end(&reader->stream, &said);
}

/* --- lines ----------------------------------------------------------------------------------------- */

/* Those events of the piece that the reader wants. */
static bool write_picked(struct reader *reader, const struct chunks_piece *piece)
{
    struct buffer *picked = &reader->route->events->picked;
    buffer_clear(picked);
    char *start = buffer_reserve(picked, GROWING_PIECE + 2 * CHUNKS_PIECE_EXTRA);
    buffer_added(picked, CHUNKS_HEAD_SIZE);
    reader->untold = !sse_edit_pick(&reader->edit, piece->body, reader->wanted, picked);
    reader->stream.torn = reader->edit.inside && reader->edit.passing;
    size_t size = buffer_size(picked) - CHUNKS_HEAD_SIZE;
    if (size == 0)
        return true;
    struct chunks_piece wanted = chunks_frame(start, size);
    return event_stream_write(&reader->stream, &wanted);
}

static bool on_piece(struct tail_reader *tail, const struct chunks_piece *piece)
{
    struct reader *reader = reader_of(tail);
    if (reader->wanted)
        return write_picked(reader, piece);
    reader->stream.torn = tail->cursor.line.begun;
    return event_stream_write(&reader->stream, piece);
}

/* A reader that does not want the line has nothing of it. */
static void on_torn(struct tail_reader *tail)
{
    event_stream_cut(&reader_of(tail)->stream);
}

/* Several in a row while the client rests are one: from where the first was. */
static void on_reset(struct tail_reader *tail, const struct event_id *from, enum tail_reason reason)
{
    struct reader *reader = reader_of(tail);
    if (reader->reset_waits)
        return;
    reader->reset_waits = true;
    reader->reset_reason = reason;
    reader->reset_from = *from;
    if (!reader->stream.resting)
        say_reset(reader);
}

static void on_found(struct tail_reader *tail)
{
    loop_timer_stop(&reader_of(tail)->wait);
}

static void on_level(struct tail_reader *tail)
{
    struct reader *reader = reader_of(tail);
    if (reader->ending && !reader->stream.resting)
        say_end(reader);
}

static void on_room(struct event_stream *stream)
{
    struct reader *reader = reader_of_stream(stream);
    if (reader->reset_waits)
        say_reset(reader);
    if (!stream->resting)
        tail_resume(&reader->tail);
    if (!stream->resting && reader->ending)
        tail_refresh(&reader->tail);
}

static void on_over(struct event_stream *stream)
{
    struct reader *reader = reader_of_stream(stream);
    tail_leave(&reader->tail);
    backends_unwatch(&reader->watcher);
    loop_timer_stop(&reader->wait);
    free(reader->wanted);
    reader->wanted = NULL;
}

static bool add_place(struct event_stream *stream, struct buffer *out)
{
    struct reader *reader = reader_of_stream(stream);
    bool told = !reader->untold || reader->tail.cursor.line.begun;
    if (told)
        return false;
    struct event_id place = tail_place(&reader->tail);
    sse_place(out, &place);
    reader->untold = false;
    return true;
}

static void on_target(struct backends_watcher *watcher)
{
    struct reader *reader = LIST_ENTRY(watcher, struct reader, watcher);
    reader->ending = backends_has_ended(reader->backend);
    if (reader->ending)
        tail_refresh(&reader->tail);
}

/* --- what is asked for ------------------------------------------------------------------------------- */

struct request {
    const struct events_route *route;
    struct exchange *exchange;
    struct slice path; /* of the file */
    struct backend *backend;
    struct slice given; /* the place that the client names; empty: none */
    struct event_id id;
    bool ours; /* `given` is an id of ours */
    bool from_end;
    struct sse_edit_names wanted;
};

/* A value of the query, in the arena; data NULL: it is not there. False: it was answered with 400. */
static bool read_query(struct request *request, struct slice name, struct slice *value)
{
    struct slice query = exchange_request(request->exchange)->query;
    *value = (struct slice){0};
    if (query.size == 0)
        return true;
    char *memory = arena_new(exchange_arena(request->exchange), query.size);
    if (memory && form_value(query, name, memory, value))
        return true;
    problem_reply_status(request->exchange, 400, "The query of an event stream is malformed.");
    return false;
}

/* Last-Event-ID wins: it is what a browser that comes back knows better than the address it comes back to. */
static bool read_place(struct request *request)
{
    const struct fields *fields = &exchange_request(request->exchange)->head->fields;
    struct slice from;
    if (!read_query(request, SLICE("from"), &from))
        return false;
    bool end = slice_equal(from, SLICE("end")), start = slice_equal(from, SLICE("start"));
    request->from_end = end || (request->route->settings.from_end && !start);
    request->given = fields_get(fields, FIELD_LAST_EVENT_ID);
    if (request->given.size == 0 && !end && !start)
        request->given = from;
    request->ours = event_id_parse(request->given, &request->id);
    return true;
}

static bool read_types(struct request *request)
{
    struct slice types;
    if (!read_query(request, SLICE("type"), &types))
        return false;
    if (!types.data)
        return true;
    if (!request->route->settings.names)
        problem_reply_status(
            request->exchange, 400,
            "`type` is for routes whose `events` say which field names an event: `event: FIELD`.");
    else if (!sse_edit_read_names(types, &request->wanted))
        problem_reply_status(
            request->exchange, 400,
            "`type` is one or more names of events with commas between them; \"message\" is for "
            "those without a name.");
    else
        return true;
    return false;
}

/* False: it was answered with an error. */
static bool read_request(struct request *request, struct slice target)
{
    if (!event_stream_is_asked(request->exchange))
        return false;
    if (target.data)
        request->backend = backends_find(request->route->events->settings.backends, target);
    bool known = !target.data || (request->backend && backends_is_known(request->backend));
    if (!request->path.data || !known) {
        problem_reply_status(request->exchange, 404, "There is no such event stream.");
        return false;
    }
    return read_place(request) && read_types(request);
}

/* --- the beginning of a stream ----------------------------------------------------------------------- */

static void join(struct reader *reader, const struct request *request, struct event_said *said)
{
    static const struct tail_reader_events events = {.on_piece = on_piece,
                                                     .on_torn = on_torn,
                                                     .on_reset = on_reset,
                                                     .on_found = on_found,
                                                     .on_level = on_level};
    const struct events_route *route = request->route;
    const struct place place = events_place(route, request->path);
    bool from_end = request->from_end && request->given.size == 0;
    enum tail_start start = request->ours ? TAIL_AFTER : from_end ? TAIL_END : TAIL_START;
    reader->tail.events = &events;
    enum tail_reason reason = tail_join(route->events->tails, &place, &reader->tail, start, &request->id);
    event_said_retry(said);
    if (reason != TAIL_NO_RESET) {
        add_reset(said, reader, request->given, tail_reason_name(reason));
    } else if (request->given.size > 0 && !request->ours) {
        add_reset(said, reader, request->given, "unknown");
    } else {
        struct event_id at = tail_place(&reader->tail);
        sse_place(&said->bytes, &at);
    }
}

/* The target is over and the client has everything: EventSource comes back no more after a 204. */
static bool is_over(struct reader *reader, const struct request *request)
{
    return request->ours && request->backend && backends_has_ended(request->backend) &&
           tail_is_level(&reader->tail) && !reader->reset_waits;
}

static void begin(struct reader *reader, struct event_said *said)
{
    const struct events_route *route = reader->route;
    event_stream_say(&reader->stream, said);
    if (reader->reset_waits && !reader->stream.resting)
        say_reset(reader);
    if (!reader->tail.found)
        loop_timer_start(route->events->settings.loop, &reader->wait, route->settings.wait_ms, on_timeout);
    if (reader->backend) {
        backends_watch(reader->backend, &reader->watcher, on_target);
        on_target(&reader->watcher);
    }
}

static struct reader *reader_new(const struct request *request)
{
    static const struct event_stream_events events = {
        .on_room = on_room, .on_over = on_over, .add_place = add_place};
    struct reader *reader = MEMORY_NEW(struct reader);
    reader->route = request->route;
    reader->backend = request->backend;
    reader->stream.exchange = request->exchange;
    reader->stream.events = &events;
    reader->stream.heartbeat_ms = request->route->settings.heartbeat_ms;
    if (request->wanted.count > 0) { /* its names are in the exchange's arena */
        reader->wanted = MEMORY_NEW(struct sse_edit_names);
        *reader->wanted = request->wanted;
    }
    event_stream_open(&reader->stream);
    return reader;
}

struct slice events_file(const struct events_route *route, struct exchange *exchange)
{
    return captures_fill(route->settings.file, exchange_request(exchange), exchange_arena(exchange));
}

struct slice events_file_of(const struct events_route *route, struct exchange *exchange,
                            const struct captures *route_target, struct slice target)
{
    return captures_fill_from(route->settings.file, route_target, target, exchange_arena(exchange));
}

struct place events_place(const struct events_route *route, struct slice file)
{
    return (struct place){.root = route->settings.root,
                          .path = file.data,
                          .names = route->settings.names,
                          .hidden = route->settings.hidden};
}

void events_answer(const struct events_route *route, struct exchange *exchange, struct slice file,
                   struct slice target)
{
    struct request request = {.route = route, .exchange = exchange, .path = file};
    if (!read_request(&request, target))
        return;
    struct reader *reader = reader_new(&request);
    struct event_said said = event_said_new();
    sse_comment(&said.bytes, SLICE("reeve"));
    join(reader, &request, &said);
    const struct events_settings *settings = &route->events->settings;
    add_refusal(reader, &said);
    int status = is_over(reader, &request) ? 204 : 200;
    if (event_stream_begin(&reader->stream, status, settings->group, settings->streams))
        begin(reader, &said);
    else
        event_said_drop(&said);
}
