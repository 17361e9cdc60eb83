/* A killed process may have forked a moment before: only a round that finds nothing is the last. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/sweep.h"

enum { SWEEP_MOST = 256, SWEEP_FIRST_MS = 2, SWEEP_SLOWEST_MS = 200 };

struct sweep {
    struct loop *loop;
    const struct sweep_events *events;
    void *owner;
    struct survivors_run run;
    char nonce[IDENTITY_NONCE_SIZE];
    int64_t began_ms; /* monotonic */
    int64_t wait_ms;
    struct loop_timer timer;
    struct survivor told[SWEEP_MOST]; /* whom on_signal knows; a ring */
    unsigned told_count;
};

static bool sweep_is_told(const struct sweep *sweep, const struct identity *identity)
{
    unsigned count = sweep->told_count < SWEEP_MOST ? sweep->told_count : SWEEP_MOST;
    for (unsigned i = 0; i < count; i++)
        if (sweep->told[i].identity.pid == identity->pid &&
            sweep->told[i].identity.start_time == identity->start_time)
            return true;
    return false;
}

static void sweep_kill(struct sweep *sweep, const struct survivor *survivor)
{
    int pidfd = identity_open(&survivor->identity);
    if (pidfd < 0)
        return;
    if (!sweep_is_told(sweep, &survivor->identity)) {
        sweep->told[sweep->told_count++ % SWEEP_MOST] = *survivor;
        sweep->events->on_signal(sweep->owner, survivor);
    }
    identity_signal(pidfd, SIGKILL);
    close(pidfd);
}

static void sweep_on_round(struct loop_timer *timer)
{
    struct sweep *sweep = LIST_ENTRY(timer, struct sweep, timer);
    struct survivor found[SWEEP_MOST];
    int count = survivors_find(&sweep->run, found, SWEEP_MOST);
    for (int i = 0; i < count; i++)
        sweep_kill(sweep, &found[i]);
    bool patient = loop_now_ms(sweep->loop) - sweep->began_ms < SWEEP_PATIENCE_MS;
    if (count == 0 || !patient) {
        sweep->events->on_done(sweep->owner, count);
        return;
    }
    loop_timer_start(sweep->loop, &sweep->timer, sweep->wait_ms, sweep_on_round);
    sweep->wait_ms = sweep->wait_ms * 2 < SWEEP_SLOWEST_MS ? sweep->wait_ms * 2 : SWEEP_SLOWEST_MS;
}

struct sweep *sweep_start(struct loop *loop, const struct survivors_run *run,
                          const struct sweep_events *events, void *owner)
{
    struct sweep *sweep = MEMORY_NEW(struct sweep);
    sweep->loop = loop;
    sweep->events = events;
    sweep->owner = owner;
    sweep->run = *run;
    memcpy(sweep->nonce, run->nonce, sizeof sweep->nonce);
    sweep->run.nonce = sweep->nonce;
    sweep->began_ms = loop_now_ms(loop);
    sweep->wait_ms = SWEEP_FIRST_MS;
    loop_timer_start(loop, &sweep->timer, 0, sweep_on_round);
    return sweep;
}

void sweep_free(struct sweep **where)
{
    struct sweep *sweep = *where;
    if (!sweep)
        return;
    loop_timer_stop(&sweep->timer);
    loop_free_later(sweep->loop, sweep, free);
    *where = NULL;
}
