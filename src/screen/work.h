/* How much one feed may do: few bytes can ask for much work, and then the rest of them is left for later. */
#pragma once

#include "screen/state.h"

enum {
    WORK_MOST = 1 << 20, /* cells for which not the bytes pay */
    WORK_PER_ROW = 4,    /* cells that are as much work as a row that is moved or emptied */
};

/* Something was done that is more work than its bytes are. */
static inline void work_add(struct screen *screen, int64_t cells)
{
    screen->work += cells;
    if (screen->work >= WORK_MOST)
        screen->parser.stopped = true;
}
