/* A bit per slot. */
#include "base/check.h"

#include "keep/askers.h"

void askers_set(struct askers *askers, unsigned slot, bool asks)
{
    CHECK(slot < ASKERS_MOST);
    uint64_t bit = UINT64_C(1) << (slot % 64);
    if (asks)
        askers->bits[slot / 64] |= bit;
    else
        askers->bits[slot / 64] &= ~bit;
}

bool askers_any(const struct askers *askers)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < ASKERS_MOST / 64; i++)
        any |= askers->bits[i];
    return any != 0;
}
