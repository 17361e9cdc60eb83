/* One open file of lines that grows: read once per append, whoever reads along (design §7.3).
 *
 * What an append brings is formatted once into pieces that all readers send; the last of them are kept (the
 * window). A reader is a cursor into the file: one that the window has left behind reads the file itself, so
 * the file is the slow reader's buffer. A torn line waits for its newline, however long it is: nobody holds a
 * whole line, and one whose piece would be too large is read from the file by each reader.
 *
 * Each read begins EVENT_ID_CHECKED bytes early and compares: a file that was cut is seen although it has
 * grown again. */
#pragma once

#include "base/buffer.h"
#include "wire/chunks.h"
#include "wire/sse.h"

#include "tail/place.h"

enum {
    GROWING_READ = 64 * 1024,    /* at once, beside what is compared */
    GROWING_PIECE = 32 * 1024,   /* of formatted bytes, at most */
    GROWING_PIECES = 64,         /* in the window ... */
    GROWING_WINDOW = 128 * 1024, /* ... and bytes */
};

/* A reader's place. At the start of a line, unless `line` says what is done of it. */
struct growing_cursor {
    int64_t offset;
    uint32_t check; /* of the bytes before it */
    struct sse_line line;
};

struct growing_piece {
    int64_t start, end;
    uint32_t check;            /* at the end */
    struct chunks_piece bytes; /* the body may be empty: NULs */
    char memory[];
};

struct growing {
    int fd;
    struct place_file file;
    struct slice names;  /* set by its owner before it is read: see wire/sse.h */
    uint64_t generation; /* 0: the first line is not complete */
    int64_t complete;    /* where the last whole line ends */
    uint32_t check;      /* there */
    int64_t end;         /* of what has been read */
    bool torn_long;      /* the beginning of the torn line is not in `bytes` */
    struct buffer bytes; /* what was read last: EVENT_ID_CHECKED before `complete` (or `end`), and the rest */
    struct growing_piece *pieces[GROWING_PIECES]; /* oldest first, one behind the other */
    size_t piece_count;
    size_t piece_bytes;
};

/* Takes `fd`. `whole`: begins at the file's start; else at its last whole line, if that is far from it. Reads
 * nothing of what follows: call growing_read(). */
void growing_open(struct growing *growing, int fd, const struct place_file *file, bool whole);
void growing_close(struct growing *growing);

enum growing_result {
    GROWING_END,    /* that is all for now */
    GROWING_MORE,   /* call again */
    GROWING_CUT,    /* what was read before is not there any more: call growing_restart() */
    GROWING_FAILED, /* it cannot be read (errno); nothing has changed */
};

/* One pread(2), or few when something is wrong. `scratch` has EVENT_ID_CHECKED + GROWING_READ bytes. */
enum growing_result growing_read(struct growing *growing, char *scratch);
/* Begins anew at the file's start. */
void growing_restart(struct growing *growing);

/* The piece that starts at an offset, NULL when the window has none. */
const struct growing_piece *growing_find(const struct growing *growing, int64_t offset);
/* Reads on for a reader that the window cannot serve: formats what comes after *cursor into `out` (up to
 * GROWING_PIECE bytes more) and moves it (GROWING_MORE). GROWING_CUT: the bytes before the cursor are not
 * those it has seen. */
enum growing_result growing_catch_up(const struct growing *growing, struct growing_cursor *cursor,
                                     char *scratch, struct buffer *out);
/* Whether a generation is this file's: that of its first line, read or not, or of its start alone. */
bool growing_is(struct growing *growing, uint64_t generation);
/* Where a cursor is, as an id. */
struct event_id growing_place(const struct growing *growing, const struct growing_cursor *cursor);
/* Whether an id is a place in this file, which may be ahead of what has been read: another process gave it.
 * Sets *cursor to it. */
bool growing_fits(const struct growing *growing, const struct event_id *id, struct growing_cursor *cursor);
