/* One feed for each topic. While a client takes no more, or a long line of one feed has not ended, the others
 * are held; what they have to say waits where it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/logline.h"

#include "route/problem.h"
#include "route/topic_files.h"
#include "route/topics.h"

enum {
    HEARTBEAT_MS = 15000,
    EVENTS_AT_ONCE = 32, /* of a file: with their ids they fit in a chunk */
    ROOM = 64 * 1024,    /* a chunk, at most */
};

struct topics {
    struct topics_settings settings;
    struct topic_targets *targets;
    struct topic_rows *rows;
    struct buffer out; /* what is sent next */
};

struct topic_stream {
    struct event_stream stream;
    struct topics *topics;
    struct loop_task cut;
    bool dead;               /* is cut soon */
    struct topic_feed *torn; /* in the middle of an event; NULL: none */
    struct topic_feed *late; /* whose events are in `rest`; NULL: none */
    struct buffer rest;      /* of a piece, which the client had no room for */
    uint32_t list;           /* 0: one topic without a name */
    char *text;              /* of the topics */
    size_t count;
    struct topic_feed feeds[];
};

_Static_assert(offsetof(struct topic_stream, stream) == 0, "see route/event_stream.h");

struct topics *topics_new(const struct topics_settings *settings)
{
    struct topics *topics = MEMORY_NEW(struct topics);
    topics->settings = *settings;
    topics->targets = topic_targets_new(settings->loop, settings->backends);
    topics->rows = topic_rows_new(settings->loop, settings->asker, settings->newest_row);
    topics->out = BUFFER(ROOM);
    return topics;
}

void topics_free(struct topics **topics)
{
    if (!*topics)
        return;
    topic_targets_free(&(*topics)->targets);
    topic_rows_free(&(*topics)->rows);
    buffer_free(&(*topics)->out);
    free(*topics);
    *topics = NULL;
}

/* --- ids --------------------------------------------------------------------------------------------- */

static struct slice write_id(const struct topic_stream *stream, char text[TOPIC_ID_SIZE])
{
    if (!stream->list)
        return slice_of(text, event_id_format(&stream->feeds[0].place, text));
    struct topic_places places = {.list = stream->list, .count = stream->count};
    for (size_t i = 0; i < stream->count; i++)
        places.items[i] = stream->feeds[i].place;
    return slice_of(text, topic_format_id(&places, text));
}

static struct slice name_of(const struct topic_stream *stream, const struct topic_feed *feed)
{
    return stream->list ? feed->topic.text : (struct slice){0};
}

/* --- who may speak ----------------------------------------------------------------------------------- */

bool topics_may(const struct topic_feed *feed)
{
    const struct topic_stream *stream = feed->owner;
    return !stream->dead && !stream->stream.resting && !stream->late &&
           (!stream->torn || stream->torn == feed);
}

static void hold(struct topic_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++)
        stream->feeds[i].tail.held = !topics_may(&stream->feeds[i]);
}

static void say_reset(struct topic_feed *feed);

/* The stream is free again: each that waits may go on, beginning with the one that did not speak last. */
static void release(struct topic_stream *stream, const struct topic_feed *last)
{
    size_t first = last ? (size_t)(last - stream->feeds) + 1 : 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct topic_feed *feed = &stream->feeds[(first + i) % stream->count];
        if (feed->reset_waits && topics_may(feed))
            say_reset(feed);
        hold(stream);
        if (topics_may(feed))
            feed->kind->resume(feed);
    }
}

static bool emit(struct topic_stream *stream, struct topic_feed *feed)
{
    struct buffer *out = &stream->topics->out;
    struct chunks_piece piece = chunks_frame(out->data, buffer_size(out) - CHUNKS_HEAD_SIZE);
    bool was_torn = stream->torn != NULL;
    stream->stream.torn = feed->edit.inside;
    stream->torn = feed->edit.inside ? feed : NULL;
    event_stream_write(&stream->stream, &piece);
    hold(stream);
    if (was_torn && !stream->torn && !stream->stream.resting)
        release(stream, feed);
    return topics_may(feed);
}

/* --- what feeds have to say --------------------------------------------------------------------------- */

static struct buffer *begin(struct topic_stream *stream)
{
    struct buffer *out = &stream->topics->out;
    buffer_clear(out);
    CHECK(buffer_reserve(out, ROOM - CHUNKS_PIECE_EXTRA));
    buffer_added(out, CHUNKS_HEAD_SIZE);
    return out;
}

static void add_id(void *owner, const struct event_id *place, struct buffer *out)
{
    struct topic_feed *feed = owner;
    char text[TOPIC_ID_SIZE];
    feed->place = *place;
    CHECK(buffer_append(out, write_id(feed->owner, text)));
}

