/* Accepting from a socket that several processes share.
 *
 * Level-triggered, because another process may take what woke us and what we leave must wake somebody.
 * A wake accepts at most twice what the last one found (1..64): a trickle costs no accept(2) that says
 * EAGAIN, a burst is taken in a few wakes. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "net/listener.h"

enum { BATCH = 64, BACKLOG = 4096, STARVED_PAUSE_MS = 100, KEEPALIVE_IDLE_S = 60, KEEPALIVE_INTERVAL_S = 15 };

struct listener {
    struct loop_fd watch;
    struct loop *loop;
    int fd;
    bool paused;
    bool end_batch;
    bool closed;
    int batch; /* most to accept in the next wake */
    struct loop_timer resume;
    listener_fn *on_accept;
    listener_starved_fn *on_starved;
    void *owner;
};

static void on_ready(struct loop_fd *watch, uint32_t events);
static void on_resume(struct loop_timer *timer);

static int watch(struct listener *listener)
{
    return loop_fd_start(listener->loop, &listener->watch, listener->fd,
                         EPOLLIN | EPOLLEXCLUSIVE | LOOP_LEVEL, on_ready);
}

/* Without descriptors or memory the pending connection would wake us for ever. */
static void starve(struct listener *listener, int error)
{
    loop_fd_stop(&listener->watch);
    loop_timer_start(listener->loop, &listener->resume, STARVED_PAUSE_MS, on_resume);
    listener->on_starved(listener->owner, error);
}

static void resume(struct listener *listener)
{
    int error = watch(listener);
    if (error)
        starve(listener, -error);
}

static void on_resume(struct loop_timer *timer)
{
    struct listener *listener = LIST_ENTRY(timer, struct listener, resume);
    if (!listener->paused)
        resume(listener);
}

/* accept(2) "Error handling": errors already pending on the new connection concern that one only. */
static bool is_about_one_connection(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENOPROTOOPT:
    case EPERM: /* a firewall's no */
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Takes one connection. False: nothing more in this wake. */
static bool accept_one(struct listener *listener)
{
    struct address peer;
    peer.size = sizeof peer.local;
    int fd = accept4(listener->fd, &peer.any, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener->on_accept(listener->owner, fd, &peer);
        return !listener->end_batch && !listener->paused && !listener->closed;
    }
    if (is_about_one_connection(errno))
        return true;
    if (errno != EAGAIN)
        starve(listener, errno);
    return false;
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct listener *listener = LIST_ENTRY(watch, struct listener, watch);
    listener->end_batch = false;
    int taken = 0;
    while (taken < listener->batch && accept_one(listener))
        taken++;
    listener->batch = taken * 2 < 1 ? 1 : taken * 2 > BATCH ? BATCH : taken * 2;
}

struct listener *listener_new(struct loop *loop, int fd, listener_fn *on_accept,
                              listener_starved_fn *on_starved, void *owner)
{
    struct listener *listener = MEMORY_NEW(struct listener);
    *listener = (struct listener){.loop = loop, .fd = fd, .paused = true, .batch = 1};
    listener->on_accept = on_accept;
    listener->on_starved = on_starved;
    listener->owner = owner;
    /* Tried at once, so that a descriptor epoll cannot watch is refused here and not at the first use. */
    int error = watch(listener);
    if (error) {
        close(fd);
        free(listener);
        errno = -error;
        return NULL;
    }
    loop_fd_stop(&listener->watch);
    return listener;
}

void listener_pause(struct listener *listener, bool paused)
{
    if (listener->paused == paused)
        return;
    listener->paused = paused;
    if (paused)
        loop_fd_stop(&listener->watch);
    else if (!loop_timer_armed(&listener->resume)) /* starved: the timer will do it */
        resume(listener);
}

void listener_end_batch(struct listener *listener)
{
    listener->end_batch = true;
}

int listener_fd(const struct listener *listener)
{
    return listener->fd;
}

void listener_free(struct listener **where)
{
    struct listener *listener = *where;
    *where = NULL;
    if (!listener)
        return;
    listener->closed = true;
    loop_timer_stop(&listener->resume);
    loop_fd_stop(&listener->watch);
    close(listener->fd);
    loop_free_later(listener->loop, listener, free);
}

/* --- binding -------------------------------------------------------------------------------- */

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

/* Accepted sockets inherit these, which saves a system call for each. Keep-alive finds peers that vanished
 * without a word (a laptop closed, a NAT entry lost). */
static void set_inherited_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
}

/* A socket file that refuses connections has no listener. Anything else at the path is left alone. */
static bool is_stale(const struct address *address)
{
    struct stat status;
    if (address->any.sa_family != AF_UNIX || lstat(address->local.sun_path, &status) ||
        !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, &address->any, address->size) && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_socket(int fd, const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (address->any.sa_family != AF_UNIX) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_inherited_options(fd);
    }
    if (bind(fd, &address->any, address->size) == 0)
        return 0;
    if (errno != EADDRINUSE || !is_stale(address))
        return -errno;
    unlink(address->local.sun_path);
    return bind(fd, &address->any, address->size) ? -errno : 0;
}

int listener_bind(const struct address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = bind_socket(fd, address);
    /* With SO_REUSEADDR two sockets may be bound to one port; only listen(2) tells the second one. */
    if (!error && listen(fd, BACKLOG))
        error = -errno;
    if (!error)
        return fd;
    close(fd);
    return error;
}
