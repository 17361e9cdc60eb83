/* A page outlives the gate that wrote it, so that totals go on; what was open died with that gate. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "link/page_slots.h"

#include "gate/pages.h"

enum { OWN, KEEPER, FIRST_OTHER };

bool pages_map(struct pages *pages, const int *fds, size_t count, struct error *error)
{
    *pages = (struct pages){0};
    if (count < FIRST_OTHER || count > PAGES_MOST)
        return error_set(error, "%zu shared pages came", count);
    pages->own = page_map(fds[OWN], 1);
    pages->keeper = page_map(fds[KEEPER], 0);
    bool mapped = pages->own && pages->keeper;
    for (size_t i = FIRST_OTHER; mapped && i < count; i++) {
        struct page *other = page_map(fds[i], 0);
        mapped = other != NULL;
        if (mapped)
            pages->others[pages->other_count++] = other;
    }
    if (mapped)
        return true;
    error_set(error, "a shared page cannot be mapped: %s", strerror(errno));
    pages_unmap(pages);
    return false;
}

void pages_unmap(struct pages *pages)
{
    page_unmap(&pages->own);
    page_unmap(&pages->keeper);
    for (size_t i = 0; i < pages->other_count; i++)
        page_unmap(&pages->others[i]);
    pages->other_count = 0;
}

void pages_begin(struct pages *pages, uint64_t generation, int64_t now_ms)
{
    struct page *own = pages->own;
    pages_store(&own->open, 0);
    pages_store(&own->draining, 0);
    for (size_t i = 0; i < PAGE_TARGETS; i++)
        pages_store(&own->targets[i].streams, 0);
    page_slots_clear(own);
    pages_store(&own->pid, (uint64_t)getpid());
    pages_store(&own->generation, generation);
    pages_store(&own->tick_ms, (uint64_t)now_ms);
    atomic_store_explicit(&own->version, PAGE_VERSION, memory_order_release);
}

static struct balance_gate balance_of(const struct page *page)
{
    return (struct balance_gate){
        .open = atomic_load_explicit(&page->open, memory_order_relaxed),
        .tick_ms = (int64_t)atomic_load_explicit(&page->tick_ms, memory_order_relaxed),
        .draining = atomic_load_explicit(&page->draining, memory_order_relaxed) != 0,
    };
}

bool pages_is_over(const struct pages *pages, int64_t now_ms)
{
    struct balance_gate gates[PAGES_MOST];
    gates[0] = balance_of(pages->own);
    for (size_t i = 0; i < pages->other_count; i++)
        gates[i + 1] = balance_of(pages->others[i]);
    return balance_is_over(gates, pages->other_count + 1, 0, now_ms);
}
