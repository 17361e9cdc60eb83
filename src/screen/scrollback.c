/* Blocks of records; each record has its size in front and behind, so that both ends can be taken away. */
#include <stdlib.h>

#include "base/memory.h"
#include "screen/scrollback.h"

enum { BLOCK_SIZE = 32 << 10, SIZE = sizeof(uint32_t) };

struct scrollback_block {
    struct scrollback_block *older, *newer;
    size_t start, end, capacity;
    char data[];
};

static uint32_t size_at(const struct scrollback_block *block, size_t offset)
{
    uint32_t size;
    memcpy(&size, block->data + offset, SIZE);
    return size;
}

static void drop_block(struct scrollback *scrollback, struct scrollback_block *block)
{
    *(block->older ? &block->older->newer : &scrollback->oldest) = block->newer;
    *(block->newer ? &block->newer->older : &scrollback->newest) = block->older;
    free(block);
}

static void account(struct scrollback *scrollback, size_t size)
{
    scrollback->lines--;
    scrollback->bytes -= size + 2 * SIZE;
}

static void drop_oldest(struct scrollback *scrollback)
{
    struct scrollback_block *block = scrollback->oldest;
    uint32_t size = size_at(block, block->start);
    block->start += size + 2 * SIZE;
    account(scrollback, size);
    if (block->start == block->end)
        drop_block(scrollback, block);
}

static struct scrollback_block *add_block(struct scrollback *scrollback, size_t needed)
{
    size_t capacity = needed > BLOCK_SIZE ? needed : BLOCK_SIZE;
    struct scrollback_block *block = memory_resize(NULL, sizeof *block + capacity);
    *block = (struct scrollback_block){.older = scrollback->newest, .capacity = capacity};
    *(scrollback->newest ? &scrollback->newest->newer : &scrollback->oldest) = block;
    return scrollback->newest = block;
}

void scrollback_push(struct scrollback *scrollback, struct slice line)
{
    size_t needed = line.size + 2 * SIZE;
    if (needed > scrollback->most_bytes || scrollback->most_lines == 0) {
        scrollback_clear(scrollback); /* what lies above a hole is of no use */
        return;
    }
    while (scrollback->lines >= scrollback->most_lines || scrollback->bytes + needed > scrollback->most_bytes)
        drop_oldest(scrollback);
    if (scrollback->newest && scrollback->newest->start == scrollback->newest->end)
        drop_block(scrollback, scrollback->newest); /* emptied by scrollback_pop() */
    struct scrollback_block *block = scrollback->newest;
    if (!block || block->capacity - block->end < needed)
        block = add_block(scrollback, needed);
    uint32_t size = (uint32_t)line.size;
    memcpy(block->data + block->end, &size, SIZE);
    if (size)
        memcpy(block->data + block->end + SIZE, line.data, size);
    memcpy(block->data + block->end + SIZE + size, &size, SIZE);
    block->end += needed;
    scrollback->lines++;
    scrollback->bytes += needed;
}

bool scrollback_pop(struct scrollback *scrollback, struct slice *line)
{
    struct scrollback_block *block = scrollback->newest;
    if (block && block->start == block->end) { /* left for the bytes of the last pop */
        drop_block(scrollback, block);
        block = scrollback->newest;
    }
    if (!block)
        return false;
    uint32_t size = size_at(block, block->end - SIZE);
    block->end -= size + 2 * SIZE;
    *line = slice_of(block->data + block->end + SIZE, size);
    account(scrollback, size);
    return true;
}

void scrollback_trim(struct scrollback *scrollback)
{
    while (scrollback->lines > scrollback->most_lines || scrollback->bytes > scrollback->most_bytes)
        drop_oldest(scrollback);
}

void scrollback_clear(struct scrollback *scrollback)
{
    while (scrollback->newest)
        drop_block(scrollback, scrollback->newest);
    scrollback->lines = scrollback->bytes = 0;
}

bool scrollback_next(const struct scrollback *scrollback, struct scrollback_walk *walk, struct slice *line)
{
    if (!walk->begun) {
        walk->begun = true;
        walk->block = scrollback->oldest;
        walk->offset = walk->block ? walk->block->start : 0;
    }
    while (walk->block && walk->offset == walk->block->end) {
        walk->block = walk->block->newer;
        walk->offset = walk->block ? walk->block->start : 0;
    }
    if (!walk->block)
        return false;
    uint32_t size = size_at(walk->block, walk->offset);
    *line = slice_of(walk->block->data + walk->offset + SIZE, size);
    walk->offset += size + 2 * SIZE;
    return true;
}
