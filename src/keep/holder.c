#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sockdiag.h"

#include "keep/holder.h"

static void holder_fill(struct holder *holder, const struct sockdiag_listener *listener, pid_t pid)
{
    *holder = (struct holder){.inode = listener->inode, .user = listener->uid};
    if (pid > 0 && identity_of(pid, &holder->identity) == 0)
        identity_command(pid, holder->command);
}

int holder_find(const struct address *address, struct holder holders[HOLDER_MOST])
{
    struct sockdiag_listener listeners[HOLDER_MOST];
    int found = sockdiag_listeners(address, listeners, HOLDER_MOST);
    int count = 0;
    for (int i = 0; i < found && count < HOLDER_MOST; i++) {
        pid_t pids[HOLDER_MOST];
        int owners = sockdiag_holders(listeners[i].inode, pids, HOLDER_MOST - count);
        if (owners <= 0)
            holder_fill(&holders[count++], &listeners[i], 0);
        for (int j = 0; j < owners; j++)
            holder_fill(&holders[count++], &listeners[i], pids[j]);
    }
    return count;
}

static int64_t holder_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
}

/* True when the process behind `pidfd` has exited before `deadline`. */
static bool holder_wait(int pidfd, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - holder_now_ms();
        struct pollfd wait = {.fd = pidfd, .events = POLLIN};
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready > 0)
            return true;
        if (left <= 0 || (ready < 0 && errno != EINTR))
            return false;
    }
}

int holder_evict(const struct holder *holder, int64_t timeout_ms,
                 void (*report)(void *owner, const struct holder *holder, int signo), void *owner)
{
    int pidfd = identity_open(&holder->identity);
    if (pidfd < 0)
        return pidfd == -ESRCH ? 0 : pidfd;
    int64_t start = holder_now_ms();
    int error = -ETIMEDOUT;
    const struct {
        int signo;
        int64_t until;
    } steps[] = {{SIGTERM, start + timeout_ms / 2}, {SIGKILL, start + timeout_ms}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && error == -ETIMEDOUT; i++) {
        if (!sockdiag_holds(holder->identity.pid, holder->inode)) {
            error = 0;
            break;
        }
        int sent = identity_signal(pidfd, steps[i].signo);
        if (sent == 0)
            report(owner, holder, steps[i].signo);
        if (sent < 0)
            error = sent == -ESRCH ? 0 : sent;
        else if (holder_wait(pidfd, steps[i].until))
            error = 0;
    }
    close(pidfd);
    return error;
}

void holder_describe(const struct holder *holders, int count, const struct address *address,
                     struct error *error)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    if (count == 0) {
        error_set(error,
                  "%s is in use, but no listener can be seen from here (another network or pid namespace?); "
                  "look with: ss -ltnp 'sport = :%u'",
                  text, address->any.sa_family == AF_UNIX ? 0 : ntohs(address->v4.sin_port));
        return;
    }
    const struct holder *first = &holders[0];
    if (first->identity.pid == 0)
        error_set(
            error,
            "%s is in use by a process of uid %u that cannot be seen from here; look with: sudo ss -ltnp",
            text, (unsigned)first->user);
    else
        error_set(error, "%s is in use by pid %d of uid %u: %s", text, (int)first->identity.pid,
                  (unsigned)first->user, first->command);
}
