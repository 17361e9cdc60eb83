/* What a hold says of itself and of its main process, held against what the record and the kernel know
 * (design §4): a hold is believed about its own run only. Looks into /proc; signals nobody. */
#pragma once

#include "wire/hold.h"

#include "keep/record.h"

/* How we came to speak with it. */
struct claims_witness {
    bool adopted;     /* an earlier keeper started it: it is who answered on its socket */
    pid_t peer;       /* of an adopted one, by SO_PEERCRED */
    int hold_program; /* descriptor of reeve-hold: what one that we started must be running */
};

/* It is the hold of this record. Sets `hold` (may be the record's own) only when it is. */
bool claims_hold(const struct record *record, const struct hold_hello *hello,
                 const struct claims_witness *witness, struct identity *hold);

enum claims_verdict {
    CLAIMS_TRUE,
    CLAIMS_GONE,  /* it ended already: cannot be checked, and is not needed any more */
    CLAIMS_FALSE, /* not a child of the record's hold, or not the process that it was */
};

/* `pid`, begun at `start_time` (0: it does not say), is the main process. Sets `found` with CLAIMS_TRUE. */
enum claims_verdict claims_main(const struct record *record, int64_t pid, int64_t start_time,
                                struct identity *found);
