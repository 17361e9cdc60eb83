/* What counts against a cap over all gates, as each gate shows it in its page (design §2 "Across gates"): so
 * many open streams for a key, which stands for a route, or a user or an address at a route.
 *
 * A slot is one number, key and count together, so that a reader never sees half a change. A key has its
 * place near where its hash points. Only the owner of a page writes; whoever wants to know adds up the pages.
 */
#pragma once

#include <stdbool.h>

#include "link/page.h"

/* One stream more for `key` (any number that is spread well). False: there is no place left near it; nothing
 * was counted. What is counted is seen by others before this returns. */
bool page_slots_add(struct page *page, uint64_t key);
/* One less; it was added before. */
void page_slots_remove(struct page *page, uint64_t key);
uint64_t page_slots_count(const struct page *page, uint64_t key);
/* Of a page whose last owner has died. */
void page_slots_clear(struct page *page);
