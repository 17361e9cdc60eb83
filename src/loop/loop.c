/* One turn: wait, read the clock once, descriptors, due timers, tasks, then the close phase.
 *
 * The batch that epoll_wait(2) filled lives in the loop, so that loop_fd_stop() can strike out what has
 * not been dispatched yet: after it no callback fires, even when the memory is used for another watch. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "loop/child_table.h"
#include "loop/loop.h"
#include "loop/signal_set.h"
#include "loop/timer_heap.h"

enum { BATCH = 128, MOST_REAPED_PER_TURN = 64, LONGEST_WAIT_MS = 24 * 60 * 60 * 1000 };

struct closed_object {
    void *object;
    void (*free_object)(void *object);
};

struct loop {
    int epoll;
    int watched; /* descriptors */
    int batch_next;
    int batch_size;
    bool stopping;
    bool dispatching;
    const struct clock *clock;
    int64_t now_us;
    struct timer_heap timers;
    struct list tasks;   /* for the next task phase */
    struct list running; /* what is left of the current one */
    struct list last;    /* told by loop_free() */
    struct closed_object *closed;
    size_t closed_count;
    size_t closed_capacity;
    struct child_table children;
    struct loop_task reap_task;
    struct signal_set signals;
    void *scratch;
    struct epoll_event batch[BATCH];
};

struct loop *loop_new(const struct clock *clock)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return NULL;
    struct loop *loop = MEMORY_NEW(struct loop);
    loop->epoll = epoll;
    loop->clock = clock;
    loop->now_us = clock->monotonic_us(clock);
    list_init(&loop->tasks);
    list_init(&loop->running);
    list_init(&loop->last);
    signal_set_init(&loop->signals, loop);
    return loop;
}

/* Freeing may close more objects; each round takes what the rounds before have added. */
static void close_phase(struct loop *loop)
{
    for (size_t i = 0; i < loop->closed_count; i++)
        loop->closed[i].free_object(loop->closed[i].object);
    loop->closed_count = 0;
}

void loop_free(struct loop **where)
{
    struct loop *loop = *where;
    if (!loop)
        return;
    CHECK(!loop->dispatching);
    while (!list_empty(&loop->last)) {
        struct loop_last *last = LIST_ENTRY(loop->last.next, struct loop_last, link);
        loop_last_stop(last);
        last->on_end(last);
    }
    close_phase(loop);
    loop_task_stop(&loop->reap_task);
    signal_set_free(&loop->signals);
    child_table_free(&loop->children);
    CHECK(loop->watched == 0);
    CHECK(timer_heap_first(&loop->timers) == NULL);
    CHECK(list_empty(&loop->tasks));
    timer_heap_free(&loop->timers);
    close(loop->epoll);
    free(loop->closed);
    free(loop->scratch);
    free(loop);
    *where = NULL;
}

/* --- one turn ------------------------------------------------------------------------------- */

static int wait_ms(const struct loop *loop, int limit_ms)
{
    if (!list_empty(&loop->tasks) || loop->closed_count > 0)
        return 0;
    const struct loop_timer *first = timer_heap_first(&loop->timers);
    if (!first)
        return limit_ms;
    int64_t wait_us = first->due_us - loop->now_us;
    if (wait_us <= 0)
        return 0;
    int64_t wait = (wait_us + 999) / 1000; /* rounded up: a wake before the due time would be idle */
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    return limit_ms >= 0 && limit_ms < wait ? limit_ms : (int)wait;
}

static int dispatch_descriptors(struct loop *loop)
{
    int fired = 0;
    while (loop->batch_next < loop->batch_size) {
        const struct epoll_event *event = &loop->batch[loop->batch_next++];
        struct loop_fd *watch = event->data.ptr;
        if (!watch)
            continue; /* stopped by an earlier callback of this batch */
        watch->on_ready(watch, event->events);
        fired++;
    }
    return fired;
}

/* At most as many as were armed at the start: a timer that re-arms itself with 0 cannot hold the turn. */
static int dispatch_timers(struct loop *loop)
{
    int fired = 0;
    for (size_t most = loop->timers.count; most > 0; most--) {
        struct loop_timer *timer = timer_heap_first(&loop->timers);
        if (!timer || timer->due_us > loop->now_us)
            break;
        timer_heap_remove(&loop->timers, timer);
        timer->on_due(timer);
        fired++;
    }
    return fired;
}

static void take_all(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    list_init(from);
}

static int run_tasks(struct loop *loop)
{
    int fired = 0;
    take_all(&loop->tasks, &loop->running);
    while (!list_empty(&loop->running)) {
        struct loop_task *task = LIST_ENTRY(loop->running.next, struct loop_task, link);
        loop_task_stop(task);
        task->run(task);
        fired++;
    }
    return fired;
}

int loop_step(struct loop *loop, int timeout_ms)
{
    CHECK(!loop->dispatching);
    int count = epoll_wait(loop->epoll, loop->batch, BATCH, wait_ms(loop, timeout_ms));
    loop->batch_next = 0;
    loop->batch_size = count > 0 ? count : 0; /* EINTR: a turn without descriptors */
    loop->now_us = loop->clock->monotonic_us(loop->clock);
    loop->dispatching = true;
    int fired = dispatch_descriptors(loop);
    fired += dispatch_timers(loop);
    fired += run_tasks(loop);
    close_phase(loop);
    loop->dispatching = false;
    return fired;
}

