/* Small tables in code, tested as tables. */
#include "base/check.h"

#include "keep/ending.h"

enum ending ending_after(enum ending ending, enum target_state state, enum table_event event)
{
    bool running = state == TARGET_STARTING || state == TARGET_READY;
    if (!running && state != TARGET_STOPPING)
        return ending;
    if (event == TABLE_STOP)
        return ENDING_STOP;
    if (event == TABLE_RESTART)
        return ENDING_RESTART;
    if (event == TABLE_UNWANT && state == TARGET_STARTING)
        return ENDING_UNWANTED;
    if (event == TABLE_NOT_READY && state == TARGET_STARTING)
        return ENDING_NOT_READY;
    return ending;
}

bool ending_is_success(enum ending ending, const struct target_cause *cause)
{
    return ending != ENDING_NOT_READY && cause_is_success(cause);
}

enum table_event ending_event(enum ending ending, bool stopped, bool wanted, enum table_event policy)
{
    if (stopped)
        return TABLE_OVER_DOWN;
    switch (ending) {
    case ENDING_STOP:
    case ENDING_UNWANTED:
        return wanted ? TABLE_OVER_AGAIN : TABLE_OVER_DOWN;
    case ENDING_RESTART:
        return TABLE_OVER_AGAIN;
    case ENDING_ITSELF:
    case ENDING_NOT_READY:
        return policy;
    }
    UNREACHABLE();
}

const char *ending_text(enum ending ending, const char *stopped)
{
    switch (ending) {
    case ENDING_STOP:
        return stopped ? stopped : "stopped";
    case ENDING_UNWANTED:
        return "nobody waited for it any more";
    case ENDING_RESTART:
        return "restarted";
    case ENDING_ITSELF:
    case ENDING_NOT_READY:
        return NULL;
    }
    UNREACHABLE();
}

enum table_event ending_of_policy(enum policy_verdict verdict)
{
    switch (verdict) {
    case POLICY_ENDED:
        return TABLE_OVER_ENDED;
    case POLICY_FAILED:
        return TABLE_OVER_FAILED;
    case POLICY_RETRY:
        return TABLE_OVER_RETRY;
    }
    UNREACHABLE();
}
