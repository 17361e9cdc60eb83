#include "keep/reopen.h"

enum { REOPEN_LOOK_MS = 1000 };

static struct snapshot *reopen_make(struct reopen *reopen, uint64_t number, struct error *error)
{
    struct snapshot *snapshot = snapshot_new(reopen->config, reopen->listeners, number, reopen->user, error);
    if (snapshot)
        condition_set(reopen->condition, "access log",
                      snapshot->access_error.text[0] ? snapshot->access_error.text : NULL);
    return snapshot;
}

struct snapshot *reopen_first(struct reopen *reopen, struct error *error)
{
    return reopen_make(reopen, 1, error);
}

static void reopen_on_look(struct loop_timer *timer)
{
    struct reopen *reopen = LIST_ENTRY(timer, struct reopen, look);
    const struct snapshot *now = gates_snapshot(reopen->gates);
    struct error error;
    loop_timer_start(reopen->loop, timer, REOPEN_LOOK_MS, reopen_on_look);
    if (!now || snapshot_is_current(now, reopen->config))
        return;
    struct snapshot *next = reopen_make(reopen, now->number + 1, &error);
    if (!next) {
        log_debug(reopen->log, "a files root cannot be opened yet", LOG_TEXT("error", error.text));
        return;
    }
    log_info(reopen->log, "what gates hold open has changed: opened anew");
    gates_serve(reopen->gates, next);
}

void reopen_start(struct reopen *reopen)
{
    loop_timer_start(reopen->loop, &reopen->look, REOPEN_LOOK_MS, reopen_on_look);
}

void reopen_stop(struct reopen *reopen)
{
    loop_timer_stop(&reopen->look);
}
