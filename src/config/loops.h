/* What is set around the keys of one loop (see setting_at.begin and finish). */
#pragma once

#include "config/load.h"

void loops_begin(struct load *load, void *item, const struct yaml_node *name);
/* One of command and http, one of every and at; the time-out's default. */
void loops_finish(struct load *load, void *item);
