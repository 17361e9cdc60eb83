#include <string.h>

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

static bool loop_policy_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool loop_policy_same_command(const struct config_texts *a, const struct config_texts *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

bool loop_policy_same(const struct config_loop *a, const struct config_loop *b)
{
    return a->every_ms == b->every_ms && loop_policy_same_text(a->at, b->at) &&
           loop_policy_same_text(a->directory, b->directory) &&
           loop_policy_same_command(&a->command, &b->command) &&
           loop_policy_same_text(a->http.to, b->http.to) &&
           loop_policy_same_text(a->http.path, b->http.path) &&
           loop_policy_same_text(a->http.method, b->http.method) && a->timeout_ms == b->timeout_ms &&
           a->overlap == b->overlap && a->jitter == b->jitter;
}
