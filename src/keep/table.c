/* Every cell is written: a row per state, an entry per event, in the order of the enum. */
#include "base/check.h"

#include "keep/table.h"

static const char *const table_event_names[] = {
    [TABLE_WANT] = "want",
    [TABLE_START] = "start",
    [TABLE_UNWANT] = "unwant",
    [TABLE_STOP] = "stop",
    [TABLE_RESTART] = "restart",
    [TABLE_ADOPT] = "adopt",
    [TABLE_DEPENDENCIES_READY] = "dependencies-ready",
    [TABLE_DEPENDENCY_FAILED] = "dependency-failed",
    [TABLE_EXECUTED] = "executed",
    [TABLE_READY] = "ready",
    [TABLE_NOT_READY] = "not-ready",
    [TABLE_ENDING] = "ending",
    [TABLE_LOST] = "lost",
    [TABLE_OVER_AGAIN] = "over-again",
    [TABLE_OVER_DOWN] = "over-down",
    [TABLE_OVER_RETRY] = "over-retry",
    [TABLE_OVER_ENDED] = "over-ended",
    [TABLE_OVER_FAILED] = "over-failed",
    [TABLE_BACKOFF_DUE] = "backoff-due",
    [TABLE_BACKOFF_LAPSED] = "backoff-lapsed",
};
_Static_assert(sizeof table_event_names / sizeof *table_event_names == TABLE_EVENTS, "a name per event");

#define STAY(state)                                                                                          \
    {                                                                                                        \
        (state), TABLE_NOTHING                                                                               \
    }

/* A run that is over leads to the same place from wherever it was noticed. */
#define OVER                                                                                                 \
    [TABLE_OVER_AGAIN] = {TARGET_STARTING, TABLE_BEGIN}, [TABLE_OVER_DOWN] = {TARGET_DOWN, TABLE_SETTLE},    \
    [TABLE_OVER_RETRY] = {TARGET_BACKOFF, TABLE_DEFER}, [TABLE_OVER_ENDED] = {TARGET_ENDED, TABLE_SETTLE},   \
    [TABLE_OVER_FAILED] = {TARGET_FAILED, TABLE_SETTLE}

/* Without a run there is no news of one. */
#define NO_RUN(state)                                                                                        \
    [TABLE_EXECUTED] = STAY(state), [TABLE_READY] = STAY(state), [TABLE_NOT_READY] = STAY(state),            \
    [TABLE_ENDING] = STAY(state), [TABLE_LOST] = STAY(state), [TABLE_OVER_AGAIN] = STAY(state),              \
    [TABLE_OVER_DOWN] = STAY(state), [TABLE_OVER_RETRY] = STAY(state), [TABLE_OVER_ENDED] = STAY(state),     \
    [TABLE_OVER_FAILED] = STAY(state)

#define NO_BACKOFF(state) [TABLE_BACKOFF_DUE] = STAY(state), [TABLE_BACKOFF_LAPSED] = STAY(state)

/* Ended and failed: only restart leaves them (design §4). */
#define DONE(state)                                                                                          \
    [TABLE_WANT] = STAY(state), [TABLE_START] = STAY(state), [TABLE_UNWANT] = STAY(state),                   \
    [TABLE_STOP] = STAY(state), [TABLE_RESTART] = {TARGET_STARTING, TABLE_BEGIN},                            \
    [TABLE_ADOPT] = STAY(state), [TABLE_DEPENDENCIES_READY] = STAY(state),                                   \
    [TABLE_DEPENDENCY_FAILED] = STAY(state), NO_RUN(state), NO_BACKOFF(state)

