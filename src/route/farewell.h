/* Telling many that it is over, evenly: up to FAREWELL_AT_ONCE at once, more over a while, so that those who
 * come back do not come back together.
 *
 * Of those who wait, each look tells the share of the time that has passed of what was left. A process that
 * was held up does not catch up with more than FAREWELL_CATCH_UP_MS: who was not told in time is spread over
 * the rest. So no second has twice the mean, unless most of the while was lost. */
#pragma once

#include "loop/loop.h"

enum { FAREWELL_AT_ONCE = 100, FAREWELL_STEP_MS = 20, FAREWELL_CATCH_UP_MS = 250, FAREWELL_PARTS = 1 << 16 };

/* Part of its owner's object; all zero is one that has not begun. */
struct farewell {
    size_t waiting; /* the owner's: who is still to be told; less by one when one of them leaves or is told */
    struct loop *loop;
    struct loop_timer step;
    int64_t until_us, looked_us;
    int64_t
        owed; /* who is due, in parts of 1 / FAREWELL_PARTS; what is less than one waits for the next look */
    /* Tells the next one, and counts it off; from the loop. */
    void (*tell_next)(struct farewell *farewell);
};

/* Those who wait now are told within `spread_ms`. From the loop only, never from inside the call; a second
 * call begins anew with those who wait then. */
void farewell_begin(struct farewell *farewell, struct loop *loop, int64_t spread_ms,
                    void (*tell_next)(struct farewell *farewell));
void farewell_stop(struct farewell *farewell);
/* What of `waiting` (up to a million) has become due, in parts of 1 / FAREWELL_PARTS, when one looked
 * `passed_us` ago and `left_us` are left (0 or less: all of it). Pure. */
int64_t farewell_due(size_t waiting, int64_t passed_us, int64_t left_us);
