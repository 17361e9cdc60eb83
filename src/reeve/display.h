/* Targets as people read them: the table of `reeve status` and of the start screen. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "wire/target.h"

/* One line per target object of contract §2 (an array), with a heading; nothing for none. `colour`: for a
 * terminal. */
void display_targets(struct buffer *out, const json_t *targets, bool colour);
/* One line per loop of keep/loops.h, with a heading; nothing for none. */
void display_loops(struct buffer *out, const json_t *loops, bool colour);
/* One line for each thing that is degraded (keep/degraded.h). */
void display_degraded(struct buffer *out, const json_t *degraded, bool colour);
/* "http://127.0.0.1:8080/" of the first TCP listener ("0.0.0.0" becomes 127.0.0.1); false when there is none.
 * `addresses`: as the keeper describes them. */
bool display_url(const json_t *addresses, char *url, size_t size);
/* What follows the console's URL (keep/console.h) to make it the API's: nothing after a socket's path. */
const char *display_api(const char *console);
/* "workbench · reeve 0.1.0 · serving · pid 812 · http://..." and its file and state directory, from the
 * keeper's description. */
void display_keeper(struct buffer *out, const json_t *keeper);
