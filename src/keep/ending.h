/* Why a run ends, as far as we have a hand in it, and what that means for what follows. Pure. */
#pragma once

#include "keep/cause.h"
#include "keep/policy.h"
#include "keep/table.h"

enum ending {
    ENDING_ITSELF,    /* by itself, or its hold was lost: policy decides, the cause is its own */
    ENDING_NOT_READY, /* we gave up waiting: policy decides, the cause was set then */
    ENDING_STOP,      /* the operator or the end of reeve: down, unless it is wanted again by then */
    ENDING_UNWANTED,  /* nobody waited any more: the same */
    ENDING_RESTART,   /* the next one begins at once */
};
enum { ENDINGS = ENDING_RESTART + 1 };

/* The reason after `event` happened in `state`; for a run that is stopping already the last word of the
 * operator counts. */
enum ending ending_after(enum ending ending, enum target_state state, enum table_event event);
/* Whether policy may take the run for one that did its work: one that did not get ready has failed, however
 * politely it went when it was told to. */
bool ending_is_success(enum ending ending, const struct target_cause *cause);
/* The event that tells of the run's end: `policy` where policy decides. `stopped`: it shall not run whoever
 * wants it. */
enum table_event ending_event(enum ending ending, bool stopped, bool wanted, enum table_event policy);
/* What policy says, as an event. */
enum table_event ending_of_policy(enum policy_verdict verdict);
/* The cause's text; NULL where we have none. `stopped` (may be NULL) says who stopped it. */
const char *ending_text(enum ending ending, const char *stopped);
