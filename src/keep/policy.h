/* What follows the end of a run: arithmetic on (history, how it ended, settings), nothing else (design §4).
 *
 * Under `always` and `on-failure` a target is never given up: it is tried for ever, each time later, up to
 * the cap. A run that was ready and lasted `reset_after_ms` starts the count anew. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct policy_history {
    unsigned failures; /* ends in a row without a stable run between them */
};

struct policy_end {
    bool success;      /* exited with 0 */
    bool ran;          /* false: it never came to a run (a dependency failed, no port was free) */
    int64_t stable_ms; /* how long the run lasted when it had been ready; else 0 */
};

enum policy_verdict {
    POLICY_RETRY,  /* after delay_ms */
    POLICY_ENDED,  /* done, with success */
    POLICY_FAILED, /* done, without */
};

struct policy_decision {
    enum policy_verdict verdict;
    int64_t delay_ms;              /* POLICY_RETRY only */
    struct policy_history history; /* the new one */
};

/* A run that ended like this is the last one. */
bool policy_is_final(enum config_restart restart, bool success);

/* The delay is initial × 2^(failures - 1), at most max, then ± 20 % by `random` (any 32 bits), so that many
 * that failed together do not come back together. What never ran is tried again under every policy. */
struct policy_decision policy_decide(enum config_restart restart, const struct config_backoff *backoff,
                                     struct policy_history history, const struct policy_end *end,
                                     uint32_t random);
