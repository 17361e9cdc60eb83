/* The armed timers of one loop, earliest first: a 4-ary heap that keeps each due time beside its pointer,
 * so that a comparison stays within one cache line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_timer;

struct timer_heap_entry {
    int64_t due_us;
    struct loop_timer *timer;
};

/* All zero: empty. timer->place is the index in `entries` plus 1 while the timer is in the heap. */
struct timer_heap {
    struct timer_heap_entry *entries;
    size_t count;
    size_t capacity;
};

/* Puts the timer in, or moves it when it is in already. Sets timer->due_us and timer->place. */
void timer_heap_set(struct timer_heap *heap, struct loop_timer *timer, int64_t due_us);
/* The timer must be in the heap. */
void timer_heap_remove(struct timer_heap *heap, struct loop_timer *timer);
/* The earliest timer, or NULL. */
struct loop_timer *timer_heap_first(const struct timer_heap *heap);
void timer_heap_free(struct timer_heap *heap);
