/* The body of a message on its way in: read from the stream straight into the caller's memory and unframed
 * there.
 *
 * One for each exchange (requests) and each upstream call (responses). The head is read into `bytes` by the
 * owner, who consumes it; what came behind it stays there and is taken first. From then until incoming_next()
 * nothing is appended to `bytes`, so slices into the head stay valid. */
#pragma once

#include "base/buffer.h"
#include "net/stream.h"
#include "wire/chunks.h"
#include "wire/framing.h"

struct incoming {
    struct buffer bytes; /* read and not yet taken */
    struct buffer ahead; /* came behind the end of the body, read together with it */
    enum framing_body body;
    int64_t left; /* FRAMING_LENGTH: bytes still to come */
    struct chunks chunks;
    bool ended;     /* the body is complete */
    bool secret;    /* what is taken from `bytes` is overwritten there */
    uint64_t taken; /* bytes of the body so far */
};

enum { INCOMING_AHEAD_MOST = 64 * 1024 };

/* The head has been consumed from `bytes`; its body begins. */
void incoming_begin(struct incoming *in, const struct framing *framing);
/* >0 bytes; 0: the body is complete; -EAGAIN: want to read; -EPROTO: malformed chunk; -ECONNRESET and other
 * errors: the body is cut short. */
ssize_t incoming_read(struct incoming *in, struct stream *stream, void *memory, size_t size);
/* Whether what came together with the head can be the beginning of its body: false only for malformed chunks.
 */
bool incoming_begins_well(const struct incoming *in);
/* Bytes that lie behind the body, known so far. */
bool incoming_is_ahead(const struct incoming *in);
/* For the next message: `bytes` begins with what came behind this one. A buffer larger than `keep` is given
 * back when it is empty. */
void incoming_next(struct incoming *in, size_t keep);
void incoming_free(struct incoming *in);
