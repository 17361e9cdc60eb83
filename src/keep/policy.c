/* See the header; the clock and the dice are the caller's. */
#include <limits.h>

#include "keep/policy.h"

static int64_t policy_delay(const struct config_backoff *backoff, unsigned failures, uint32_t random)
{
    int64_t delay = backoff->initial_ms;
    for (unsigned i = 1; i < failures && delay < backoff->max_ms; i++)
        delay = delay > INT64_MAX / 2 ? backoff->max_ms : delay * 2;
    if (delay > backoff->max_ms)
        delay = backoff->max_ms;
    /* random / 2^32 is in [0, 1): the factor is in [0.8, 1.2). Whole seconds fit: max is far below 2^53. */
    double factor = 0.8 + 0.4 * ((double)random / 4294967296.0);
    int64_t jittered = (int64_t)((double)delay * factor);
    return jittered > 0 ? jittered : 1;
}

bool policy_is_final(enum config_restart restart, bool success)
{
    return restart == CONFIG_RESTART_NEVER || (success && restart != CONFIG_RESTART_ALWAYS);
}

static enum policy_verdict policy_verdict(enum config_restart restart, const struct policy_end *end)
{
    if (!end->ran || !policy_is_final(restart, end->success))
        return POLICY_RETRY;
    return end->success ? POLICY_ENDED : POLICY_FAILED;
}

struct policy_decision policy_decide(enum config_restart restart, const struct config_backoff *backoff,
                                     struct policy_history history, const struct policy_end *end,
                                     uint32_t random)
{
    struct policy_decision decision = {.verdict = policy_verdict(restart, end)};
    if (decision.verdict != POLICY_RETRY)
        return decision;
    unsigned failures = end->stable_ms >= backoff->reset_after_ms ? 0 : history.failures;
    decision.history.failures = failures < UINT_MAX ? failures + 1 : failures;
    decision.delay_ms = policy_delay(backoff, decision.history.failures, random);
    return decision;
}
