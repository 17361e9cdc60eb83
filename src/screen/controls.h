/* C0 and C1 controls and escape sequences of ESC and one letter. */
#pragma once

#include "screen/state.h"

void controls_execute(struct screen *screen, uint32_t code);

/* As struct parser_events has it. */
bool controls_escape(struct screen *screen, uint32_t collected, char final);

/* DECSTR: modes, pen, region and saved cursor as in a new terminal; the text stays. */
void controls_soft_reset(struct screen *screen);

/* Everything as in a new terminal, except what xterm.js keeps (MODES_KEPT, the title). */
void controls_reset(struct screen *screen);
