#include "keep/loop_policy.h"

static int64_t loop_policy_at(const struct config_loop *loop, const struct loop_policy_now *now)
{
    int64_t next_ms = cron_next(&loop->cron, now->wall_ms, now->zone);
    return next_ms < 0 ? INT64_MAX : next_ms - now->wall_ms;
}

static int64_t loop_policy_every(const struct config_loop *loop, unsigned failures)
{
    int64_t most_ms = loop->every_ms > LOOP_POLICY_SLOWEST_MS ? loop->every_ms : LOOP_POLICY_SLOWEST_MS;
    int64_t pause_ms = loop->every_ms;
    for (unsigned i = 1; i < failures && pause_ms < most_ms; i++)
        pause_ms *= 2;
    return pause_ms < most_ms ? pause_ms : most_ms;
}

int64_t loop_policy_pause(const struct config_loop *loop, const struct loop_policy_now *now)
{
    if (!loop->every_ms)
        return loop_policy_at(loop, now);
    /* random / 2^32 is in [0, 1): the factor is in [1 - jitter, 1 + jitter). */
    double jitter = (double)loop->jitter / 100 * (2 * ((double)now->random / 4294967296.0) - 1);
    int64_t pause_ms = (int64_t)((double)loop_policy_every(loop, now->failures) * (1 + jitter));
    return pause_ms > 0 ? pause_ms : 1;
}

int64_t loop_policy_first(const struct config_loop *loop, const struct loop_policy_now *now)
{
    return loop->every_ms ? 0 : loop_policy_at(loop, now);
}
