/* The shared pages of all gates as one of them holds them: its own to write, the others' to read (design §2).
 */
#pragma once

#include "base/error.h"
#include "link/page.h"

#include "gate/balance.h"

enum { PAGES_MOST = 16 };

struct pages {
    struct page *own;
    struct page *keeper;
    struct page *others[PAGES_MOST]; /* other gates' */
    size_t other_count;
};

/* `fds` as they come with MESSAGE_GATE_HELLO: own, keeper's, the others'; they stay the caller's. What a
 * predecessor in this slot left in the own page is cleared. False with the text. */
bool pages_map(struct pages *pages, const int *fds, size_t count, struct error *error);
void pages_unmap(struct pages *pages);
/* Says who writes the own page, since when. */
void pages_begin(struct pages *pages, uint64_t generation, int64_t now_ms);
/* True when this gate should leave the next connections to others (gate/balance.h). */
bool pages_is_over(const struct pages *pages, int64_t now_ms);

static inline void pages_store(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

/* Only one process writes a page: no read-modify-write is needed. */
static inline void pages_add(_Atomic uint64_t *number, uint64_t more)
{
    pages_store(number, atomic_load_explicit(number, memory_order_relaxed) + more);
}
