/* Bytes go from the caller's memory to the kernel in one writev(2) together with whatever was pending before
 * them. Copies are made only of small pieces that gain by company, and of the rest of a chunk whose size has
 * been promised already. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "wire/chunks.h"
#include "wire/http1_write.h"

#include "http/outgoing.h"

enum {
    CHUNK_MOST = 64 * 1024,
    SMALL_PIECE = 4096,    /* is copied and waits for the end of the turn (one send(2) is cheaper) ... */
    CORK_MOST = 16 * 1024, /* ... until so much has come together */
};

void outgoing_reset(struct outgoing *out, struct stream *stream)
{
    struct buffer pending = out->pending;
    if (pending.capacity > OUTGOING_KEPT)
        buffer_free(&pending);
    buffer_clear(&pending);
    pending.limit = OUTGOING_PENDING_MOST;
    *out = (struct outgoing){.stream = stream, .pending = pending};
}

void outgoing_free(struct outgoing *out)
{
    buffer_free(&out->pending);
}

/* Bytes of all lines; SIZE_MAX: one holds bytes that no field may hold. */
static size_t fields_size(const struct exchange_field *fields, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const struct exchange_field *field = &fields[i];
        if (field->name.size == 0)
            size += field->value.size;
        else if (field->checked || http1_write_may(field->name, field->value))
            size += http1_write_size(field->name, field->value);
        else
            return SIZE_MAX;
    }
    return size;
}

bool outgoing_fields(struct outgoing *out, const struct exchange_field *fields, size_t count)
{
    size_t size = fields_size(fields, count);
    char *at = buffer_reserve(&out->pending, size);
    if (!at)
        return false;
    for (size_t i = 0; i < count; i++)
        at = fields[i].name.size == 0 ? slice_put(at, fields[i].value)
                                      : http1_write_line(at, fields[i].name, fields[i].value);
    buffer_added(&out->pending, size);
    return true;
}

void outgoing_begin(struct outgoing *out, enum outgoing_body body, int64_t length)
{
    CHECK(body != OUTGOING_LENGTH || length >= 0);
    out->body = body;
    out->left = length;
}

/* Writes `pending`, then the pieces. Bytes of the pieces taken (0 also when all went into `pending`'s
 * part), -EAGAIN when not even `pending` went out, or -errno. */
static ssize_t send_behind_pending(struct outgoing *out, const struct slice *pieces, int count)
{
    struct slice pending = buffer_slice(&out->pending);
    struct iovec all[3];
    int used = 0;
    if (pending.size)
        all[used++] = (struct iovec){.iov_base = (char *)(uintptr_t)pending.data, .iov_len = pending.size};
    size_t wanted = 0;
    for (int i = 0; i < count; i++) {
        all[used++] =
            (struct iovec){.iov_base = (char *)(uintptr_t)pieces[i].data, .iov_len = pieces[i].size};
        wanted += pieces[i].size;
    }
    out->corked = false;
    ssize_t sent = used == 1 ? stream_write(out->stream, all[0].iov_base, all[0].iov_len)
                             : stream_write_pieces(out->stream, all, used);
    if (sent < 0 && sent != -EAGAIN)
        return sent;
    size_t taken = sent > 0 ? (size_t)sent : 0;
    size_t of_pending = taken < pending.size ? taken : pending.size;
    buffer_consume(&out->pending, of_pending);
    taken -= of_pending;
    out->blocked = of_pending < pending.size || taken < wanted;
    if (out->blocked)
        stream_want_write(out->stream, true);
    return of_pending < pending.size ? -EAGAIN : (ssize_t)taken;
}

int outgoing_flush(struct outgoing *out)
{
    if (buffer_size(&out->pending) == 0) {
        out->corked = out->blocked = false;
        return 0;
    }
    ssize_t sent = send_behind_pending(out, NULL, 0);
    return sent < 0 ? (int)sent : 0;
}

static void count(struct outgoing *out, size_t size)
{
    out->taken += size;
    if (out->body == OUTGOING_LENGTH) {
        CHECK((int64_t)size <= out->left);
        out->left -= (int64_t)size;
    }
}

static ssize_t write_plain(struct outgoing *out, struct slice bytes)
{
    ssize_t taken = send_behind_pending(out, &bytes, 1);
    if (taken == -EAGAIN)
        return 0;
    if (taken > 0)
        count(out, (size_t)taken);
    return taken;
}

/* The chunk's size is promised with its first byte, so all of it is taken: what the kernel leaves is copied.
 */
static ssize_t write_chunk(struct outgoing *out, struct slice bytes)
{
    if (buffer_size(&out->pending) > CORK_MOST + OUTGOING_HEAD_MOST) {
        int error = outgoing_flush(out);
        if (error)
            return error == -EAGAIN ? 0 : error;
    }
    if (bytes.size > CHUNK_MOST)
        bytes.size = CHUNK_MOST;
    char head[CHUNKS_HEAD_SIZE];
    buffer_append(&out->pending, slice_of(head, chunks_head(head, bytes.size)));
    const struct slice pieces[] = {bytes, CHUNKS_TAIL};
    ssize_t sent = send_behind_pending(out, pieces, 2);
    if (sent < 0 && sent != -EAGAIN)
        return sent;
    size_t taken = sent > 0 ? (size_t)sent : 0;
    for (int i = 0; i < 2; i++) {
        size_t gone = taken < pieces[i].size ? taken : pieces[i].size;
        CHECK(buffer_append(&out->pending, slice_from(pieces[i], gone)));
        taken -= gone;
    }
    count(out, bytes.size);
    return (ssize_t)bytes.size;
}

