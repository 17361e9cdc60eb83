/* Characters onto the grid. */
#pragma once

#include "screen/state.h"

void printing_text(struct screen *screen, struct slice ascii); /* 0x20 to 0x7e */
void printing_character(struct screen *screen, uint32_t code);

/* Prints what was printed last `count` times again (REP). */
void printing_repeat(struct screen *screen, int count);

/* The region moves up by a line; on the primary screen the top one goes to the scrollback if nothing is above
 * it. */
void printing_scroll(struct screen *screen, bool wrapped);

/* Frees the clusters that no cell uses any more. */
void printing_sweep(struct screen *screen);
