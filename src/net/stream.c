/* One connected descriptor, its two facts and its two wishes.
 *
 * Facts change by edge-triggered events and by what the calls return; whenever a wish and a fact meet
 * outside of an event, one task carries the callback into the loop. EPOLLOUT is registered only when a
 * write has blocked for the first time: a stream that never blocks is never woken for room (a unix socket
 * reports room at each read of its peer, a TCP socket once at the start). */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "net/stream.h"

enum {
    READ_EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
    WRITE_EVENTS = EPOLLOUT | EPOLLHUP | EPOLLERR,
    GONE_EVENTS = EPOLLRDHUP | EPOLLHUP | EPOLLERR,
};

struct stream {
    struct loop_fd watch;
    struct loop_task task;
    const struct stream_events *events;
    void *owner;
    void (*on_gone)(void *owner);
    bool readable; /* a read may give something */
    bool writable; /* a write may take something */
    bool want_read;
    bool want_write;
    bool sent_end;   /* we have shut down our sending side */
    bool peer_ended; /* RDHUP, HUP or ERR was seen */
    bool broken;
    bool gone_due; /* on_gone has something new to tell */
    bool closed;
};

static bool wish_is_met(const struct stream *stream)
{
    return (stream->want_read && stream->readable) || (stream->want_write && stream->writable) ||
           (stream->on_gone && stream->gone_due);
}

static void run(struct loop_task *task);

static void schedule(struct stream *stream)
{
    if (!stream->closed && wish_is_met(stream))
        loop_task_start(stream->watch.loop, &stream->task, run);
}

/* Each callback may close the stream; its memory stays until the close phase. */
static void tell(struct stream *stream)
{
    if (stream->want_read && stream->readable)
        stream->events->on_readable(stream->owner);
    if (stream->want_write && stream->writable && !stream->closed) {
        stream->want_write = false;
        stream->events->on_writable(stream->owner);
    }
    if (stream->on_gone && stream->gone_due && !stream->closed) {
        stream->gone_due = false;
        stream->on_gone(stream->owner);
    }
    schedule(stream); /* what is left comes after everybody else's turn */
}

static void run(struct loop_task *task)
{
    tell(LIST_ENTRY(task, struct stream, task));
}

static void note_gone(struct stream *stream, uint32_t events)
{
    bool breaks = events & EPOLLERR || (events & EPOLLHUP && !stream->sent_end);
    if (!stream->peer_ended || (breaks && !stream->broken))
        stream->gone_due = true;
    stream->peer_ended = true;
    stream->broken |= breaks;
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    struct stream *stream = LIST_ENTRY(watch, struct stream, watch);
    if (events & READ_EVENTS)
        stream->readable = true;
    if (events & WRITE_EVENTS)
        stream->writable = true;
    if (events & GONE_EVENTS)
        note_gone(stream, events);
    tell(stream);
}

struct stream *stream_new(struct loop *loop, int fd, const struct stream_events *events, void *owner)
{
    struct stream *stream = MEMORY_NEW(struct stream);
    int error = loop_fd_start(loop, &stream->watch, fd, EPOLLIN | EPOLLRDHUP, on_ready);
    if (error) {
        close(fd);
        free(stream);
        errno = -error;
        return NULL;
    }
    stream->events = events;
    stream->owner = owner;
    stream->writable = true; /* until a write says otherwise */
    return stream;
}

void stream_set_events(struct stream *stream, const struct stream_events *events, void *owner)
{
    stream->events = events;
    stream->owner = owner;
}

/* --- bytes ---------------------------------------------------------------------------------- */

ssize_t stream_read(struct stream *stream, void *memory, size_t size)
{
    ssize_t count = recv(stream->watch.fd, memory, size, 0);
    if (count > 0) {
        /* A short count means an empty queue, which saves the read that would say EAGAIN; behind the
         * peer's end no new event would come. */
        if ((size_t)count < size && !stream->peer_ended)
            stream->readable = false;
        return count;
    }
    stream->readable = false;
    return count == 0 ? 0 : -errno;
}

/* What a write system call gave, noted and in the header's terms. */
static ssize_t written(struct stream *stream, ssize_t count, size_t size)
{
    if (count >= 0) {
        if ((size_t)count < size)
            stream->writable = false;
        return count;
    }
    int error = errno;
    if (error == EAGAIN || error == EINTR) {
        stream->writable = false;
        return -EAGAIN;
    }
    stream->broken = true;
    return -error;
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    return written(stream, send(stream->watch.fd, bytes, size, MSG_NOSIGNAL), size);
}

ssize_t stream_write_pieces(struct stream *stream, const struct iovec *pieces, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += pieces[i].iov_len;
    /* sendmsg(2) only reads the pieces. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
    return written(stream, sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL), size);
}

ssize_t stream_write_file(struct stream *stream, int file, int64_t *offset, size_t size)
{
    off_t place = *offset;
    ssize_t count = sendfile(stream->watch.fd, file, &place, size);
    *offset = place;
    /* A short count may be the end of the file as well as of the room: only EAGAIN tells. */
    return count >= 0 ? count : written(stream, count, size);
}

/* --- wishes --------------------------------------------------------------------------------- */

void stream_want_read(struct stream *stream, bool wanted)
{
    stream->want_read = wanted;
    if (wanted)
        schedule(stream);
}

void stream_want_write(struct stream *stream, bool wanted)
{
    stream->want_write = wanted;
    if (!wanted)
        return;
    /* The change makes the kernel look anew, so room that came in between is reported. It cannot fail: the
     * entry exists and nothing is allocated. */
    if (!stream->writable && !(stream->watch.events & EPOLLOUT))
        CHECK(loop_fd_change(&stream->watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT) == 0);
    schedule(stream);
}

void stream_watch_gone(struct stream *stream, void (*on_gone)(void *owner))
{
    stream->on_gone = on_gone;
    schedule(stream);
}

bool stream_peer_ended(const struct stream *stream)
{
    return stream->peer_ended;
}

bool stream_broken(const struct stream *stream)
{
    return stream->broken;
}

/* --- the end -------------------------------------------------------------------------------- */

int stream_end(struct stream *stream)
{
    stream->sent_end = true;
    return shutdown(stream->watch.fd, SHUT_WR) ? -errno : 0;
}

void stream_abort(struct stream *stream)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void stream_close(struct stream **where)
{
    struct stream *stream = *where;
    *where = NULL;
    if (!stream)
        return;
    struct loop *loop = stream->watch.loop;
    int fd = stream->watch.fd;
    stream->closed = true;
    stream->want_read = stream->want_write = false;
    stream->on_gone = NULL;
    loop_task_stop(&stream->task);
    loop_fd_stop(&stream->watch);
    close(fd);
    loop_free_later(loop, stream, free);
}

int stream_fd(const struct stream *stream)
{
    return stream->watch.fd;
}

struct loop *stream_loop(const struct stream *stream)
{
    return stream->watch.loop;
}
