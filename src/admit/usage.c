/* Two sessions with one place take turns: each waits until the other's report is an interval old. */
#include <stdlib.h>

#include "base/memory.h"

#include "admit/usage.h"

struct usage {
    int64_t told_ms[USAGE_PLACES]; /* 0: never */
};

struct usage *usage_new(void)
{
    return MEMORY_NEW(struct usage);
}

static uint32_t place_of(const char *id)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619U;
    return hash % USAGE_PLACES;
}

bool usage_is_due(struct usage *usage, const char *id, int64_t interval_ms, int64_t now_ms)
{
    int64_t *told_ms = &usage->told_ms[place_of(id)];
    if (*told_ms > 0 && now_ms - *told_ms < interval_ms)
        return false;
    *told_ms = now_ms > 0 ? now_ms : 1;
    return true;
}

void usage_free(struct usage **usage)
{
    free(*usage);
    *usage = NULL;
}
