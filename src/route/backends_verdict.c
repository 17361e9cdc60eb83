/* A table of states would be longer than this. */
#include "base/check.h"

#include "route/backends_verdict.h"

/* What an operator has stopped, only an operator starts again. */
static bool comes_up_when_asked(const struct target_row *row)
{
    bool stopped = row->state == TARGET_DOWN && row->cause.kind == TARGET_CAUSE_STOPPED;
    return row->wanted || (row->demand && !stopped);
}

enum backends_verdict backends_verdict_of(const struct target_row *row, bool keeper_away)
{
    if (row->ready)
        return BACKENDS_GO;
    if (keeper_away)
        return BACKENDS_REFUSE;
    switch (row->state) {
    case TARGET_STARTING:
    case TARGET_READY: /* not the row's `ready`: its address is still to come */
        return BACKENDS_WAIT;
    case TARGET_DOWN:
    case TARGET_STOPPING:
        return comes_up_when_asked(row) ? BACKENDS_WAIT : BACKENDS_REFUSE;
    case TARGET_BACKOFF:
    case TARGET_ENDED:
    case TARGET_FAILED:
        return BACKENDS_REFUSE;
    }
    UNREACHABLE();
}
