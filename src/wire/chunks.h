/* The chunked transfer coding (RFC 9112 §7.1), decoded in place and step by step, and its encoder.
 *
 * Chunk sizes have 1 to 16 hexadecimal digits; lines end with CRLF and nothing else. Extensions are dropped,
 * trailer fields are checked for syntax and dropped; both together may have CHUNKS_EXTRA_MOST bytes in a
 * body. */
#pragma once

#include "base/slice.h"

enum { CHUNKS_EXTRA_MOST = 16384 };

enum chunks_result {
    CHUNKS_MORE, /* all of the bytes are used, the body goes on */
    CHUNKS_DATA, /* a piece of the body; call again with the bytes behind *used */
    CHUNKS_END,  /* the body is complete; bytes behind *used belong to the next message */
    CHUNKS_BAD,  /* not a chunked body; ends the connection (HTTP1_BAD_CHUNK) */
};

/* All zero: at the start of a body. */
struct chunks {
    uint64_t left;  /* of the current chunk's data */
    uint32_t extra; /* bytes of extensions and trailers so far */
    uint8_t digits;
    uint8_t state;
};

/* Takes bytes from the front. *used: how many of them are done with. With CHUNKS_DATA *data is a slice of
 * `bytes` that ends at *used; else it is empty. Once CHUNKS_END or CHUNKS_BAD, always so. */
enum chunks_result chunks_next(struct chunks *chunks, struct slice bytes, size_t *used, struct slice *data);
enum { CHUNKS_HEAD_SIZE = 18 };

/* The line before a chunk of `size` bytes (> 0), into out[CHUNKS_HEAD_SIZE]; returns its length. The chunk's
 * data is followed by CRLF. */
size_t chunks_head(char *out, uint64_t size);

#define CHUNKS_TAIL SLICE("\r\n")      /* behind the data of a chunk */
#define CHUNKS_LAST SLICE("0\r\n\r\n") /* behind the last chunk */

/* A piece of a body together with the framing of one chunk around it, so that many messages can send the same
 * bytes, framed or not. */
struct chunks_piece {
    struct slice framed;
    struct slice body; /* within `framed` */
};

enum { CHUNKS_PIECE_EXTRA = CHUNKS_HEAD_SIZE + 2 }; /* bytes of framing, at most */

/* Makes `size` bytes (> 0) at memory + CHUNKS_HEAD_SIZE a piece by writing around them; `memory` has room for
 * CHUNKS_PIECE_EXTRA more than the body. */
struct chunks_piece chunks_frame(char *memory, size_t size);
