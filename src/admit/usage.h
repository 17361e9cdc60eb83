/* When to tell the keeper that a session is in use: for each at most once in an interval, and for all
 * together at most USAGE_PLACES in it, however many there are. Pure: time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { USAGE_PLACES = 4096 };

struct usage;

struct usage *usage_new(void);
/* Whether its use is to be told now; then it counts as told. */
bool usage_is_due(struct usage *usage, const char *id, int64_t interval_ms, int64_t now_ms);
void usage_free(struct usage **usage);
