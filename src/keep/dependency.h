/* What the state of one target means for another that needs it. Pure. */
#pragma once

#include "wire/target.h"

enum dependency {
    DEPENDENCY_READY, /* it serves, or it has done its work and ended with success */
    DEPENDENCY_WAIT,  /* it is on its way */
    DEPENDENCY_FAILED /* it will not get ready now */
};

/* `stopped`: the operator stopped it, it shall not run whoever needs it. */
enum dependency dependency_judge(enum target_state state, bool stopped);