/* What the client takes of it; the rest is left in *events. */
static void write_some(struct topic_feed *feed, struct slice *events)
{
    struct topic_stream *stream = feed->owner;
    struct sse_edit_title title = {.name = name_of(stream, feed), .add_id = add_id, .owner = feed};
    while (events->size > 0 && !stream->stream.resting) {
        struct slice some = sse_edit_cut(events, EVENTS_AT_ONCE);
        sse_edit_retitle(&feed->edit, some, &title, begin(stream));
        emit(stream, feed);
    }
}

bool topics_write(struct topic_feed *feed, struct slice events)
{
    struct topic_stream *stream = feed->owner;
    write_some(feed, &events);
    if (events.size > 0) {
        stream->late = feed;
        stream->rest = BUFFER(GROWING_PIECE);
        CHECK(buffer_append(&stream->rest, events));
        hold(stream);
    }
    return topics_may(feed);
}

/* False: there is still something left. */
static bool write_rest(struct topic_stream *stream)
{
    if (!stream->late)
        return true;
    struct slice events = buffer_slice(&stream->rest);
    write_some(stream->late, &events);
    buffer_consume(&stream->rest, buffer_size(&stream->rest) - events.size);
    if (events.size > 0)
        return false;
    buffer_free(&stream->rest);
    stream->late = NULL;
    return true;
}

bool topics_tell(struct topic_feed *feed, struct slice json)
{
    struct topic_stream *stream = feed->owner;
    char text[TOPIC_ID_SIZE];
    sse_event_at(begin(stream), name_of(stream, feed), write_id(stream, text), json);
    return emit(stream, feed);
}

static void say_reset(struct topic_feed *feed)
{
    struct topic_stream *stream = feed->owner;
    char id[TOPIC_ID_SIZE], from[EVENT_ID_SIZE];
    size_t size = event_id_format(&feed->reset_from, from);
    feed->reset_waits = false;
    json_t *data = event_said_reset(slice_of(from, size), feed->reset_reason);
    if (stream->list)
        json_object_set_new(data, "topic", json_stringn(feed->topic.text.data, feed->topic.text.size));
    char *text = json_dumps(data, JSON_COMPACT);
    sse_event_at(begin(stream), SLICE("reset"), write_id(stream, id), slice_of_text(text));
    free(text);
    json_decref(data);
    emit(stream, feed);
}

void topics_reset(struct topic_feed *feed, const struct event_id *from, const char *reason)
{
    if (feed->reset_waits)
        return;
    feed->reset_waits = true;
    feed->reset_from = *from;
    feed->reset_reason = reason;
    if (topics_may(feed))
        say_reset(feed);
}

static void on_cut(struct loop_task *task)
{
    event_stream_cut(&LIST_ENTRY(task, struct topic_stream, cut)->stream);
}

void topics_cut(struct topic_feed *feed)
{
    struct topic_stream *stream = feed->owner;
    stream->dead = true;
    hold(stream);
    loop_task_start(stream->topics->settings.loop, &stream->cut, on_cut);
}

/* --- the stream -------------------------------------------------------------------------------------- */

static struct topic_stream *stream_of(struct event_stream *stream)
{
    return LIST_ENTRY(stream, struct topic_stream, stream);
}

static void on_room(struct event_stream *stream)
{
    struct topic_stream *topics = stream_of(stream);
    struct topic_feed *last = topics->late;
    if (write_rest(topics) && !stream->resting)
        release(topics, last);
}

static void on_over(struct event_stream *over)
{
    struct topic_stream *stream = stream_of(over);
    for (size_t i = 0; i < stream->count; i++)
        stream->feeds[i].kind->leave(&stream->feeds[i]);
    loop_task_stop(&stream->cut);
    buffer_free(&stream->rest);
    free(stream->text);
    stream->text = NULL;
}

static bool add_place(struct event_stream *stream, struct buffer *out)
{
    (void)stream;
    (void)out;
    return false;
}

/* --- what is asked for -------------------------------------------------------------------------------- */

static bool refuse(const struct topics_request *request, int status, const char *detail)
{
    problem_reply_status(request->exchange, status, detail);
    return false;
}

