/* A page is its gate's: what it says is believed about numbers, and about nothing else. */
#include "keep/traffic.h"

static uint64_t traffic_read(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

void traffic_note(const struct slot *slots, unsigned count, struct targets *targets)
{
    int socket;
    for (size_t i = 0; i < targets_count(targets); i++) {
        unsigned place = targets_row(targets, i, &socket)->slot;
        struct targets_traffic traffic = {0};
        for (unsigned s = 0; s < count && place < PAGE_TARGETS; s++) {
            const struct page_target *row = &slots[s].page->targets[place];
            int64_t last_ms = (int64_t)traffic_read(&row->last_activity_ms);
            traffic.streams += traffic_read(&row->streams);
            traffic.last_ms = last_ms > traffic.last_ms ? last_ms : traffic.last_ms;
        }
        if (place < PAGE_TARGETS)
            targets_set_traffic(targets, i, &traffic);
    }
}
