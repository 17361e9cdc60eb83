/* Where a reader of an event stream is: `id: GENERATION:OFFSET:CHECK` (design §7.3, docs/events.md).
 *
 * The generation is a hash of the file's identity, birth time and first line (inode numbers are used again at
 * once), so every gate and every restart computes the same. The offset is where the next line begins. The
 * check is a crc of the bytes before the offset: a file that was cut and has grown again does not fit. */
#pragma once

#include "base/slice.h"

struct event_id {
    uint64_t generation; /* 0: of no file yet */
    int64_t offset;
    uint32_t check;
};

enum {
    EVENT_ID_SIZE = 48,         /* of its text, NUL included */
    EVENT_ID_CHECKED = 64,      /* bytes before the offset that the check covers, fewer at the start */
    EVENT_ID_FIRST_LINE = 1024, /* of a longer first line only so much is looked at */
};

/* The reader has seen nothing of any file: "0:0:0". */
#define EVENT_ID_BEGINNING ((struct event_id){0})

/* What makes a file this one and no other, as statx(2) tells. */
struct event_id_file {
    uint64_t inode;
    int64_t born_s; /* 0, 0: the file system does not know */
    uint32_t born_ns;
};

/* The check of a place; `before` ends there and may be longer than what is checked. */
uint32_t event_id_check(struct slice before);
/* `start` is what is known of the file's beginning. 0: the first line is not complete there. */
uint64_t event_id_generation(const struct event_id_file *file, struct slice start);
/* The start of a file, whatever its first line is or will be: the place of a reader that has seen none of its
 * lines while there was none. Its offset is 0. */
struct event_id event_id_start(const struct event_id_file *file);

/* Writes its text with a NUL, returns the length without it. */
size_t event_id_format(const struct event_id *id, char text[EVENT_ID_SIZE]);
/* The whole slice in the one form that event_id_format() writes. False: it is no id of ours. */
bool event_id_parse(struct slice text, struct event_id *id);
