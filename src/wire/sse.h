/* Server-sent events (WHATWG HTML §9.2) as bytes: lines of a file as events, and events of our own.
 *
 * A line becomes `data: LINE`, `id: ...` and an empty line, without an event name, so that a browser's
 * onmessage gets it; where a member of it may name it (wire/event_name.h), with `event: NAME` first. Three
 * things the format cannot carry or that nobody wrote are changed: the CR of a CRLF belongs to the line's end
 * and is left out; any other CR ends the data line and begins the next (onmessage sees LF, which is the same
 * white space to JSON); NUL bytes at a line's start are left out, and a line of nothing but NULs is no line
 * (a hole that a crash or a cut file leaves). Everything else, bytes that are no UTF-8 included, passes as it
 * is. */
#pragma once

#include "base/buffer.h"
#include "wire/event_id.h"
#include "wire/event_name.h"

/* What is done of a line when a piece of its bytes has been formatted. All zero: nothing of it. */
struct sse_line {
    bool begun; /* "data: " has been written */
    bool after_cr;
    bool skipped; /* NULs were left out */
};

/* Bytes of a file, of whole lines only: whatever they end with, the line's newline is there in the file. */
struct sse_source {
    struct slice bytes;
    int64_t offset;      /* of the first of them in the file */
    size_t place;        /* where to go on; at least EVENT_ID_CHECKED bytes (or all there are) come before */
    uint64_t generation; /* of the file */
    struct slice names;  /* the member that names an event; data NULL: none does */
    struct sse_line line;
};

enum { SSE_LEAST_ROOM = 256 }; /* in which an end of a line with its id always fits */

/* Appends events to `out` until it has `most` bytes (at least SSE_LEAST_ROOM) or the source is used up, which
 * is the answer: true. A line that fits whole is never divided; one that begins late in `out` or is not whole
 * in the source waits for the next call unless it is the first. Where lines have names, of each that is begun
 * as much has to be in the source as wire/event_name.h looks at, or all of it. */
bool sse_lines(struct sse_source *source, struct buffer *out, size_t most);

/* The rest appends to `out` with room enough, which is checked. */

/* `: text`, an empty text for a heartbeat; no line breaks in it. */
void sse_comment(struct buffer *out, struct slice text);
/* `id:` alone: the client remembers it, no event comes of it. */
void sse_place(struct buffer *out, const struct event_id *id);
/* `retry:` in milliseconds. */
void sse_retry(struct buffer *out, int64_t milliseconds);
/* An event with any id; data NULL of name or id: none. No line breaks in any of them. */
void sse_event_at(struct buffer *out, struct slice name, struct slice id, struct slice data);
/* A named event; `id` NULL: none; `data` has no line breaks. */
void sse_event(struct buffer *out, const char *name, const struct event_id *id, struct slice data);
