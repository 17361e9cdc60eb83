/* Signals as descriptor events: blocked for the process, read from a signalfd, so that no code of ours
 * ever runs inside a signal handler. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

#include "loop/signal_set.h"

enum { MOST_PER_READ = 16, LARGEST_SIGNAL = 64 };

static void report(struct signal_set *set, const struct signalfd_siginfo *raw)
{
    if (raw->ssi_signo == 0 || raw->ssi_signo > LARGEST_SIGNAL)
        return;
    loop_signal_fn *on_signal = set->handlers[raw->ssi_signo].on_signal;
    if (!on_signal)
        return;
    siginfo_t about = {.si_signo = (int)raw->ssi_signo, .si_code = raw->ssi_code};
    about.si_pid = (pid_t)raw->ssi_pid;
    about.si_uid = raw->ssi_uid;
    on_signal(set->handlers[raw->ssi_signo].owner, &about);
}

/* One batch per wake: the descriptor is level-triggered, so what is left comes in the next turn. */
static void on_readable(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct signal_set *set = LIST_ENTRY(watch, struct signal_set, watch);
    struct signalfd_siginfo batch[MOST_PER_READ];
    ssize_t size = read(watch->fd, batch, sizeof batch);
    for (ssize_t i = 0; i < size / (ssize_t)sizeof batch[0]; i++)
        report(set, &batch[i]);
}

void signal_set_init(struct signal_set *set, struct loop *loop)
{
    *set = (struct signal_set){.watch = {.fd = -1}, .loop = loop};
    sigemptyset(&set->mask);
}

/* The signalfd takes over the changed mask; it is made at the first signal. */
static int apply(struct signal_set *set)
{
    int fd = signalfd(set->watch.fd, &set->mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (set->watch.fd == fd)
        return 0;
    int error = loop_fd_start(set->loop, &set->watch, fd, EPOLLIN | LOOP_LEVEL, on_readable);
    if (error)
        close(fd);
    return error;
}

int signal_set_handle(struct signal_set *set, int signo, loop_signal_fn *on_signal, void *owner)
{
    CHECK(signo > 0 && signo <= LARGEST_SIGNAL);
    sigset_t one;
    sigemptyset(&one);
    if (sigaddset(&one, signo))
        return -errno;
    set->handlers[signo].on_signal = on_signal;
    set->handlers[signo].owner = owner;
    if (on_signal) {
        sigaddset(&set->mask, signo);
        sigprocmask(SIG_BLOCK, &one, NULL);
        /* An ignored signal never gets to a signalfd, and exec(2) hands down what others ignored; with
         * SIGCHLD ignored there is even nothing left to reap. */
        sigaction(signo, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        return apply(set);
    }
    if (sigismember(&set->mask, signo) != 1)
        return 0;
    sigdelset(&set->mask, signo);
    int error = apply(set);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return error;
}

void signal_set_free(struct signal_set *set)
{
    int fd = set->watch.fd;
    if (fd < 0)
        return;
    loop_fd_stop(&set->watch);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set->mask, NULL);
}