/* Where its lines are, or the rest of what it needs. False: it was answered with an error. */
static bool prepare(struct topics *topics, const struct topics_request *request, struct topic_feed *feed)
{
    struct slice target = feed->topic.target;
    const struct backend *backend = target.size ? backends_find(topics->settings.backends, target) : NULL;
    bool file = feed->topic.kind == TOPIC_LOG || feed->topic.kind == TOPIC_EVENTS;
    bool past = feed->topic.kind == TOPIC_HISTORY && request->list.data; /* of one that may be gone */
    if (target.size > 0 && !past && !(backend && backends_is_known(backend)))
        return refuse(request, 404, "There is no such target.");
    feed->kind = file                                ? &topic_files_kind
                 : feed->topic.kind == TOPIC_TARGETS ? &topic_targets_kind
                                                     : &topic_rows_kind;
    feed->tails = topics->settings.tails;
    feed->rows = topics->rows;
    feed->targets = topics->targets;
    feed->base = request->base;
    if (feed->topic.kind == TOPIC_EVENTS &&
        !request->find_events(request->owner, request->exchange, target, &feed->file))
        return refuse(request, 404, "No route has `events` with this target.");
    if (feed->topic.kind != TOPIC_LOG)
        return true;
    char folder[TOPIC_TARGET_MOST + 1];
    char *name = slice_to_text(target);
    struct slice path = arena_format(exchange_arena(request->exchange), "%s/" LOGLINE_CURRENT,
                                     logline_folder(name, folder, sizeof folder));
    free(name);
    feed->file = (struct place){.root = request->logs, .path = path.data, .numbered = true};
    return path.data && request->logs >= 0 ? true : refuse(request, 503, "There is no folder of logs.");
}

static struct topic_stream *make(struct topics *topics, const struct topics_request *request)
{
    struct topic found[TOPIC_MOST] = {{.kind = request->kind, .target = request->target}};
    size_t count = 1;
    struct slice list = request->list.data ? request->list : request->target;
    char *text = slice_to_text(list);
    list = slice_of_text(text);
    found[0].target = list;
    if (request->list.data && !topic_read_list(list, found, &count)) {
        refuse(request, 400,
               "`topics` is up to 16 of targets, journal, history:NAME, log:NAME and events:NAME.");
        free(text);
        return NULL;
    }
    struct topic_stream *stream = memory_new(sizeof *stream + count * sizeof stream->feeds[0]);
    stream->topics = topics;
    stream->text = text;
    stream->list = request->list.data ? topic_hash(list) : 0;
    stream->stream.exchange = request->exchange;
    for (; stream->count < count; stream->count++) {
        struct topic_feed *feed = &stream->feeds[stream->count];
        feed->owner = stream;
        feed->topic = found[stream->count];
        if (prepare(topics, request, feed))
            continue;
        free(text);
        free(stream);
        return NULL;
    }
    return stream;
}

/* --- the beginning ------------------------------------------------------------------------------------ */

static struct slice given_place(const struct topics_request *request)
{
    const struct fields *fields = &exchange_request(request->exchange)->head->fields;
    struct slice given = fields_get(fields, FIELD_LAST_EVENT_ID);
    bool named = slice_equal(request->from, SLICE("start")) || slice_equal(request->from, SLICE("end"));
    return given.size > 0 ? given : named ? (struct slice){0} : request->from;
}

static bool read_places(const struct topic_stream *stream, struct slice given, struct topic_places *places)
{
    if (!stream->list) {
        places->count = 1;
        return event_id_parse(given, &places->items[0]);
    }
    return topic_parse_id(given, places) && places->list == stream->list && places->count == stream->count;
}

static void join(struct topic_stream *stream, const struct topics_request *request, struct event_said *said)
{
    struct topic_places places = {0};
    struct slice given = given_place(request);
    bool ours = read_places(stream, given, &places);
    bool from_end = slice_equal(request->from, SLICE("end")) && given.size == 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct topic_feed *feed = &stream->feeds[i];
        const char *reason = feed->kind->join(feed, from_end, ours ? &places.items[i] : NULL);
        if (reason)
            topics_reset(feed, &places.items[i], reason);
    }
    hold(stream);
    event_said_retry(said);
    char text[TOPIC_ID_SIZE];
    struct slice id = write_id(stream, text);
    if (given.size > 0 && !ours) {
        json_t *data = event_said_reset(given, "unknown");
        char *json = json_dumps(data, JSON_COMPACT);
        sse_event_at(&said->bytes, SLICE("reset"), id, slice_of_text(json));
        free(json);
        json_decref(data);
    } else {
        CHECK(buffer_append_format(&said->bytes, "id: " SLICE_FORMAT "\n\n", SLICE_ARGUMENTS(id)));
    }
}

void topics_answer(struct topics *topics, const struct topics_request *request)
{
    static const struct event_stream_events events = {
        .on_room = on_room, .on_over = on_over, .add_place = add_place};
    struct topic_stream *stream = make(topics, request);
    if (!stream)
        return;
    stream->stream.events = &events;
    stream->stream.heartbeat_ms = HEARTBEAT_MS;
    event_stream_open(&stream->stream);
    struct event_said said = event_said_new();
    sse_comment(&said.bytes, SLICE("reeve"));
    join(stream, request, &said);
    if (!event_stream_begin(&stream->stream, 200, topics->settings.group, topics->settings.streams)) {
        event_said_drop(&said);
        return;
    }
    event_stream_say(&stream->stream, &said);
    release(stream, NULL);
}
