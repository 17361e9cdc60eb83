/* What the gates' pages say of the traffic to targets, for their rows (contract §2: streams, idle_since). */
#pragma once

#include "keep/slot.h"

/* Adds up the pages of all slots and notes it in the rows: as of the gates' last tick. */
void traffic_note(const struct slot *slots, unsigned count, struct targets *targets);
