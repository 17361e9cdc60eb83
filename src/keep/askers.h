/* Which gates ask for a target: a set of slots. All zero: nobody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ASKERS_MOST = 256 };

struct askers {
    uint64_t bits[ASKERS_MOST / 64];
};

/* `slot` is below ASKERS_MOST. */
void askers_set(struct askers *askers, unsigned slot, bool asks);
bool askers_any(const struct askers *askers);
