/* What the keeper makes of its own process before it starts others. */
#pragma once

#include "base/log.h"

/* Becomes the subreaper of all that it starts, and may open as many files as it is allowed to. Returns the
 * soft limit that was there before, which kept processes start with; 0: it is as it was. */
int64_t process_prepare(void);
/* `wanted` gates, 0: one per CPU; at most `most`, which is logged. */
unsigned process_workers(unsigned wanted, unsigned most, const struct log *log);
