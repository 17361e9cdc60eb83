/* May a request go to a target? The rule alone. Pure. */
#pragma once

#include "wire/target.h"

enum backends_verdict {
    BACKENDS_GO,
    BACKENDS_WAIT,   /* it is starting, or will when asked to */
    BACKENDS_REFUSE, /* not now: 503 with the cause */
};

enum backends_verdict backends_verdict_of(const struct target_row *row, bool keeper_away);
