/* Becoming the run's user: the first thing a hold does that was started as root. */
#pragma once

#include "wire/hold.h"

/* Raises the hard limit of open files where the spec asks for more, then sets groups, gid and uid for good.
 * 0, or an errno with `*stage` ("limits" or "user"). Without privileges only what is already so succeeds. */
int account_enter(const struct hold_spec *spec, const char **stage);
