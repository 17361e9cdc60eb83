/* Readers that keep what their clients get. Header-only. */
#pragma once

#include "../sse_reader.h"
#include "world.h"

struct reader {
    struct tail_reader reader;
    struct buffer stream; /* as its client gets it */
    struct buffer seen;   /* lines, joined by '|'; resets as "RESET" */
    char id[64];          /* of the last event */
    int pieces;
    int room; /* pieces until it must rest; -1: any number */
    int found;
    int level;
    int torn;
    struct event_id from, at; /* of the last reset: where it was, and is */
    enum tail_reason reason;
};

/* --- readers --------------------------------------------------------------------------------------- */

static inline struct reader *reader_of(struct tail_reader *reader)
{
    return LIST_ENTRY(reader, struct reader, reader);
}

static inline bool on_piece(struct tail_reader *tail, const struct chunks_piece *piece)
{
    struct reader *reader = reader_of(tail);
    buffer_append(&reader->stream, piece->body);
    reader->pieces++;
    return reader->room < 0 || --reader->room > 0;
}

static inline void on_torn(struct tail_reader *tail)
{
    reader_of(tail)->torn++;
    tail_leave(tail);
}

static inline void take(struct reader *reader)
{
    struct sse_seen event = sse_seen_new();
    struct slice rest = buffer_slice(&reader->stream);
    while (sse_next_event(&rest, &event)) {
        buffer_append(&reader->seen, buffer_slice(&event.data));
        buffer_append_text(&reader->seen, "|");
        memcpy(reader->id, event.id, sizeof reader->id);
    }
    buffer_consume(&reader->stream, buffer_size(&reader->stream) - rest.size);
    buffer_free(&event.data);
}

static inline void on_reset(struct tail_reader *tail, const struct event_id *from, enum tail_reason reason)
{
    struct reader *reader = reader_of(tail);
    take(reader);
    buffer_append_text(&reader->seen, "RESET|");
    reader->from = *from;
    reader->at = tail_place(tail);
    reader->reason = reason;
}

static inline void on_found(struct tail_reader *tail)
{
    reader_of(tail)->found++;
}

static inline void on_level(struct tail_reader *tail)
{
    reader_of(tail)->level++;
}

static const struct tail_reader_events events = {.on_piece = on_piece,
                                                 .on_torn = on_torn,
                                                 .on_reset = on_reset,
                                                 .on_found = on_found,
                                                 .on_level = on_level};

static inline enum tail_reason join(struct fixture *fixture, struct reader *reader, enum tail_start start,
                                    const struct event_id *id)
{
    *reader = (struct reader){
        .reader.events = &events, .stream = BUFFER(64 << 20), .seen = BUFFER(64 << 20), .room = -1};
    return tail_join(fixture->group, &fixture->place, &reader->reader, start, id);
}

static inline void leave(struct reader *reader)
{
    tail_leave(&reader->reader);
    buffer_free(&reader->stream);
    buffer_free(&reader->seen);
}

static inline void assert_seen(struct reader *reader, const char *expected)
{
    take(reader);
    char *seen = slice_to_text(buffer_slice(&reader->seen));
    assert_string_equal(seen, expected);
    free(seen);
    buffer_clear(&reader->seen);
}

/* The place of a reader after what it has seen, as it would send it. */
static inline struct event_id last_id(struct reader *reader)
{
    struct event_id id;
    take(reader);
    assert_true(event_id_parse(slice_of_text(reader->id), &id));
    return id;
}

static inline void assert_same_id(struct event_id a, struct event_id b)
{
    assert_int_equal(a.generation, b.generation);
    assert_int_equal(a.offset, b.offset);
    assert_int_equal(a.check, b.check);
}

/* --- coming back ------------------------------------------------------------------------------------- */

static inline void join_after(struct fixture *fixture, struct reader *reader, struct event_id id,
                              const char *expected)
{
    assert_int_equal(join(fixture, reader, TAIL_AFTER, &id), TAIL_NO_RESET);
    settle(fixture);
    assert_seen(reader, expected);
}

/* Another process: nothing of what was seen is known. */
static inline void forget(struct fixture *fixture)
{
    tail_group_free(&fixture->group);
    turn_here(fixture->loop);
    fixture->group = tail_group_new(&(struct tail_group_settings){.loop = fixture->loop});
}

/* A birth time of its own for the next file: the kernel's tick has passed. */
static inline void wait_for_tick(const struct fixture *fixture)
{
    struct stat first, next;
    int fd = open_file(fixture, "tick-0");
    fstat(fd, &first);
    close(fd);
    do {
        unlinkat(fixture->folder, "tick-1", 0);
        fd = open_file(fixture, "tick-1");
        fstat(fd, &next);
        close(fd);
    } while (next.st_ctim.tv_sec == first.st_ctim.tv_sec && next.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
    unlinkat(fixture->folder, "tick-0", 0);
    unlinkat(fixture->folder, "tick-1", 0);
}
