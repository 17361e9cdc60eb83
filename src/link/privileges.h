/* The first act of a gate and of a password helper: to become nobody (design §1). What they parse afterwards
 * comes from the network. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* As root: becomes `uid` and `gid` without other groups. In any case: no capability in any set, and
 * no_new_privs. Checks that root is gone for good; false with what is not. */
bool privileges_drop(uid_t uid, gid_t gid, struct error *error);
