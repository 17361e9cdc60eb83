/* A message on its way out: the head waits for company, bodies are framed, and what the kernel does not take
 * is either left with the caller or kept here within a cap.
 *
 * One for each exchange (responses) and each upstream call (requests). It makes no callback; its owner calls
 * outgoing_flush() when the stream has room again or when `corked` is set and the turn of the loop ends.
 *
 * Results: >= 0, -EAGAIN (waits for room; stream_want_write() has been called), or another -errno: the stream
 * is broken. */
#pragma once

#include "base/buffer.h"
#include "net/stream.h"

#include "http/exchange.h"

enum outgoing_body {
    OUTGOING_NONE, /* no body is sent, whatever is written (HEAD, 204, 304) */
    OUTGOING_LENGTH,
    OUTGOING_CHUNKED,
    OUTGOING_UNTIL_CLOSE,
};

struct outgoing {
    struct stream *stream;
    struct buffer pending; /* head, framing, copied bytes: to be sent before anything else */
    enum outgoing_body body;
    int64_t left;   /* OUTGOING_LENGTH: bytes still to come */
    uint64_t taken; /* bytes of the body so far, also of a body that is not sent */
    bool corked;    /* `pending` waits for more of this turn */
    bool blocked;   /* the kernel had no room at the last try */
};

enum {
    OUTGOING_PENDING_MOST = 160 * 1024, /* a 64 KiB head, one chunk of 64 KiB and framing */
    OUTGOING_HEAD_MOST = 64 * 1024,
    OUTGOING_KEPT = 8192, /* what outgoing_reset() keeps of the pending buffer */
};

/* Nothing is pending, no body. */
void outgoing_reset(struct outgoing *out, struct stream *stream);
void outgoing_free(struct outgoing *out);
/* Appends lines of a head to `pending`; false: they do not fit, or hold bytes that no field may hold. */
bool outgoing_fields(struct outgoing *out, const struct exchange_field *fields, size_t count);
/* A head was appended to `pending`; the body follows. */
void outgoing_begin(struct outgoing *out, enum outgoing_body body, int64_t length);
/* Bytes taken, 0..size; fewer: the stream is blocked. Small pieces are held back for company (`corked`). */
ssize_t outgoing_write(struct outgoing *out, const void *bytes, size_t size);
/* A piece that is shared, taken whole: copied as far as the kernel does not take it. 0; -EAGAIN: it is taken
 * too, but write no more before the stream has room; or another -errno. Not when the last one was -EAGAIN and
 * there was no room since, nor for OUTGOING_LENGTH. */
int outgoing_write_piece(struct outgoing *out, const struct chunks_piece *piece);
/* The whole of a body at once, copied as far as the kernel does not take it. 0 or -errno (never -EAGAIN). */
int outgoing_write_whole(struct outgoing *out, struct slice body);
/* From a file; OUTGOING_CHUNKED is not possible. As stream_write_file(); size > 0. */
ssize_t outgoing_write_file(struct outgoing *out, int file, int64_t *offset, size_t size);
/* What was appended to `pending` first, `size` bytes, is to be sent once more over another stream. Nothing of
 * a body may have been taken since. */
void outgoing_rewind(struct outgoing *out, size_t size);
/* The body is complete (CHECKed against the length). Nothing is sent yet: call outgoing_flush(). */
void outgoing_end(struct outgoing *out);
/* 0: everything is with the kernel. */
int outgoing_flush(struct outgoing *out);
