#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"

enum { BUFFER_SMALLEST = 256 };

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER(buffer->limit);
}

static void buffer_compact(struct buffer *buffer)
{
    if (buffer->start == 0)
        return;
    memmove(buffer->data, buffer->data + buffer->start, buffer_size(buffer));
    buffer->end -= buffer->start;
    buffer->start = 0;
}

static void buffer_grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_SMALLEST;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buffer->limit)
        capacity = buffer->limit;
    buffer->data = memory_resize(buffer->data, capacity);
    buffer->capacity = capacity;
}

void buffer_make_room(struct buffer *buffer, size_t size)
{
    buffer_compact(buffer);
    if (size > buffer->capacity - buffer->end)
        buffer_grow(buffer, buffer->end + size);
}

bool buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, slice_of_text(text));
}

bool buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    bool fits = buffer_append(buffer, slice_of(text, (size_t)length));
    free(text);
    return fits;
}
