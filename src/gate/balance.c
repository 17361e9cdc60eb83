/* The margin of 4 keeps a nearly idle gate from pausing over single connections; the eighth bounds how uneven
 * many connections may lie. */
#include "gate/balance.h"

static bool accepts(const struct balance_gate *gate, int64_t now_ms)
{
    return !gate->draining && now_ms - gate->tick_ms <= BALANCE_TICK_STALE_MS;
}

bool balance_is_over(const struct balance_gate *gates, size_t count, size_t own, int64_t now_ms)
{
    uint64_t total = gates[own].open, accepting = 1;
    for (size_t i = 0; i < count; i++) {
        if (i == own || !accepts(&gates[i], now_ms))
            continue;
        total += gates[i].open;
        accepting++;
    }
    uint64_t mean = total / accepting;
    return accepting > 1 && gates[own].open > mean + 4 + mean / 8;
}
