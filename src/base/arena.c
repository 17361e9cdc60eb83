#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/memory.h"

enum { ARENA_BLOCK = 2048 };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t capacity;
    alignas(max_align_t) char bytes[];
};

static struct arena_block *arena_block_with(struct arena *arena, size_t size)
{
    struct arena_block *newest = arena->newest;
    if (newest && size <= newest->capacity - newest->used)
        return newest;
    size_t capacity = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    size_t whole = sizeof(struct arena_block) + capacity;
    if (whole > arena->limit - arena->used)
        return NULL;
    struct arena_block *block = memory_resize(NULL, whole);
    *block = (struct arena_block){.older = newest, .capacity = capacity};
    arena->newest = block;
    arena->used += whole;
    return block;
}

static void *take(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    if (size > arena->limit)
        return NULL;
    size = (size + alignment - 1) & ~(alignment - 1);
    struct arena_block *block = arena_block_with(arena, size);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *arena_new(struct arena *arena, size_t size)
{
    void *memory = take(arena, size);
    return memory ? memset(memory, 0, size) : NULL;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = take(arena, bytes.size + 1);
    if (!copy)
        return (struct slice){0};
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    return slice_of(copy, bytes.size);
}

struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t size = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    char *whole = take(arena, size + 1);
    if (!whole)
        return (struct slice){0};
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(whole + used, parts[i].data, parts[i].size);
        used += parts[i].size;
    }
    whole[size] = 0;
    return slice_of(whole, size);
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    struct slice copy = arena_copy(arena, slice_of(text, (size_t)length));
    free(text);
    return copy;
}

void arena_free(struct arena *arena)
{
    while (arena->newest) {
        struct arena_block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->used = 0;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->newest;
    while (block && block->older) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    arena->newest = block;
    if (block && block->capacity > ARENA_BLOCK) {
        arena_free(arena);
    } else if (block) {
        block->used = 0;
        arena->used = sizeof *block + block->capacity;
    }
}
