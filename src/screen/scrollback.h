/* Lines that scrolled off the top, oldest first, as records of bytes (screen/line.h) in blocks; capped in
 * lines and in bytes. Empty it owns nothing. */
#pragma once

#include "base/slice.h"

struct scrollback_block;

struct scrollback {
    size_t most_lines, most_bytes;
    size_t lines, bytes;
    struct scrollback_block *oldest, *newest;
};

/* Adds a line behind the newest; the oldest ones go while a cap is exceeded. A line beyond most_bytes is not
 * kept. */
void scrollback_push(struct scrollback *scrollback, struct slice line);

/* Removes the newest line; false when there is none. The bytes are valid until the next change. */
bool scrollback_pop(struct scrollback *scrollback, struct slice *line);

/* Drops oldest lines after a cap was lowered. */
void scrollback_trim(struct scrollback *scrollback);
void scrollback_clear(struct scrollback *scrollback);

/* Walks from the oldest line on: start with {0}, false at the end. No changes meanwhile. */
struct scrollback_walk {
    const struct scrollback_block *block;
    size_t offset;
    bool begun;
};
bool scrollback_next(const struct scrollback *scrollback, struct scrollback_walk *walk, struct slice *line);
