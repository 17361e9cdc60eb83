/* The loop's promises: nothing fires after a stop, timers and tasks in their turns, signals, reaping, and
 * memory freed only in the close phase. */
#include "../support.h"

#include <signal.h>

#include "base/memory.h"

/* --- descriptors --- */

struct watched {
    struct loop_fd watch;
    struct watched *victim;
    int fired;
    int *freed;
};

static void free_watched(void *object)
{
    struct watched *watched = object;
    (*watched->freed)++;
    free(watched);
}

static void close_watched(struct watched *watched)
{
    struct loop *loop = watched->watch.loop;
    int fd = watched->watch.fd;
    loop_fd_stop(&watched->watch);
    close(fd);
    loop_free_later(loop, watched, free_watched);
}

static void close_self(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct watched *watched = LIST_ENTRY(watch, struct watched, watch);
    int *freed = watched->freed;
    close_watched(watched);
    assert_int_equal(*freed, 0); /* not before the close phase */
}

static void an_object_may_close_itself_in_its_callback(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    int pair[2], freed = 0;
    make_pair(SOCK_STREAM, pair);
    struct watched *watched = MEMORY_NEW(struct watched);
    watched->freed = &freed;
    assert_int_equal(loop_fd_start(loop, &watched->watch, pair[0], EPOLLIN, close_self), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(loop_step(loop, 0), 1);
    assert_int_equal(freed, 1);
    close(pair[1]);
    loop_free(&loop);
    assert_null(loop);
}

static void close_other(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct watched *watched = LIST_ENTRY(watch, struct watched, watch);
    watched->fired++;
    if (watched->victim)
        loop_fd_stop(&watched->victim->watch);
}

/* Both are ready in one batch; whichever comes first stops the other, which then must stay silent. */
static void closing_another_object_of_the_batch_silences_it(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    int first[2], second[2];
    make_pair(SOCK_STREAM, first);
    make_pair(SOCK_STREAM, second);
    struct watched a = {0}, b = {0};
    a.victim = &b;
    b.victim = &a;
    loop_fd_start(loop, &a.watch, first[0], EPOLLIN, close_other);
    loop_fd_start(loop, &b.watch, second[0], EPOLLIN, close_other);
    assert_int_equal(write(first[1], "x", 1), 1);
    assert_int_equal(write(second[1], "x", 1), 1);
    assert_int_equal(loop_step(loop, 0), 1);
    assert_int_equal(a.fired + b.fired, 1);
    loop_fd_stop(&a.watch);
    loop_fd_stop(&b.watch);
    loop_fd_stop(&b.watch); /* twice does nothing */
    close(first[0]), close(first[1]), close(second[0]), close(second[1]);
    loop_free(&loop);
}

static void count_ready(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    LIST_ENTRY(watch, struct watched, watch)->fired++;
}

static void level_repeats_and_edge_does_not(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    int pair[2];
    make_pair(SOCK_STREAM, pair);
    struct watched watched = {0};
    loop_fd_start(loop, &watched.watch, pair[0], EPOLLIN, count_ready);
    assert_int_equal(write(pair[1], "x", 1), 1);
    loop_step(loop, 0);
    loop_step(loop, 0);
    assert_int_equal(watched.fired, 1);
    loop_fd_change(&watched.watch, EPOLLIN | LOOP_LEVEL);
    loop_step(loop, 0);
    loop_step(loop, 0);
    assert_int_equal(watched.fired, 3);
    loop_fd_stop(&watched.watch);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(loop_fd_start(loop, &watched.watch, file, EPOLLIN, count_ready), -EPERM);
    loop_fd_stop(&watched.watch);
    close(file), close(pair[0]), close(pair[1]);
    loop_free(&loop);
}

/* --- timers --- */

struct ticker {
    struct loop_timer timer;
    int fired;
    int64_t again_ms; /* < 0: do not re-arm */
    struct ticker *stops;
};

static void tick(struct loop_timer *timer)
{
    struct ticker *ticker = LIST_ENTRY(timer, struct ticker, timer);
    assert_false(loop_timer_armed(timer));
    ticker->fired++;
    if (ticker->stops)
        loop_timer_stop(&ticker->stops->timer);
    if (ticker->again_ms >= 0)
        loop_timer_start(timer->loop, timer, ticker->again_ms, tick);
}

static void timers_fire_when_due_and_may_rearm(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(5000000);
    struct loop *loop = loop_new(&clock.clock);
    struct ticker once = {.again_ms = -1}, again = {.again_ms = 10}, zero = {.again_ms = 0};
    loop_timer_start(loop, &once.timer, 10, tick);
    loop_timer_start(loop, &again.timer, 10, tick);
    assert_int_equal(loop_step(loop, 0), 0);
    clock.now_us += 9999;
    assert_int_equal(loop_step(loop, 0), 0);
    clock.now_us += 1;
    assert_int_equal(loop_step(loop, 0), 2);
    assert_false(loop_timer_armed(&once.timer));
    assert_true(loop_timer_armed(&again.timer));
    clock.now_us += 10000;
    assert_int_equal(loop_step(loop, 0), 1);
    assert_int_equal(again.fired, 2);
    loop_timer_stop(&again.timer);
    loop_timer_start(loop, &zero.timer, 0, tick); /* must not hold the turn for ever */
    assert_int_equal(loop_step(loop, -1), 1);
    loop_timer_stop(&zero.timer);
    loop_timer_stop(&zero.timer);
    loop_free(&loop);
}

static void a_timer_may_be_moved_or_stopped_by_another(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1);
    struct loop *loop = loop_new(&clock.clock);
    struct ticker later = {.again_ms = -1}, first = {.again_ms = -1, .stops = &later};
    loop_timer_start(loop, &later.timer, 5, tick);
    loop_timer_start(loop, &later.timer, 20, tick); /* moved */
    loop_timer_start(loop, &first.timer, 10, tick);
    clock.now_us += 30000;
    assert_int_equal(loop_step(loop, 0), 1);
    assert_int_equal(first.fired, 1);
    assert_int_equal(later.fired, 0);
    loop_free(&loop);
}

