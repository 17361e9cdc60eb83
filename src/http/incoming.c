/* No copy of its own: bodies are read into the caller's memory, and chunked ones unframed in place there,
 * where a decoded byte never lies behind its encoded one. */
#include <errno.h>
#include <string.h>

#include "base/check.h"

#include "http/incoming.h"

/* How often incoming_read() asks the kernel again for chunk framing alone before it lets others run. */
enum { MOST_READS = 8 };

void incoming_begin(struct incoming *in, const struct framing *framing)
{
    in->body = framing->body;
    in->left = framing->length;
    in->chunks = (struct chunks){0};
    in->ended = framing->body == FRAMING_NONE;
    in->secret = false;
    in->taken = 0;
}

/* Decodes raw[*used..] into `memory`, which may be where raw lies. Bytes of the body, or -EPROTO. */
static ssize_t unchunk(struct incoming *in, char *memory, struct slice raw, size_t *used)
{
    size_t size = 0;
    *used = 0;
    for (;;) {
        size_t step = 0;
        struct slice data = {0};
        enum chunks_result result = chunks_next(&in->chunks, slice_from(raw, *used), &step, &data);
        *used += step;
        if (result == CHUNKS_DATA) {
            memmove(memory + size, data.data, data.size);
            size += data.size;
        } else if (result == CHUNKS_BAD) {
            return -EPROTO;
        } else {
            in->ended = result == CHUNKS_END;
            return (ssize_t)size;
        }
    }
}

static void consume(struct incoming *in, size_t size)
{
    if (in->secret)
        explicit_bzero(in->bytes.data + in->bytes.start, size);
    buffer_consume(&in->bytes, size);
}

/* From what came together with the head. */
static ssize_t take_buffered(struct incoming *in, char *memory, size_t size)
{
    struct slice raw = buffer_slice(&in->bytes);
    if (size > raw.size)
        size = raw.size;
    if (in->body == FRAMING_CHUNKED) {
        size_t used;
        ssize_t decoded = unchunk(in, memory, slice_of(raw.data, size), &used);
        consume(in, used);
        return decoded;
    }
    if (in->body == FRAMING_LENGTH && (int64_t)size > in->left)
        size = (size_t)in->left;
    memcpy(memory, raw.data, size);
    consume(in, size);
    return (ssize_t)size;
}

static void keep_ahead(struct incoming *in, const char *bytes, size_t size)
{
    in->ahead.limit = INCOMING_AHEAD_MOST;
    CHECK(buffer_append(&in->ahead, slice_of(bytes, size)));
}

/* Asks for more than is left where there is memory: a short count tells the stream that nothing more waits,
 * which saves a read that would find nothing. */
static ssize_t read_plain(struct incoming *in, struct stream *stream, char *memory, size_t size)
{
    size_t left = in->body == FRAMING_LENGTH ? (size_t)in->left : SIZE_MAX - INCOMING_AHEAD_MOST;
    if (size > left + INCOMING_AHEAD_MOST)
        size = left + INCOMING_AHEAD_MOST;
    ssize_t got = stream_read(stream, memory, size);
    if (got == 0 && in->body == FRAMING_UNTIL_CLOSE)
        in->ended = true;
    else if (got == 0)
        return -ECONNRESET;
    if (got > 0 && (size_t)got > left) {
        keep_ahead(in, memory + left, (size_t)got - left);
        got = (ssize_t)left;
    }
    return got;
}

static ssize_t read_chunked(struct incoming *in, struct stream *stream, char *memory, size_t size)
{
    if (size > INCOMING_AHEAD_MOST)
        size = INCOMING_AHEAD_MOST;
    for (int i = 0; i < MOST_READS; i++) {
        ssize_t got = stream_read(stream, memory, size);
        if (got <= 0)
            return got < 0 ? got : -ECONNRESET;
        size_t used;
        ssize_t decoded = unchunk(in, memory, slice_of(memory, (size_t)got), &used);
        /* in->ended: only then bytes can be left over, and memory[0..decoded) lies before them. */
        if (decoded >= 0 && used < (size_t)got)
            keep_ahead(in, memory + used, (size_t)got - used);
        if (decoded != 0 || in->ended)
            return decoded;
    }
    return -EAGAIN;
}

ssize_t incoming_read(struct incoming *in, struct stream *stream, void *memory, size_t size)
{
    CHECK(size > 0);
    ssize_t got = 0;
    while (!in->ended && got == 0) {
        if (buffer_size(&in->bytes))
            got = take_buffered(in, memory, size);
        else if (in->body == FRAMING_CHUNKED)
            got = read_chunked(in, stream, memory, size);
        else
            got = read_plain(in, stream, memory, size);
        if (got < 0)
            return got;
        in->taken += (uint64_t)got;
        if (in->body == FRAMING_LENGTH) {
            in->left -= got;
            in->ended = in->left == 0;
        }
    }
    return got;
}

bool incoming_begins_well(const struct incoming *in)
{
    if (in->body != FRAMING_CHUNKED)
        return true;
    struct chunks chunks = in->chunks;
    struct slice rest = buffer_slice(&in->bytes), data;
    enum chunks_result result;
    do {
        size_t used = 0;
        result = chunks_next(&chunks, rest, &used, &data);
        rest = slice_from(rest, used);
    } while (result == CHUNKS_DATA);
    return result != CHUNKS_BAD;
}

bool incoming_is_ahead(const struct incoming *in)
{
    return buffer_size(&in->ahead) > 0 || (in->ended && buffer_size(&in->bytes) > 0);
}

void incoming_next(struct incoming *in, size_t keep)
{
    if (buffer_size(&in->ahead)) {
        CHECK(buffer_size(&in->bytes) == 0);
        buffer_free(&in->bytes);
        in->ahead.limit = in->bytes.limit;
        in->bytes = in->ahead;
        in->ahead = BUFFER(INCOMING_AHEAD_MOST);
    } else if (buffer_size(&in->bytes) == 0 && in->bytes.capacity > keep) {
        buffer_free(&in->bytes);
    }
}

void incoming_free(struct incoming *in)
{
    buffer_free(&in->bytes);
    buffer_free(&in->ahead);
}
