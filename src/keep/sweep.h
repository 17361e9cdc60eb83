/* Ends a run whose hold cannot: SIGKILL to everything that survivors_find() sees, round after round, until
 * nothing is left (design §4, "Whole kills"). */
#pragma once

#include "loop/loop.h"

#include "keep/survivors.h"

struct sweep;

struct sweep_events {
    /* Before the first signal to each process: the journal's row comes first. */
    void (*on_signal)(void *owner, const struct survivor *survivor);
    /* Once: `left` processes could not be ended within SWEEP_PATIENCE_MS (not ours to kill, or stuck in the
     * kernel); 0: nothing is left. Free the sweep here or later. */
    void (*on_done)(void *owner, int left);
};

enum { SWEEP_PATIENCE_MS = 10000 };

/* The first round is made in the next turn of the loop. `run` is copied, its nonce too. */
struct sweep *sweep_start(struct loop *loop, const struct survivors_run *run,
                          const struct sweep_events *events, void *owner);
void sweep_free(struct sweep **sweep);
