/* When a gate has more than its share of the connections (design §2 "Accepting").
 *
 * All gates share the listening sockets and the kernel prefers one of the sleepers, so a gate above the mean
 * takes its listeners out of its epoll set until the others have caught up. Pure arithmetic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What counts of one gate's page. */
struct balance_gate {
    uint64_t open;
    int64_t tick_ms;
    bool draining;
};

enum {
    BALANCE_TICK_STALE_MS = 10000, /* an older tick: hung or dead */
    BALANCE_LOOK_AGAIN_MS = 20,
};

/* True when gate `own` of `gates` should pause: it has more than mean + 4 + mean / 8 over the gates that
 * accept, of which there are others. */
bool balance_is_over(const struct balance_gate *gates, size_t count, size_t own, int64_t now_ms);
