/* A queue of bytes with a cap: appended at the end, consumed at the front.
 *
 * Invariant: the bytes from `start` to `end` of `data` are held; end - start never exceeds `limit`.
 * An all-zero struct with a limit is a valid empty buffer; it owns no memory until first use and
 * gives it back with buffer_free(). */
#pragma once

#include <stdbool.h>
#include <stdarg.h>

#include "base/check.h"
#include "base/slice.h"

struct buffer {
    char *data;
    size_t start;
    size_t end;
    size_t capacity;
    size_t limit;
};

#define BUFFER(cap) ((struct buffer){.limit = (cap)})

void buffer_free(struct buffer *buffer);

static inline size_t buffer_size(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Bytes that may still be appended. */
static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->limit - buffer_size(buffer);
}

/* Valid until the next change. */
static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->data ? buffer->data + buffer->start : NULL, buffer_size(buffer));
}

/* What buffer_reserve() does when `size` bytes fit the limit but not behind `end`. */
void buffer_make_room(struct buffer *buffer, size_t size);

/* Makes room for `size` more bytes and returns where to write them (then call buffer_added());
 * NULL when that would exceed the limit. */
static inline char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (size > buffer_room(buffer))
        return NULL;
    if (size > buffer->capacity - buffer->end)
        buffer_make_room(buffer, size);
    return buffer->data + buffer->end;
}

static inline void buffer_added(struct buffer *buffer, size_t size)
{
    CHECK(size <= buffer->capacity - buffer->end);
    buffer->end += size;
}

/* Each is false, with nothing appended, when the limit would be exceeded. The first is inline: what is
 * appended to heads is mostly constant. */
static inline bool buffer_append(struct buffer *buffer, struct slice bytes)
{
    if (bytes.size == 0)
        return true;
    char *place = buffer_reserve(buffer, bytes.size);
    if (!place)
        return false;
    memcpy(place, bytes.data, bytes.size);
    buffer->end += bytes.size;
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) bool buffer_append_format(struct buffer *buffer, const char *format,
                                                                ...);

/* size <= buffer_size() */
static inline void buffer_consume(struct buffer *buffer, size_t size)
{
    CHECK(size <= buffer_size(buffer));
    buffer->start += size;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->start = buffer->end = 0;
}