/* --- tasks --- */

struct job {
    struct loop_task task;
    struct loop *loop;
    struct job *queues;
    struct job *stops;
    int ran;
};

static void run_job(struct loop_task *task)
{
    struct job *job = LIST_ENTRY(task, struct job, task);
    job->ran++;
    if (job->queues)
        loop_task_start(job->loop, &job->queues->task, run_job);
    if (job->stops)
        loop_task_stop(&job->stops->task);
}

static void a_task_queued_by_a_task_runs_in_the_next_turn(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct job second = {.loop = loop}, first = {.loop = loop, .queues = &second};
    struct job itself = {.loop = loop};
    itself.queues = &itself;
    loop_task_start(loop, &first.task, run_job);
    loop_task_start(loop, &first.task, run_job); /* queued once */
    loop_task_start(loop, &itself.task, run_job);
    assert_int_equal(loop_step(loop, -1), 2); /* -1: a queued task must not wait */
    assert_int_equal(second.ran, 0);
    assert_int_equal(loop_step(loop, -1), 2);
    assert_int_equal(first.ran, 1);
    assert_int_equal(second.ran, 1);
    assert_int_equal(itself.ran, 2);
    loop_task_stop(&itself.task);
    loop_task_stop(&itself.task);
    struct job victim = {.loop = loop}, killer = {.loop = loop, .stops = &victim};
    loop_task_start(loop, &killer.task, run_job);
    loop_task_start(loop, &victim.task, run_job);
    assert_int_equal(loop_step(loop, -1), 1);
    assert_int_equal(victim.ran, 0);
    loop_free(&loop);
}

static void stop_loop(struct loop_timer *timer)
{
    loop_stop(timer->loop);
}

static void run_ends_at_stop(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct loop_timer timer = {0};
    loop_timer_start(loop, &timer, 1, stop_loop);
    loop_run(loop);
    assert_false(loop_timer_armed(&timer));
    loop_free(&loop);
}

/* --- signals --- */

struct heard {
    int signo;
    int count;
    pid_t from;
};

