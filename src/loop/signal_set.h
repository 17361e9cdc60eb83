/* The signals that a loop reports: one signalfd(2) and one handler per signal. */
#pragma once

#include "loop/loop.h"

struct signal_set {
    struct loop_fd watch;
    struct loop *loop;
    sigset_t mask;
    struct {
        loop_signal_fn *on_signal;
        void *owner;
    } handlers[65]; /* by signal number, 1..64 */
};

void signal_set_init(struct signal_set *set, struct loop *loop);
/* As loop_signal(). */
int signal_set_handle(struct signal_set *set, int signo, loop_signal_fn *on_signal, void *owner);
/* Unblocks what it had blocked and closes the signalfd. */
void signal_set_free(struct signal_set *set);
