#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "route/viewer_link.h"

static void on_event(struct loop_fd *watch, uint32_t events);

/* Level-triggered; a hold that has gone would be told again and again to one who does not read. */
static void renew(struct viewer_link *link)
{
    uint32_t events = (link->reads ? EPOLLIN : 0u) | (link->waits ? EPOLLOUT : 0u);
    if (link->fd < 0 || !events)
        loop_fd_stop(&link->watch);
    else if (link->watch.loop)
        loop_fd_change(&link->watch, events | LOOP_LEVEL);
    else
        loop_fd_start(link->loop, &link->watch, link->fd, events | LOOP_LEVEL, on_event);
}

static void on_event(struct loop_fd *watch, uint32_t events)
{
    struct viewer_link *link = LIST_ENTRY(watch, struct viewer_link, watch);
    if (link->waits && events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        link->waits = false;
        renew(link);
        link->on_room(link);
    }
    if (link->reads && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        link->on_record(link);
}

void viewer_link_open(struct viewer_link *link, struct loop *loop, int fd)
{
    link->loop = loop;
    link->fd = fd;
}

void viewer_link_close(struct viewer_link *link)
{
    link->reads = link->waits = false;
    loop_fd_stop(&link->watch);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

void viewer_link_want(struct viewer_link *link, bool records)
{
    if (link->reads == records)
        return;
    link->reads = records;
    renew(link);
}

ssize_t viewer_link_read(struct viewer_link *link, void *memory, size_t size)
{
    ssize_t count = recv(link->fd, memory, size, MSG_DONTWAIT);
    return count >= 0 ? count : -errno;
}

bool viewer_link_send(struct viewer_link *link, char type, struct slice data)
{
    struct iovec pieces[] = {{&type, 1}, {(void *)(uintptr_t)data.data, data.size}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = data.size > 0 ? 2 : 1};
    if (sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN)
        return true;
    link->waits = true;
    renew(link);
    return false;
}