static void hear(void *owner, const siginfo_t *about)
{
    struct heard *heard = owner;
    heard->signo = about->si_signo;
    heard->from = about->si_pid;
    heard->count++;
}

static void signals_are_reported_and_can_be_given_back(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct heard usr1 = {0}, usr2 = {0};
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* as a parent may hand it down */
    assert_int_equal(loop_signal(loop, SIGUSR1, hear, &usr1), 0);
    assert_int_equal(loop_signal(loop, SIGUSR2, hear, &usr2), 0);
    kill(getpid(), SIGUSR1);
    turn_all(loop);
    assert_int_equal(usr1.signo, SIGUSR1);
    assert_int_equal(usr1.from, getpid());
    assert_int_equal(usr1.count, 1);
    assert_int_equal(usr2.count, 0);
    assert_int_equal(loop_signal(loop, SIGUSR1, NULL, NULL), 0);
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGUSR1), 0);
    assert_int_equal(sigismember(&blocked, SIGUSR2), 1);
    kill(getpid(), SIGUSR2);
    turn_all(loop);
    assert_int_equal(usr2.count, 1);
    loop_free(&loop);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGUSR2), 0);
}

/* --- children --- */

enum { CROWD = 100 };

struct ends {
    int known;
    int unknown;
    int last_status;
    bool done;
};

static void on_known(void *owner, const siginfo_t *exit)
{
    struct ends *ends = owner;
    ends->last_status = exit->si_status;
    ends->done = ++ends->known + ends->unknown == CROWD + 1;
}

static void on_unknown(void *owner, const siginfo_t *exit)
{
    struct ends *ends = owner;
    assert_int_equal(exit->si_code, CLD_EXITED);
    ends->done = ++ends->unknown + ends->known == CROWD + 1;
}

static pid_t child_that_exits(int status)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(status);
    assert_true(pid > 0);
    return pid;
}

static void every_child_is_reaped_known_or_not(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct ends ends = {0};
    for (int i = 0; i < CROWD / 2; i++)
        child_that_exits(1); /* may have ended before anybody listens for SIGCHLD */
    assert_int_equal(loop_reap(loop, on_unknown, &ends), 0);
    assert_int_equal(ends.unknown, 0); /* never from inside the call */
    for (int i = 0; i < CROWD / 2; i++)
        child_that_exits(1);
    loop_child(loop, child_that_exits(9), on_known, &ends);
    turn_until(loop, &ends.done);
    assert_int_equal(ends.known, 1);
    assert_int_equal(ends.last_status, 9);
    assert_int_equal(ends.unknown, CROWD);
    loop_child(loop, 1, on_known, &ends);
    loop_child(loop, 1, NULL, NULL); /* forgotten */
    siginfo_t nobody = {0};
    assert_int_equal(waitid(P_ALL, 0, &nobody, WEXITED | WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    loop_free(&loop);
}

static void stop_last(struct loop_last *last)
{
    loop_last_stop(last);
    last->on_end = NULL;
}

static void the_end_is_told_to_what_asked_for_it(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct loop_last asked = {0}, taken_back = {0};
    loop_last_stop(&taken_back); /* never asked */
    loop_last_start(loop, &asked, stop_last);
    loop_last_start(loop, &taken_back, stop_last);
    loop_last_stop(&taken_back);
    loop_free(&loop);
    assert_null(asked.on_end);
    assert_non_null(taken_back.on_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_may_close_itself_in_its_callback),
        cmocka_unit_test(closing_another_object_of_the_batch_silences_it),
        cmocka_unit_test(level_repeats_and_edge_does_not),
        cmocka_unit_test(timers_fire_when_due_and_may_rearm),
        cmocka_unit_test(a_timer_may_be_moved_or_stopped_by_another),
        cmocka_unit_test(a_task_queued_by_a_task_runs_in_the_next_turn),
        cmocka_unit_test(run_ends_at_stop),
        cmocka_unit_test(signals_are_reported_and_can_be_given_back),
        cmocka_unit_test(every_child_is_reaped_known_or_not),
        cmocka_unit_test(the_end_is_told_to_what_asked_for_it),
    };
    return run_group(tests);
}
