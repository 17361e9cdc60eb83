/* Modes that programs set (SM, RM, DECSET, DECRST): which number is what, and what happens besides. */
#pragma once

#include "screen/state.h"

/* What is on when a terminal is new. RIS and DECSTR give these back, except the ones of the second: xterm.js
 * holds them as options, not as state. */
enum { MODES_DEFAULT = MODE_WRAP | MODE_VISIBLE, MODES_KEPT = MODE_NEWLINE | MODE_BLINK | MODE_VISIBLE };

void modes_set(struct screen *screen, const struct parser_parameters *parameters, bool private, bool on);

/* What DECRPM says: 0 unknown, 1 set, 2 reset, 3 always set, 4 always reset. */
int modes_report(const struct screen *screen, int32_t number, bool private);

/* Appends what sets all that are not as RIS leaves them, the origin mode excepted. */
void modes_snapshot(const struct screen *screen, struct buffer *out);

/* Shows the alternate screen, or the primary one again; nothing when it is shown. */
void modes_show_alternate(struct screen *screen, bool alternate);
