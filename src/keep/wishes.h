/* What the operator wished and what outlives a restart of reeve: targets that are to stay stopped
 * (contract §3, "`stop NAME` survives a restart"). Kept in the file wishes.json of the state directory. */
#pragma once

#include "base/error.h"

struct wishes;

/* Reads STATE_DIRECTORY/wishes.json; a missing one is empty. One that cannot be understood is moved aside
 * ("wishes.json.corrupt"), `error` tells of it, and the wishes are empty. Never NULL. */
struct wishes *wishes_new(const char *state_directory, struct error *error);
void wishes_free(struct wishes **wishes);

bool wishes_stopped(const struct wishes *wishes, const char *target);
/* Notes the wish and writes the file when it changed. 0 or -errno; the wish counts in memory either way. */
int wishes_set_stopped(struct wishes *wishes, const char *target, bool stopped);
