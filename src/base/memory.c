#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static void *memory_or_die(void *memory, size_t size)
{
    if (memory || size == 0)
        return memory;
    fprintf(stderr, "reeve: out of memory (%zu bytes)\n", size);
    abort();
}

void *memory_new(size_t size)
{
    return memory_or_die(calloc(1, size ? size : 1), size);
}

void *memory_new_array(size_t size, size_t count)
{
    size_t product = 0;
    CHECK(!__builtin_mul_overflow(size, count, &product));
    return memory_new(product);
}

void *memory_resize(void *old, size_t size)
{
    return memory_or_die(realloc(old, size ? size : 1), size);
}

void *memory_copy(const void *source, size_t size)
{
    void *copy = memory_new(size);
    if (size)
        memcpy(copy, source, size);
    return copy;
}

char *memory_text(const char *text)
{
    return text ? memory_text_of(text, strlen(text)) : NULL;
}

char *memory_text_of(const char *bytes, size_t size)
{
    char *text = memory_new(size + 1);
    if (size)
        memcpy(text, bytes, size);
    return text;
}

char *memory_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return memory_or_die(length < 0 ? NULL : text, (size_t)1);
}
