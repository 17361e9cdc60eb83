/* A switch over all states, so that a new one is not forgotten. */
#include "base/check.h"

#include "keep/dependency.h"

enum dependency dependency_judge(enum target_state state, bool stopped)
{
    switch (state) {
    case TARGET_READY:
    case TARGET_ENDED:
        return DEPENDENCY_READY;
    case TARGET_STARTING:
    case TARGET_STOPPING:
        return DEPENDENCY_WAIT;
    case TARGET_DOWN:
        return stopped ? DEPENDENCY_FAILED : DEPENDENCY_WAIT;
    case TARGET_BACKOFF:
    case TARGET_FAILED:
        return DEPENDENCY_FAILED;
    }
    UNREACHABLE();
}
