/* The event loop: descriptors, timers, signals, children, tasks; one close phase where memory is freed.
 *
 * Everything that the loop watches is a struct inside its owner's object (no allocation, a stable
 * address); the loop never owns it. An object that may be on its way through the current batch is
 * not freed at once: its owner stops what it watches and hands the memory to loop_free_later(), which
 * frees after the batch. Callbacks fire only from inside loop_run()/loop_step(), never from inside
 * another call of this header, so a callback may stop, start or close anything.
 *
 * epoll is edge-triggered: after a callback, read (write) until EAGAIN or a short count, or keep the
 * fact "still ready" yourself (net/stream does). */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"

struct loop;

/* NULL with errno set when the kernel gives no epoll descriptor. `clock` outlives the loop. */
struct loop *loop_new(const struct clock *clock);
/* Runs the close phase a last time; CHECKs that nothing is watched any more. Sets *loop to NULL. */
void loop_free(struct loop **loop);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One turn: waits at most `timeout_ms` (-1: until something happens), then dispatches one batch.
 * For tests and for embedding. Returns the number of callbacks that fired. */
int loop_step(struct loop *loop, int timeout_ms);

/* Monotonic time of this turn, read once per wake. */
int64_t loop_now_us(const struct loop *loop);
int64_t loop_now_ms(const struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);

/* --- descriptors ---------------------------------------------------------------------------- */

struct loop_fd;
/* `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as epoll reports them. */
typedef void loop_fd_fn(struct loop_fd *watch, uint32_t events);

/* All zero is a valid watch that is not watching. */
struct loop_fd {
    int fd; /* -1: not watched (or all zero) */
    uint32_t events;
    loop_fd_fn *on_ready;
    struct loop *loop;
};

/* Watches `fd` (which stays the caller's) for `events` | EPOLLET (pass LOOP_LEVEL for level-triggered).
 * 0 or -errno (ENOSPC: the user's epoll limit; EPERM: a regular file). */
enum { LOOP_LEVEL = 1 << 20 };
int loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_fn *on_ready);
/* Other events for a watched descriptor. 0 or -errno. */
int loop_fd_change(struct loop_fd *watch, uint32_t events);
/* Call before closing the descriptor. Does nothing when not watched. No callback fires after it. */
void loop_fd_stop(struct loop_fd *watch);

/* --- timers --------------------------------------------------------------------------------- */

struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *timer);

struct loop_timer {
    int64_t due_us;
    size_t place; /* in the heap, counted from 1; 0: not armed */
    loop_timer_fn *on_due;
    struct loop *loop;
};

/* Fires once, `delay_ms` from loop_now_ms(); arming an armed timer moves it. Cost: O(log n). */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_timer_fn *on_due);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);

/* --- tasks: run once, later in this turn or in the next, without waiting --------------------- */

struct loop_task;
typedef void loop_task_fn(struct loop_task *task);

struct loop_task {
    struct list link; /* all zero: not queued */
    loop_task_fn *run;
};

/* Queues `task`; queuing a queued task does nothing. A task queued by a task runs in the next turn. */
void loop_task_start(struct loop *loop, struct loop_task *task, loop_task_fn *run);
void loop_task_stop(struct loop_task *task);

/* --- signals (signalfd(2)) -------------------------------------------------------------------- */

typedef void loop_signal_fn(void *owner, const siginfo_t *about); /* si_signo, si_pid, si_uid are set */

/* Blocks `signo` for the process and reports it here, also when it was ignored. One handler per signal; NULL
 * takes it back (and unblocks it). 0 or -errno. The mask is inherited over fork and exec: a child clears it.
 * Never SIGCHLD: that one is loop_reap()'s. */
int loop_signal(struct loop *loop, int signo, loop_signal_fn *on_signal, void *owner);

/* --- children (the one function that reaps, waitid(2) with P_ALL) ------------------------------ */

typedef void loop_child_fn(void *owner, const siginfo_t *exit); /* si_pid, si_code, si_status */

/* Reaps everything from here on (SIGCHLD, and once at the call). Every child that ends is reported to the
 * handler of its pid, or to `on_unknown` (adopted orphans; it may be NULL). 0 or -errno. */
int loop_reap(struct loop *loop, loop_child_fn *on_unknown, void *owner);
/* One handler per pid; it is forgotten after it fired. NULL forgets it before. */
void loop_child(struct loop *loop, pid_t pid, loop_child_fn *on_exit, void *owner);

/* --- the close phase ---------------------------------------------------------------------------- */

/* Calls free_object(object) after the current batch (or at the next turn). It may close more objects; they
 * are freed in the same phase. */
void loop_free_later(struct loop *loop, void *object, void (*free_object)(void *object));

/* What may outlive its owner (the last bytes of a closed stream that wait for room) is told when the loop
 * itself ends, and is gone when the call returns. All zero: not asked for. */
struct loop_last {
    struct list link;
    void (*on_end)(struct loop_last *last);
};
void loop_last_start(struct loop *loop, struct loop_last *last, void (*on_end)(struct loop_last *last));
void loop_last_stop(struct loop_last *last);

/* --- scratch memory ------------------------------------------------------------------------------- */

/* LOOP_SCRATCH_SIZE bytes (64 KiB of payload and some room for what goes around it) that whoever runs in a
 * callback may use until it returns or calls code that may use them too; so that thousands of idle
 * connections need no read buffer each. */
enum { LOOP_SCRATCH_SIZE = 65536 + 4096 };
void *loop_scratch(struct loop *loop);
