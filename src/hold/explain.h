/* Why a program did not start, as one sentence that says what to look at. */
#pragma once

#include "wire/hold.h"

/* Fills stage, path and text of `failure` (whose `error` is set) for `stage`. `file` is what was to be
 * executed, as spelled (relative to spec->directory); it is used by stage "exec" only. Looks at the files, so
 * it is called by the run's user. */
void explain_failure(const struct hold_spec *spec, const char *stage, const char *file,
                     struct hold_end *failure);

/* How a run ended, as a sentence for who watched it; returns `text`. */
const char *explain_end(const struct hold_end *end, char text[HOLD_TEXT_SIZE]);
