/* One open answer of server-sent events, whatever it carries: its head, heartbeats, what reeve itself says in
 * it, and its end (docs/events.md).
 *
 * What is said has a name that no line of a file can take (wire/event_name.h). A client that takes no more
 * rests: it gets nothing, no heartbeat either, until there is room. */
#pragma once

#include "http/exchange.h"

#include "route/event_group.h"
#include "route/event_said.h"
#include "route/streams.h"

struct event_stream;

/* All fire from the loop. */
struct event_stream_events {
    /* The client takes more again. */
    void (*on_room)(struct event_stream *stream);
    /* The stream is over: let go of everything but the memory, which is freed with the loop's turn. */
    void (*on_over)(struct event_stream *stream);
    /* Appends `id:` when the client has not heard where it is. False: it has. */
    bool (*add_place)(struct event_stream *stream, struct buffer *out);
};

/* At the start of its owner's object, which is memory of its own. */
struct event_stream {
    struct exchange *exchange;
    struct loop *loop;
    const struct event_stream_events *events;
    int64_t wrote_us;
    int64_t heartbeat_ms;
    bool resting; /* the client takes no more now; nor can it before event_stream_begin() */
    bool torn;    /* kept by the owner: what was sent ends inside an event */
    struct event_member grouped;
    struct stream_member member;
    struct loop_timer beat;
};

/* With exchange, events and heartbeat_ms set, the rest zero. It rests until it begins. */
void event_stream_open(struct event_stream *stream);
/* What the client may look into before there is a stream: GET or HEAD, else it was answered with 405. */
bool event_stream_is_asked(struct exchange *exchange);
/* Sends the head, and is over again when that is all (204, HEAD): false. Else the stream goes on; follow with
 * event_stream_say(). Both outlive it. */
bool event_stream_begin(struct event_stream *stream, int status, struct event_group *group,
                        struct streams *streams);

/* Bytes for the client, whole events but for `torn`. False: it rests now. */
static inline bool event_stream_write(struct event_stream *stream, const struct chunks_piece *piece)
{
    stream->wrote_us = loop_now_us(stream->loop);
    stream->resting = !exchange_write_piece(stream->exchange, piece);
    return !stream->resting;
}

/* --- what reeve says ----------------------------------------------------------------------------- */

/* Says it and drops it; only while the client does not rest and nothing is torn. */
void event_stream_say(struct event_stream *stream, struct event_said *said);
/* Ends the stream with a last word; a client that rests, or has half an event, is cut. */
void event_stream_end(struct event_stream *stream, struct event_said *said);
/* Ends it without: what the client has not got cannot reach it in order. */
void event_stream_cut(struct event_stream *stream);
