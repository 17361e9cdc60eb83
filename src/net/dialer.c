/* One connection attempt.
 *
 * Local targets are the common case: a second connect(2) right after EINPROGRESS finds a loopback
 * connection already established, which saves registering, waiting and asking SO_ERROR. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/memory.h"

#include "net/dialer.h"
#include "net/prompt.h"

enum { FULL_BACKLOG_RETRY_MS = 10 };

struct dialer {
    struct loop *loop;
    struct loop_fd watch;
    struct loop_timer limit;
    struct loop_timer retry;
    struct loop_task task; /* carries a result that was known at once */
    struct address address;
    int fd; /* -1: none, or given to the callee */
    int result;
    dialer_fn *on_done;
    void *owner;
};

static void stop(struct dialer *dialer)
{
    loop_fd_stop(&dialer->watch);
    loop_timer_stop(&dialer->limit);
    loop_timer_stop(&dialer->retry);
    loop_task_stop(&dialer->task);
    if (dialer->fd >= 0)
        close(dialer->fd);
    dialer->fd = -1;
    loop_free_later(dialer->loop, dialer, free);
}

/* Connecting to a local port nobody listens on may pick that very port as source and reach itself. */
static bool reached_itself(const struct dialer *dialer)
{
    struct address own;
    return dialer->address.any.sa_family != AF_UNIX && address_of_socket(dialer->fd, &own) == 0 &&
           address_equal(&own, &dialer->address);
}

/* `result` is 0 or -errno. */
static void finish(struct dialer *dialer, int result)
{
    if (result == 0 && reached_itself(dialer))
        result = -ECONNREFUSED;
    int fd = result;
    if (result == 0) {
        fd = dialer->fd;
        dialer->fd = -1;
        loop_fd_stop(&dialer->watch); /* before it becomes the callee's */
    }
    dialer_fn *on_done = dialer->on_done;
    void *owner = dialer->owner;
    stop(dialer);
    on_done(owner, fd);
}

static void run(struct loop_task *task)
{
    struct dialer *dialer = LIST_ENTRY(task, struct dialer, task);
    finish(dialer, dialer->result);
}

static void on_limit(struct loop_timer *timer)
{
    finish(LIST_ENTRY(timer, struct dialer, limit), -ETIMEDOUT);
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct dialer *dialer = LIST_ENTRY(watch, struct dialer, watch);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(dialer->fd, SOL_SOCKET, SO_ERROR, &error, &size))
        error = errno;
    finish(dialer, -error);
}

static int try_connect(const struct dialer *dialer)
{
    return connect(dialer->fd, &dialer->address.any, dialer->address.size) ? -errno : 0;
}

static void attempt(struct dialer *dialer);

static void on_retry(struct loop_timer *timer)
{
    attempt(LIST_ENTRY(timer, struct dialer, retry));
}

static void attempt(struct dialer *dialer)
{
    int error = try_connect(dialer);
    if (error == -EINPROGRESS)
        error = try_connect(dialer);
    if (error == -EAGAIN) { /* a unix listener's queue is full; no event tells when it is not */
        loop_timer_start(dialer->loop, &dialer->retry, FULL_BACKLOG_RETRY_MS, on_retry);
        return;
    }
    if (error == -EALREADY) {
        error = loop_fd_start(dialer->loop, &dialer->watch, dialer->fd, EPOLLOUT, on_ready);
        if (!error)
            return;
    }
    dialer->result = error;
    loop_task_start(dialer->loop, &dialer->task, run);
}

struct dialer *dialer_start(struct loop *loop, const struct address *address, int64_t timeout_ms,
                            dialer_fn *on_done, void *owner)
{
    struct dialer *dialer = MEMORY_NEW(struct dialer);
    *dialer = (struct dialer){.loop = loop, .address = *address, .on_done = on_done, .owner = owner};
    loop_timer_start(loop, &dialer->limit, timeout_ms, on_limit);
    dialer->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dialer->fd < 0) {
        dialer->result = -errno;
        loop_task_start(loop, &dialer->task, run);
        return dialer;
    }
    prompt_set(dialer->fd, address);
    attempt(dialer);
    return dialer;
}

void dialer_cancel(struct dialer **dialer)
{
    if (*dialer)
        stop(*dialer);
    *dialer = NULL;
}
