/* When a loop runs next: arithmetic on (settings, failures in a row, now), nothing else (design §5). */
#pragma once

#include "config/config.h"

struct loop_policy_now {
    unsigned failures; /* runs in a row that failed, the last one included */
    int64_t wall_ms;
    uint32_t random;    /* any 32 bits: the jitter */
    cron_zone_fn *zone; /* of `at` */
};

enum { LOOP_POLICY_SLOWEST_MS = 30000 };

/* How long to wait after a run has ended. `every` after a success and a first failure; it doubles with each
 * further failure in a row, up to LOOP_POLICY_SLOWEST_MS or `every`, whichever is longer; then the jitter.
 * With `at` the next of its times, whatever became of the last run; INT64_MAX when none comes. */
int64_t loop_policy_pause(const struct config_loop *loop, const struct loop_policy_now *now);
/* How long to wait for the first run of all: none with `every`; `at` waits for its time. */
int64_t loop_policy_first(const struct config_loop *loop, const struct loop_policy_now *now);
/* Whether a loop that runs under `a` may go on under `b` as if nothing had been changed. */
bool loop_policy_same(const struct config_loop *a, const struct config_loop *b);
