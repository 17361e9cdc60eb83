/* Open addressing within a window: a reader looks at all of it, because a slot that has become free in its
 * middle ends nothing. */
#include "base/check.h"

#include "link/page_slots.h"

enum { WINDOW = 64, COUNT_BITS = 16, COUNT_MOST = (1 << COUNT_BITS) - 1 };

static uint64_t load(const _Atomic uint64_t *slot)
{
    return atomic_load_explicit(slot, memory_order_relaxed);
}

/* The upper bits of a slot with this key; never 0. */
static uint64_t mark_of(uint64_t key)
{
    uint64_t mark = key >> COUNT_BITS;
    return mark ? mark : 1;
}

/* Its index, or -1. */
static int find(const struct page *page, uint64_t key)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        unsigned at = (unsigned)((key + i) % PAGE_SLOTS);
        uint64_t slot = load(&page->slots[at]);
        if (slot >> COUNT_BITS == mark_of(key) && (slot & COUNT_MOST) > 0)
            return (int)at;
    }
    return -1;
}

static int find_free(const struct page *page, uint64_t key)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        unsigned at = (unsigned)((key + i) % PAGE_SLOTS);
        if (load(&page->slots[at]) == 0)
            return (int)at;
    }
    return -1;
}

/* Two gates that count up at the same time must not both miss the other's: each stores, then looks. */
static void store(_Atomic uint64_t *slot, uint64_t value)
{
    atomic_store_explicit(slot, value, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
}

bool page_slots_add(struct page *page, uint64_t key)
{
    int at = find(page, key);
    if (at < 0)
        at = find_free(page, key);
    if (at < 0)
        return false;
    uint64_t count = load(&page->slots[at]) & COUNT_MOST;
    if (count == COUNT_MOST)
        return false;
    store(&page->slots[at], mark_of(key) << COUNT_BITS | (count + 1));
    return true;
}

void page_slots_remove(struct page *page, uint64_t key)
{
    int at = find(page, key);
    CHECK(at >= 0);
    uint64_t slot = load(&page->slots[at]) - 1;
    store(&page->slots[at], (slot & COUNT_MOST) > 0 ? slot : 0);
}

uint64_t page_slots_count(const struct page *page, uint64_t key)
{
    int at = find(page, key);
    return at < 0 ? 0 : load(&page->slots[at]) & COUNT_MOST;
}

void page_slots_clear(struct page *page)
{
    for (unsigned i = 0; i < PAGE_SLOTS; i++)
        if (load(&page->slots[i]) != 0)
            store(&page->slots[i], 0);
}