static const struct table_cell table_cells[TARGET_STATES][TABLE_EVENTS] =
    {
        [TARGET_DOWN] =
            {
                [TABLE_WANT] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_START] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_UNWANT] = STAY(TARGET_DOWN),
                [TABLE_STOP] = STAY(TARGET_DOWN),
                [TABLE_RESTART] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_ADOPT] = {TARGET_STARTING, TABLE_WATCH},
                [TABLE_DEPENDENCIES_READY] = STAY(TARGET_DOWN),
                [TABLE_DEPENDENCY_FAILED] = STAY(TARGET_DOWN),
                NO_RUN(TARGET_DOWN),
                NO_BACKOFF(TARGET_DOWN),
            },
        [TARGET_STARTING] =
            {
                [TABLE_WANT] = STAY(TARGET_STARTING), /* one start however many ask */
                [TABLE_START] = STAY(TARGET_STARTING),
                [TABLE_UNWANT] = {TARGET_STOPPING, TABLE_END},
                [TABLE_STOP] = {TARGET_STOPPING, TABLE_END},
                [TABLE_RESTART] = {TARGET_STOPPING, TABLE_END},
                [TABLE_ADOPT] = STAY(TARGET_STARTING),
                [TABLE_DEPENDENCIES_READY] = {TARGET_STARTING, TABLE_LAUNCH},
                [TABLE_DEPENDENCY_FAILED] = {TARGET_BACKOFF, TABLE_DEFER},
                [TABLE_EXECUTED] = {TARGET_STARTING, TABLE_WATCH},
                [TABLE_READY] = {TARGET_READY, TABLE_OPEN},
                [TABLE_NOT_READY] = {TARGET_STOPPING, TABLE_END},
                [TABLE_ENDING] = {TARGET_STOPPING, TABLE_LEAVE},
                [TABLE_LOST] = {TARGET_STOPPING, TABLE_KILL},
                OVER,
                NO_BACKOFF(TARGET_STARTING),
            },
        [TARGET_READY] =
            {
                [TABLE_WANT] = STAY(TARGET_READY),
                [TABLE_START] = STAY(TARGET_READY),
                [TABLE_UNWANT] = STAY(TARGET_READY), /* only an idle stop ends it then */
                [TABLE_STOP] = {TARGET_STOPPING, TABLE_END},
                [TABLE_RESTART] = {TARGET_STOPPING, TABLE_END},
                [TABLE_ADOPT] = STAY(TARGET_READY),
                [TABLE_DEPENDENCIES_READY] = STAY(TARGET_READY),
                [TABLE_DEPENDENCY_FAILED] = STAY(TARGET_READY), /* the dependency heals by itself */
                [TABLE_EXECUTED] = STAY(TARGET_READY),
                [TABLE_READY] = STAY(TARGET_READY),
                [TABLE_NOT_READY] = STAY(TARGET_READY),
                [TABLE_ENDING] = {TARGET_STOPPING, TABLE_LEAVE},
                [TABLE_LOST] = {TARGET_STOPPING, TABLE_KILL},
                OVER,
                NO_BACKOFF(TARGET_READY),
            },
        [TARGET_STOPPING] =
            {
                /* Who wants it back waits: the run's end is decided by what is wanted then. */
                [TABLE_WANT] = STAY(TARGET_STOPPING),
                [TABLE_START] = STAY(TARGET_STOPPING),
                [TABLE_UNWANT] = STAY(TARGET_STOPPING),
                [TABLE_STOP] = STAY(TARGET_STOPPING),
                [TABLE_RESTART] = STAY(TARGET_STOPPING),
                [TABLE_ADOPT] = STAY(TARGET_STOPPING),
                [TABLE_DEPENDENCIES_READY] = STAY(TARGET_STOPPING),
                [TABLE_DEPENDENCY_FAILED] = STAY(TARGET_STOPPING),
                [TABLE_EXECUTED] = STAY(TARGET_STOPPING),
                [TABLE_READY] = STAY(TARGET_STOPPING),
                [TABLE_NOT_READY] = STAY(TARGET_STOPPING),
                [TABLE_ENDING] = STAY(TARGET_STOPPING),
                [TABLE_LOST] = {TARGET_STOPPING, TABLE_KILL},
                OVER,
                NO_BACKOFF(TARGET_STOPPING),
            },
        [TARGET_BACKOFF] =
            {
                [TABLE_WANT] = STAY(TARGET_BACKOFF), /* a request must not start another doomed run */
                [TABLE_START] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_UNWANT] = STAY(TARGET_BACKOFF), /* the failure counts until its time is over */
                [TABLE_STOP] = {TARGET_DOWN, TABLE_SETTLE},
                [TABLE_RESTART] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_ADOPT] = STAY(TARGET_BACKOFF),
                [TABLE_DEPENDENCIES_READY] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_DEPENDENCY_FAILED] = STAY(TARGET_BACKOFF),
                NO_RUN(TARGET_BACKOFF),
                [TABLE_BACKOFF_DUE] = {TARGET_STARTING, TABLE_BEGIN},
                [TABLE_BACKOFF_LAPSED] = {TARGET_DOWN, TABLE_SETTLE},
            },
        [TARGET_ENDED] = {DONE(TARGET_ENDED)},
        [TARGET_FAILED] = {DONE(TARGET_FAILED)},
};
_Static_assert(sizeof table_cells == sizeof(struct table_cell) * TARGET_STATES * TABLE_EVENTS,
               "a cell per state and event");

struct table_cell table_apply(enum target_state state, enum table_event event)
{
    CHECK((unsigned)state < TARGET_STATES && (unsigned)event < TABLE_EVENTS);
    return table_cells[state][event];
}

const char *table_event_name(enum table_event event)
{
    CHECK((unsigned)event < TABLE_EVENTS);
    return table_event_names[event];
}
