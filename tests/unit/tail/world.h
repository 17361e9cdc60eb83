/* A folder with a growing file, a clock moved by hand, and readers that keep what their clients get.
 * Header-only. */
#pragma once

#include "../support.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "../sse_reader.h"
#include "base/memory.h"
#include "tail/tail.h"

enum { NAME = 256 };

struct fixture {
    char path[32];
    int folder;
    struct fake_clock clock;
    struct loop *loop;
    struct tail_group *group;
    struct place place;
    int degraded;
};

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
    struct event_id from;
    enum tail_reason reason;
};

static inline void on_degraded(void *owner, int error)
{
    ((struct fixture *)owner)->degraded = error;
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/tail-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->folder = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    fixture->loop = loop_new(&fixture->clock.clock);
    fixture->group = tail_group_new(
        &(struct tail_group_settings){.loop = fixture->loop, .on_degraded = on_degraded, .owner = fixture});
    fixture->place = (struct place){.root = fixture->folder, .path = "events.jsonl"};
    *state = fixture;
    return 0;
}

static inline void remove_all(int folder)
{
    DIR *listing = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] != '.' && unlinkat(folder, entry->d_name, 0) && errno == EISDIR) {
            int inner = openat(folder, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            remove_all(inner);
            close(inner);
            unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(listing);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tail_group_free(&fixture->group);
    loop_free(&fixture->loop);
    remove_all(fixture->folder);
    close(fixture->folder);
    assert_int_equal(rmdir(fixture->path), 0);
    free(fixture);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------------- */

static inline int open_file(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static inline void write_to(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void append(const struct fixture *fixture, const char *text)
{
    int fd = open_file(fixture, "events.jsonl");
    write_to(fd, text);
    close(fd);
}

static inline void move_to(const struct fixture *fixture, const char *name)
{
    assert_int_equal(renameat(fixture->folder, "events.jsonl", fixture->folder, name), 0);
}

static inline void cut(const struct fixture *fixture)
{
    int fd = openat(fixture->folder, "events.jsonl", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

/* --- time ------------------------------------------------------------------------------------------ */

static inline void pass(struct fixture *fixture, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        fixture->clock.now_us += 1000;
        turn_all(fixture->loop);
    }
}

/* What is new is read by now. */
static inline void settle(struct fixture *fixture)
{
    turn_all(fixture->loop);
    pass(fixture, TAIL_PACE_MS + 1);
}

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
