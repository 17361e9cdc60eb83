/* A queue of bytes with a cap: appended at the end, consumed at the front.
 *
 * Invariant: the bytes from `start` to `end` of `data` are held; end - start never exceeds `limit`.
 * An all-zero struct with a limit is a valid empty buffer; it owns no memory until first use and
 * gives it back with buffer_free(). */
#pragma once

#include <stdbool.h>
#include <stdarg.h>

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
size_t buffer_size(const struct buffer *buffer);
size_t buffer_room(const struct buffer *buffer);        /* bytes that may still be appended */
struct slice buffer_slice(const struct buffer *buffer); /* valid until the next change */

/* Makes room for `size` more bytes and returns where to write them (then call buffer_added());
 * NULL when that would exceed the limit. */
char *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_added(struct buffer *buffer, size_t size);

/* Each is false, with nothing appended, when the limit would be exceeded. */
bool buffer_append(struct buffer *buffer, struct slice bytes);
bool buffer_append_text(struct buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) bool buffer_append_format(struct buffer *buffer, const char *format,
                                                                ...);

void buffer_consume(struct buffer *buffer, size_t size); /* size <= buffer_size() */
void buffer_clear(struct buffer *buffer);
