#include <stdio.h>

#include "keep/watchdog.h"

static const struct watchdog_state {
    char letter;
    int64_t patience_ms; /* 0: for ever */
    const char *word;
} watchdog_states[] = {
    {'T', WATCHDOG_STOPPED_MS, "stopped"},
    {'t', 0, "traced"},
    {'D', 0, "waits for a disk"},
    {'Z', 0, "has ended"},
    {'X', 0, "has ended"},
    {'R', WATCHDOG_SLOW_MS, "running"},
    {'S', WATCHDOG_SLOW_MS, "asleep"},
    {'I', WATCHDOG_SLOW_MS, "asleep"},
    {'\0', WATCHDOG_SLOW_MS, "unknown"},
};

static const struct watchdog_state *watchdog_find(char letter)
{
    const struct watchdog_state *state = watchdog_states;
    while (state->letter && state->letter != letter)
        state++;
    return state;
}

enum watchdog_verdict watchdog_judge(const struct watchdog_view *view)
{
    const struct watchdog_state *state = watchdog_find(view->state);
    return state->patience_ms && view->silent_ms >= state->patience_ms ? WATCHDOG_GIVE_UP : WATCHDOG_WAIT;
}

void watchdog_text(const struct watchdog_view *view, char *text, size_t size)
{
    snprintf(text, size, "has not answered for %.1f s (%s)", (double)view->silent_ms / 1000,
             watchdog_find(view->state)->word);
}
