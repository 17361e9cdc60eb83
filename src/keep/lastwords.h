/* The last lines that a run has written, for who must be told at once why it failed. */
#pragma once

#include <stdint.h>

enum { LASTWORDS_LINES = 20 };

/* "\n  line" for each of the last LASTWORDS_LINES lines of run `generation` in log/NAME/ of the state
 * directory; control characters become `?`. "" when there are none or they cannot be read. The caller frees
 * it. */
char *lastwords_read(const char *state_directory, const char *name, uint64_t generation);