/* A small piece joins `pending`; the owner flushes when the body or the turn ends. */
static bool cork(struct outgoing *out, struct slice bytes)
{
    if (out->blocked || bytes.size > SMALL_PIECE || buffer_size(&out->pending) + bytes.size > CORK_MOST)
        return false;
    char head[CHUNKS_HEAD_SIZE];
    bool chunked = out->body == OUTGOING_CHUNKED;
    if (chunked)
        buffer_append(&out->pending, slice_of(head, chunks_head(head, bytes.size)));
    buffer_append(&out->pending, bytes);
    if (chunked)
        buffer_append(&out->pending, CHUNKS_TAIL);
    count(out, bytes.size);
    out->corked = true;
    return true;
}

ssize_t outgoing_write(struct outgoing *out, const void *bytes, size_t size)
{
    CHECK(out->body != OUTGOING_LENGTH || (uint64_t)size <= (uint64_t)out->left);
    struct slice piece = slice_of(bytes, size);
    if (out->body == OUTGOING_NONE || size == 0) {
        out->taken += size;
        return (ssize_t)size;
    }
    if (cork(out, piece))
        return (ssize_t)size;
    if (out->body != OUTGOING_CHUNKED)
        return write_plain(out, piece);
    ssize_t taken;
    do {
        taken = write_chunk(out, piece);
        if (taken < 0)
            return taken;
        piece = slice_from(piece, (size_t)taken);
    } while (piece.size > 0 && taken > 0 && !out->blocked);
    return (ssize_t)(size - piece.size);
}

int outgoing_write_piece(struct outgoing *out, const struct chunks_piece *piece)
{
    CHECK(out->body != OUTGOING_LENGTH);
    out->taken += piece->body.size;
    if (out->body == OUTGOING_NONE)
        return 0;
    struct slice bytes = out->body == OUTGOING_CHUNKED ? piece->framed : piece->body;
    int error = outgoing_flush(out);
    if (error && error != -EAGAIN)
        return error;
    ssize_t sent = error ? 0 : stream_write(out->stream, bytes.data, bytes.size);
    if (sent < 0 && sent != -EAGAIN)
        return (int)sent;
    bytes = slice_from(bytes, sent > 0 ? (size_t)sent : 0);
    if (bytes.size == 0)
        return 0;
    CHECK(buffer_append(&out->pending, bytes));
    out->blocked = true;
    stream_want_write(out->stream, true);
    return -EAGAIN;
}

int outgoing_write_whole(struct outgoing *out, struct slice body)
{
    if (out->body == OUTGOING_NONE) {
        out->taken += body.size;
        return 0;
    }
    CHECK(out->body == OUTGOING_LENGTH && (int64_t)body.size == out->left);
    if (body.size == 0 || cork(out, body))
        return 0;
    ssize_t taken = write_plain(out, body);
    if (taken < 0)
        return (int)taken;
    body = slice_from(body, (size_t)taken);
    if (body.size) {
        out->pending.limit = buffer_size(&out->pending) + body.size + OUTGOING_PENDING_MOST;
        CHECK(buffer_append(&out->pending, body));
        count(out, body.size);
    }
    return 0;
}

ssize_t outgoing_write_file(struct outgoing *out, int file, int64_t *offset, size_t size)
{
    if (out->body == OUTGOING_NONE) {
        *offset += (int64_t)size;
        out->taken += size;
        return (ssize_t)size;
    }
    CHECK(out->body != OUTGOING_CHUNKED);
    CHECK(out->body != OUTGOING_LENGTH || (int64_t)size <= out->left);
    int error = outgoing_flush(out);
    if (error)
        return error;
    ssize_t sent = stream_write_file(out->stream, file, offset, size);
    if (sent > 0)
        count(out, (size_t)sent);
    out->blocked = sent == -EAGAIN || (sent > 0 && (size_t)sent < size);
    if (out->blocked)
        stream_want_write(out->stream, true);
    return sent;
}

/* Consumed bytes stay in the buffer's memory until something is appended. */
void outgoing_rewind(struct outgoing *out, size_t size)
{
    CHECK(out->taken == 0 && size <= out->pending.capacity);
    out->pending.start = 0;
    out->pending.end = size;
    out->blocked = out->corked = false;
}

void outgoing_end(struct outgoing *out)
{
    CHECK(out->body != OUTGOING_LENGTH || out->left == 0);
    if (out->body == OUTGOING_CHUNKED)
        CHECK(buffer_append(&out->pending, CHUNKS_LAST));
}
