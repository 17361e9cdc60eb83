/* What became of a target, as a sentence for those who watch `reeve run`. Pure. */
#pragma once

#include "base/buffer.h"
#include "wire/target.h"

/* Appends the sentence, without a newline. False when a change from `before` to this row is not worth one:
 * the same state, or one on the way (starting, stopping). `boottime_ms` is now. */
bool change_append(struct buffer *out, enum target_state before, const struct target_row *row,
                   int64_t boottime_ms);