void loop_run(struct loop *loop)
{
    loop->now_us = loop->clock->monotonic_us(loop->clock);
    while (!loop->stopping)
        loop_step(loop, -1);
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

int64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_us / 1000;
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

/* --- descriptors ---------------------------------------------------------------------------- */

static int control(struct loop *loop, int operation, struct loop_fd *watch, uint32_t events)
{
    struct epoll_event event = {.data.ptr = watch};
    event.events = events & LOOP_LEVEL ? events & ~(uint32_t)LOOP_LEVEL : events | (uint32_t)EPOLLET;
    return epoll_ctl(loop->epoll, operation, watch->fd, &event) ? -errno : 0;
}

int loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_fn *on_ready)
{
    CHECK(fd >= 0 && on_ready);
    *watch = (struct loop_fd){.fd = fd, .events = events, .on_ready = on_ready, .loop = loop};
    int error = control(loop, EPOLL_CTL_ADD, watch, events);
    if (error) {
        watch->fd = -1;
        watch->loop = NULL;
        return error;
    }
    loop->watched++;
    return 0;
}

int loop_fd_change(struct loop_fd *watch, uint32_t events)
{
    CHECK(watch->loop);
    if (watch->events == events)
        return 0;
    int error = control(watch->loop, EPOLL_CTL_MOD, watch, events);
    if (!error)
        watch->events = events;
    return error;
}

/* EPOLL_CTL_DEL although close(2) would do it for a descriptor nobody else holds: a child between fork
 * and exec holds it, and a forgotten entry would point at freed memory. */
void loop_fd_stop(struct loop_fd *watch)
{
    struct loop *loop = watch->loop;
    if (!loop)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = loop->batch_next; i < loop->batch_size; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
    watch->fd = -1;
    watch->loop = NULL;
    loop->watched--;
}

/* --- timers --------------------------------------------------------------------------------- */

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_timer_fn *on_due)
{
    CHECK(on_due);
    timer->loop = loop;
    timer->on_due = on_due;
    timer_heap_set(&loop->timers, timer, loop->now_us + (delay_ms > 0 ? delay_ms * 1000 : 0));
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer->place != 0)
        timer_heap_remove(&timer->loop->timers, timer);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return timer->place != 0;
}

/* --- tasks ---------------------------------------------------------------------------------- */

void loop_task_start(struct loop *loop, struct loop_task *task, loop_task_fn *run)
{
    if (task->link.next)
        return;
    task->run = run;
    list_append(&loop->tasks, &task->link);
}

void loop_task_stop(struct loop_task *task)
{
    if (!task->link.next)
        return;
    list_remove(&task->link);
    task->link = (struct list){0};
}

/* --- signals and children --------------------------------------------------------------------- */

int loop_signal(struct loop *loop, int signo, loop_signal_fn *on_signal, void *owner)
{
    CHECK(signo != SIGCHLD); /* loop_reap() has it */
    return signal_set_handle(&loop->signals, signo, on_signal, owner);
}

static void reap(struct loop_task *task)
{
    struct loop *loop = LIST_ENTRY(task, struct loop, reap_task);
    if (child_table_reap(&loop->children, MOST_REAPED_PER_TURN))
        loop_task_start(loop, &loop->reap_task, reap);
}

static void on_child_signal(void *owner, const siginfo_t *about)
{
    (void)about; /* several ends may be merged into one signal */
    struct loop *loop = owner;
    loop_task_start(loop, &loop->reap_task, reap);
}

int loop_reap(struct loop *loop, loop_child_fn *on_unknown, void *owner)
{
    loop->children.on_unknown = on_unknown;
    loop->children.unknown_owner = owner;
    loop_task_start(loop, &loop->reap_task, reap); /* those that ended before the signal was blocked */
    return signal_set_handle(&loop->signals, SIGCHLD, on_child_signal, loop);
}

void loop_child(struct loop *loop, pid_t pid, loop_child_fn *on_exit, void *owner)
{
    child_table_set(&loop->children, pid, on_exit, owner);
}

/* --- the close phase -------------------------------------------------------------------------- */

void loop_free_later(struct loop *loop, void *object, void (*free_object)(void *object))
{
    if (loop->closed_count == loop->closed_capacity) {
        loop->closed_capacity = loop->closed_capacity ? loop->closed_capacity * 2 : 64;
        loop->closed = memory_resize(loop->closed, loop->closed_capacity * sizeof *loop->closed);
    }
    loop->closed[loop->closed_count++] = (struct closed_object){object, free_object};
}

void loop_last_start(struct loop *loop, struct loop_last *last, void (*on_end)(struct loop_last *last))
{
    last->on_end = on_end;
    list_append(&loop->last, &last->link);
}

void loop_last_stop(struct loop_last *last)
{
    if (last->link.next)
        list_remove(&last->link);
    last->link = (struct list){0};
}

void *loop_scratch(struct loop *loop)
{
    if (!loop->scratch)
        loop->scratch = memory_new(LOOP_SCRATCH_SIZE);
    return loop->scratch;
}
