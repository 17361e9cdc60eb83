/* What a browser makes of an event stream (WHATWG HTML §9.2.6), for tests of whoever writes one. Header-only.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct sse_seen {
    char event[72];     /* empty: onmessage */
    char id[1024];      /* of the stream so far */
    struct buffer data; /* limit set by sse_seen_new() */
};

static inline struct sse_seen sse_seen_new(void)
{
    return (struct sse_seen){.data = BUFFER(64 << 20)};
}

static inline void sse_copy_text(char *to, size_t size, struct slice text)
{
    size_t length = text.size < size - 1 ? text.size : size - 1;
    memcpy(to, text.data, length);
    to[length] = '\0';
}

/* Cuts a line off; false: none is complete. CR at the very end may be half of CRLF: not complete. */
static inline bool sse_next_line(struct slice *rest, struct slice *line)
{
    for (size_t i = 0; i < rest->size; i++) {
        char c = rest->data[i];
        if (c != '\n' && c != '\r')
            continue;
        if (c == '\r' && i + 1 == rest->size)
            return false;
        *line = slice_of(rest->data, i);
        *rest = slice_from(*rest, i + (c == '\r' && rest->data[i + 1] == '\n' ? 2 : 1));
        return true;
    }
    return false;
}

static inline void sse_take_field(struct sse_seen *seen, struct slice line, bool *any)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_between(line, 0, colon), value = slice_from(line, colon + 1);
    if (value.size > 0 && value.data[0] == ' ')
        value = slice_from(value, 1);
    if (slice_equal(name, SLICE("data"))) {
        if (*any)
            buffer_append_text(&seen->data, "\n");
        buffer_append(&seen->data, value);
        *any = true;
    } else if (slice_equal(name, SLICE("id"))) {
        sse_copy_text(seen->id, sizeof seen->id, value);
    } else if (slice_equal(name, SLICE("event"))) {
        sse_copy_text(seen->event, sizeof seen->event, value);
    }
}

/* The next event that is dispatched; false: there is none yet. */
static inline bool sse_next_event(struct slice *rest, struct sse_seen *seen)
{
    struct slice line, left = *rest;
    bool any = false;
    buffer_clear(&seen->data);
    seen->event[0] = '\0';
    while (sse_next_line(&left, &line)) {
        if (line.size > 0) {
            sse_take_field(seen, line, &any);
            continue;
        }
        *rest = left;
        if (any)
            return true;
        seen->event[0] = '\0';
    }
    return false;
}
