/* The lines that are written to one place, for any number of readers: the file there, those that were there
 * before and are still read, and the next one (design §7.3).
 *
 * A file that is renamed or deleted is drained; when the next one at the place has its first byte, the old
 * one is read to its end once more and the readers go on to the next. A file that is cut begins anew, and
 * each reader is told from where. Readers that have everything get what is new at once, and then at most
 * every TAIL_PACE_MS. Where inotify(7) is used up the place is looked at every TAIL_POLL_MS.
 *
 * All readers of a place share one tail, which stays for TAIL_LINGER_MS after the last of them: one that
 * reconnects finds what was renamed meanwhile. */
#pragma once

#include "loop/loop.h"
#include "wire/chunks.h"

#include "tail/sequence.h"

enum {
    TAIL_PACE_MS = 5,
    TAIL_ROUND_MS = 3,
    TAIL_POLL_MS = 250, /* and tried to be watched, or read, again */
    TAIL_LINGER_MS = 60000,
};

struct tail_reader;
struct tail_group;

enum tail_reason {
    TAIL_NO_RESET,
    TAIL_CUT,     /* the file was cut while it was read */
    TAIL_CHANGED, /* the bytes before the place are others, or the file is shorter */
    TAIL_GONE,    /* the file that the reader was in is not there any more */
};

/* "truncated" "changed" "gone", as clients are told it. */
const char *tail_reason_name(enum tail_reason reason);

/* All fire from the loop, never from inside a call of this header but for what tail_join() says. Each may
 * call tail_leave(). */
struct tail_reader_events {
    /* Bytes for the client. False: there is no room for more; the reader rests until tail_resume(). */
    bool (*on_piece)(struct tail_reader *reader, const struct chunks_piece *piece);
    /* A line of which the client has the beginning is not there any more; the reader must leave. */
    void (*on_torn)(struct tail_reader *reader);
    /* What comes next is the first line of a file again. `from`: where the reader was. */
    void (*on_reset)(struct tail_reader *reader, const struct event_id *from, enum tail_reason reason);
    /* There is a file. Not for one that found it when it came. */
    void (*on_found)(struct tail_reader *reader);
    /* The reader has got every whole line that there was when the file was last read. */
    void (*on_level)(struct tail_reader *reader);
};

/* In its owner's object. */
struct tail_reader {
    struct list link;
    struct tail *tail;          /* NULL: reads nothing */
    struct sequence_file *file; /* NULL: there was none yet */
    struct growing_cursor cursor;
    const struct tail_reader_events *events;
    bool found;
    bool resting; /* on_piece had no room, or it was held */
    bool held;    /* set by the owner: it gets no more before tail_resume(), with this false again */
};

enum tail_start {
    TAIL_START, /* of the file that is there; at a numbered place of the oldest one */
    TAIL_END,   /* only what comes */
    TAIL_AFTER, /* an id */
};

struct tail_group_settings {
    struct loop *loop;
    /* inotify(7) is used up (an errno) or can be had again (0). On change, from the loop or from tail_join().
     */
    void (*on_degraded)(void *owner, int error);
    /* What is at `path` is not read (an errno, see place_refusal_text()) or cannot be read; once until it is
     * or the place is forgotten. */
    void (*on_refused)(void *owner, const char *path, int error);
    void *owner;
};

/* All tails of a process. */
struct tail_group *tail_group_new(const struct tail_group_settings *settings);
/* Nobody reads any more. */
void tail_group_free(struct tail_group **group);

/* Begins to read; `reader->events` is set. The place's texts and descriptor are needed during the call only.
 * TAIL_NO_RESET, or why the id (of TAIL_AFTER; else NULL) is no place here: the reader then begins at the
 * file's start. on_reset and on_torn of other readers may fire from inside it. */
enum tail_reason tail_join(struct tail_group *group, const struct place *place, struct tail_reader *reader,
                           enum tail_start start, const struct event_id *id);
void tail_leave(struct tail_reader *reader);
/* After on_piece said false: there is room again. */
void tail_resume(struct tail_reader *reader);
/* Looks at place and file now, whatever they tell by themselves; then each reader that has everything gets
 * on_level. */
void tail_refresh(struct tail_reader *reader);

/* Looks at place and file at once: whether the reader has every whole line that there is. */
bool tail_is_level(struct tail_reader *reader);

/* Where the reader is; 0:0:0 while there is no file. */
struct event_id tail_place(const struct tail_reader *reader);
/* An errno: what is at the place is not read (place_refusal_text()), or could not be read of late. 0:
 * neither.
 */
int tail_refused(const struct tail_reader *reader);
/* Bytes of a line without its newline at the end of the file that is there. */
int64_t tail_unfinished(const struct tail_reader *reader);
