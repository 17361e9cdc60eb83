/* A 4-ary min-heap over due times: flatter than a binary one, and moving a timer that is re-armed for
 * later touches few levels. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "loop/loop.h"
#include "loop/timer_heap.h"

enum { CHILDREN = 4, FIRST_CAPACITY = 64 };

static void put(struct timer_heap *heap, size_t index, struct timer_heap_entry entry)
{
    heap->entries[index] = entry;
    entry.timer->place = index + 1;
}

static void sift_up(struct timer_heap *heap, size_t index, struct timer_heap_entry entry)
{
    while (index > 0) {
        size_t parent = (index - 1) / CHILDREN;
        if (heap->entries[parent].due_us <= entry.due_us)
            break;
        put(heap, index, heap->entries[parent]);
        index = parent;
    }
    put(heap, index, entry);
}

static void sift_down(struct timer_heap *heap, size_t index, struct timer_heap_entry entry)
{
    for (;;) {
        size_t least = index * CHILDREN + 1;
        if (least >= heap->count)
            break;
        size_t end = least + CHILDREN < heap->count ? least + CHILDREN : heap->count;
        for (size_t child = least + 1; child < end; child++) {
            if (heap->entries[child].due_us < heap->entries[least].due_us)
                least = child;
        }
        if (heap->entries[least].due_us >= entry.due_us)
            break;
        put(heap, index, heap->entries[least]);
        index = least;
    }
    put(heap, index, entry);
}

/* Finds the place for `entry`, starting from a free slot. */
static void settle(struct timer_heap *heap, size_t index, struct timer_heap_entry entry)
{
    if (index > 0 && heap->entries[(index - 1) / CHILDREN].due_us > entry.due_us)
        sift_up(heap, index, entry);
    else
        sift_down(heap, index, entry);
}

void timer_heap_set(struct timer_heap *heap, struct loop_timer *timer, int64_t due_us)
{
    timer->due_us = due_us;
    struct timer_heap_entry entry = {.due_us = due_us, .timer = timer};
    if (timer->place != 0) {
        settle(heap, timer->place - 1, entry);
        return;
    }
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
        heap->entries = memory_resize(heap->entries, heap->capacity * sizeof *heap->entries);
    }
    heap->count++;
    sift_up(heap, heap->count - 1, entry);
}

void timer_heap_remove(struct timer_heap *heap, struct loop_timer *timer)
{
    size_t index = timer->place - 1;
    CHECK(index < heap->count && heap->entries[index].timer == timer);
    timer->place = 0;
    struct timer_heap_entry last = heap->entries[--heap->count];
    if (last.timer != timer)
        settle(heap, index, last);
}

struct loop_timer *timer_heap_first(const struct timer_heap *heap)
{
    return heap->count ? heap->entries[0].timer : NULL;
}

void timer_heap_free(struct timer_heap *heap)
{
    free(heap->entries);
    *heap = (struct timer_heap){0};
}
