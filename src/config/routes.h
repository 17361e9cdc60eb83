/* What is settled when all keys of one route are read (see setting_at.finish). */
#pragma once

#include "config/load.h"

void routes_finish(struct load *load, void *item);
/* Some keys mean something for one kind of route only. */
bool routes_applies(const void *item, const struct setting *child);
