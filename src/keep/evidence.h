/* What the journal keeps of a run's processes, so that `reeve why` can tell it. Pure. */
#pragma once

#include "wire/hold.h"
#include "wire/target.h"

#include "keep/record.h"

/* Whom we deal with: {pid, start_time, started_ms, nonce: "ok" | "not checked"}. `known`: its hold has shown
 * the record's nonce, and the pid is a child of the hold's with that start time. A new reference. */
json_t *evidence_of_process(const struct record *record, bool known);
/* {cause, text, pid, after_ms, leftovers, remaining, code, signal}; a new reference. */
json_t *evidence_of_end(const struct record *record, const struct hold_end *end,
                        const struct target_cause *cause);
