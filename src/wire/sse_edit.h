/* Events that wire/sse.h has made, changed for one reader: only those of some names, or all of them under
 * another name and another id.
 *
 * The pieces come in order, whole as sse_lines() has made them. One may end inside an event; the next then
 * goes on with it. */
#pragma once

#include "wire/sse.h"

enum { SSE_EDIT_NAMES = 32 };

/* Names that pass. EVENT_NAME_NONE stands for events without one. */
struct sse_edit_names {
    struct slice items[SSE_EDIT_NAMES];
    size_t count; /* 0: all pass */
};

/* Between two pieces. All zero: at the beginning. */
struct sse_edit {
    bool inside;  /* an event goes on */
    bool passing; /* and is one that passes */
};

/* "a,b" into names, which point into it. False: too many, an empty one, or one that nothing can have. */
bool sse_edit_read_names(struct slice list, struct sse_edit_names *names);

/* Appends those events of the piece that pass; `out` takes the size of the piece at most. False: the last one
 * in it, as far as it is there, did not pass. */
bool sse_edit_pick(struct sse_edit *edit, struct slice piece, const struct sse_edit_names *names,
                   struct buffer *out);

/* Cuts up to `most` events off, at least one, or the part of one that the piece ends with. */
struct slice sse_edit_cut(struct slice *piece, size_t most);

/* How events are called. */
struct sse_edit_title {
    struct slice name; /* data NULL: none */
    /* Appends what follows "id: " for an event behind which the file's reader is at `place`. */
    void (*add_id)(void *owner, const struct event_id *place, struct buffer *out);
    void *owner;
};

/* Appends the events of the piece under their new title. */
void sse_edit_retitle(struct sse_edit *edit, struct slice piece, const struct sse_edit_title *title,
                      struct buffer *out);
