/* One connected descriptor, its two facts and its two wishes.
 *
 * Facts change by edge-triggered events and by what the calls return; whenever a wish and a fact meet
 * outside of an event, one task carries the callback into the loop. EPOLLOUT is registered only when a
 * write has blocked for the first time: a stream that never blocks is never woken for room (a unix socket
 * reports room at each read of its peer, a TCP socket once at the start). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "net/stream_layer.h"

enum {
    LAYER_CHUNK = 16 * 1024, /* one record of TLS */
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
    bool aborted;
    struct stream_layer *layer; /* NULL: direct */
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

static void layered_ready(struct stream *stream, uint32_t events);

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    struct stream *stream = LIST_ENTRY(watch, struct stream, watch);
    if (events & READ_EVENTS)
        stream->readable = true;
    if (events & WRITE_EVENTS)
        stream->writable = true;
    if (events & GONE_EVENTS)
        note_gone(stream, events);
    if (__builtin_expect(stream->layer != NULL, 0))
        layered_ready(stream, events);
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

/* --- through a layer ------------------------------------------------------------------------ */

static void finish_close(struct stream *stream);

/* The change makes the kernel look anew, so room that came in between is reported. It cannot fail: the entry
 * exists and nothing is allocated. */
static void watch_for_room(struct stream *stream)
{
    if (!(stream->watch.events & EPOLLOUT))
        CHECK(loop_fd_change(&stream->watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT) == 0);
}

/* After anything that may have sent: is there room for the user? What is unsent leaves without being asked.
 */
static void note_unsent(struct stream *stream)
{
    stream->writable = stream->broken || buffer_size(&stream->layer->unsent) == 0;
    if (!stream->writable)
        watch_for_room(stream);
}

static void end_descriptor(struct stream *stream)
{
    stream->layer->end_due = false;
    stream->sent_end = true;
    shutdown(stream->watch.fd, SHUT_WR);
}

static int flush_layer(struct stream *stream)
{
    int error = stream_layer_flush(stream->layer);
    stream->broken |= error && error != -EAGAIN;
    if (!error && stream->layer->end_due)
        end_descriptor(stream);
    note_unsent(stream);
    return error;
}

static void layered_ready(struct stream *stream, uint32_t events)
{
    stream->layer->arrived |= (events & READ_EVENTS) != 0;
    stream->layer->ended |= (events & GONE_EVENTS) != 0;
    int error = flush_layer(stream);
    if (stream->closed && error != -EAGAIN)
        finish_close(stream);
}

/* What a call of the layer gave, noted. Reading goes on until it says -EAGAIN: the layer may hold more. */
static ssize_t layered(struct stream *stream, ssize_t result)
{
    if (result == -EAGAIN)
        stream->readable = false;
    else if (result < 0)
        stream->broken = true;
    note_unsent(stream);
    return result;
}

static ssize_t layered_read(struct stream *stream, void *memory, size_t size)
{
    ssize_t count = layered(stream, stream->layer->calls->read(stream->layer, memory, size));
    if (count <= 0)
        stream->readable = false;
    return count;
}

static ssize_t layered_write(struct stream *stream, const void *bytes, size_t size)
{
    int error = flush_layer(stream);
    if (error)
        return error;
    ssize_t count = stream->layer->calls->write(stream->layer, bytes, size);
    stream->broken |= count < 0;
    note_unsent(stream);
    return count;
}

/* Adds what `count` more bytes came to; false: it is over for now. */
static bool add_written(ssize_t *total, ssize_t count, size_t size)
{
    if (count < 0 && *total == 0)
        *total = count;
    else if (count > 0)
        *total += count;
    return count == (ssize_t)size;
}

/* Pieces share records: a head and the body behind it leave as one. */
static ssize_t layered_pieces(struct stream *stream, const struct iovec *pieces, int count)
{
    char chunk[LAYER_CHUNK];
    ssize_t total = 0;
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        struct slice left = slice_of(pieces[i].iov_base, pieces[i].iov_len);
        while (left.size > 0) {
            size_t part = left.size < sizeof chunk - size ? left.size : sizeof chunk - size;
            memcpy(chunk + size, left.data, part);
            left = slice_from(left, part);
            size += part;
            if (size < sizeof chunk)
                continue;
            if (!add_written(&total, layered_write(stream, chunk, size), size))
                return total;
            size = 0;
        }
    }
    if (size > 0)
        add_written(&total, layered_write(stream, chunk, size), size);
    return total;
}

static ssize_t layered_file(struct stream *stream, int file, int64_t *offset, size_t size)
{
    char chunk[LAYER_CHUNK];
    ssize_t total = 0;
    while (size > 0) {
        ssize_t got = pread(file, chunk, size < sizeof chunk ? size : sizeof chunk, *offset);
        if (got <= 0)
            return total > 0 || got == 0 ? total : -errno;
        ssize_t before = total;
        bool more = add_written(&total, layered_write(stream, chunk, (size_t)got), (size_t)got);
        if (total > before) {
            *offset += total - before;
            size -= (size_t)(total - before);
        }
        if (!more)
            break;
    }
    return total;
}

static int layered_end(struct stream *stream)
{
    struct stream_layer *layer = stream->layer;
    layer->calls->end(layer);
    layer->end_due = true;
    int error = flush_layer(stream);
    return error == -EAGAIN ? 0 : error;
}

static void on_linger_over(struct loop_timer *timer)
{
    finish_close(LIST_ENTRY(timer, struct stream_layer, linger)->stream);
}

static void on_loop_over(struct loop_last *last)
{
    finish_close(LIST_ENTRY(last, struct stream_layer, last)->stream);
}

/* True: what was written before stream_close() is not in the kernel yet. */
static bool lingers(struct stream *stream)
{
    struct stream_layer *layer = stream->layer;
    if (stream->broken || stream->aborted)
        return false;
    if (!stream->sent_end && !layer->end_due)
        layer->calls->end(layer);
    if (flush_layer(stream) != -EAGAIN)
        return false;
    loop_timer_start(stream->watch.loop, &layer->linger, STREAM_LINGER_MS, on_linger_over);
    loop_last_start(stream->watch.loop, &layer->last, on_loop_over);
    return true;
}

void stream_set_layer(struct stream *stream, struct stream_layer *layer)
{
    CHECK(!stream->layer);
    stream->layer = layer;
    layer->stream = stream;
    layer->fd = stream->watch.fd;
    layer->arrived = true;
    layer->unsent.limit = STREAM_LAYER_UNSENT_MOST;
}

struct stream_layer *stream_layer(const struct stream *stream)
{
    return stream->layer;
}

int stream_handshake(struct stream *stream)
{
    return stream->layer ? (int)layered(stream, stream->layer->calls->handshake(stream->layer)) : 0;
}

bool stream_is_direct(const struct stream *stream)
{
    return !stream->layer;
}

bool stream_is_quiet(struct stream *stream)
{
    char byte;
    if (!stream->layer)
        return recv(stream->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    stream->layer->arrived = true;
    bool quiet = stream->layer->calls->is_quiet(stream->layer);
    stream->readable |= !quiet;
    note_unsent(stream);
    return quiet;
}

/* --- bytes ---------------------------------------------------------------------------------- */

ssize_t stream_read(struct stream *stream, void *memory, size_t size)
{
    if (__builtin_expect(stream->layer != NULL, 0))
        return layered_read(stream, memory, size);
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
    if (__builtin_expect(stream->layer != NULL, 0))
        return layered_write(stream, bytes, size);
    return written(stream, send(stream->watch.fd, bytes, size, MSG_NOSIGNAL), size);
}

ssize_t stream_write_pieces(struct stream *stream, const struct iovec *pieces, int count)
{
    if (__builtin_expect(stream->layer != NULL, 0))
        return layered_pieces(stream, pieces, count);
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += pieces[i].iov_len;
    /* sendmsg(2) only reads the pieces. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
    return written(stream, sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL), size);
}

ssize_t stream_write_file(struct stream *stream, int file, int64_t *offset, size_t size)
{
    if (__builtin_expect(stream->layer != NULL, 0))
        return layered_file(stream, file, offset, size);
    off_t place = *offset;
    ssize_t count = sendfile(stream->watch.fd, file, &place, size);
    *offset = place;
    /* A short count may be the end of the file as well as of the room: only EAGAIN tells. */
    return count >= 0 ? count : written(stream, count, size);
}

ssize_t stream_read_pipe(struct stream *stream, int pipe, size_t size)
{
    ssize_t count = splice(stream->watch.fd, NULL, pipe, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (count > 0)
        return count; /* a pipe has few places: a short count is no empty queue */
    int error = count == 0 ? 0 : errno;
    stream->readable = error == EINVAL; /* it cannot, but stream_read() can */
    return -error;
}

ssize_t stream_write_pipe(struct stream *stream, int pipe, size_t size)
{
    ssize_t count = splice(pipe, NULL, stream->watch.fd, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return count >= 0 ? count : written(stream, count, size);
}

static int set_peek_offset(const struct stream *stream, int offset)
{
    return setsockopt(stream->watch.fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset);
}

static ssize_t peek_behind(struct stream *stream, size_t offset, void *memory, size_t size)
{
    if (offset > INT_MAX || set_peek_offset(stream, (int)offset) < 0)
        return -EOPNOTSUPP;
    ssize_t count = recv(stream->watch.fd, memory, size, MSG_PEEK);
    ssize_t result = count < 0 ? -errno : count;
    set_peek_offset(stream, -1);
    return result;
}

ssize_t stream_peek(struct stream *stream, size_t offset, void *memory, size_t size)
{
    CHECK(stream_is_direct(stream));
    if (offset > 0)
        return peek_behind(stream, offset, memory, size);
    ssize_t count = recv(stream->watch.fd, memory, size, MSG_PEEK);
    if (count > 0)
        return count;
    stream->readable = false;
    return count == 0 ? 0 : -errno;
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
    if (!stream->writable)
        watch_for_room(stream);
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
    if (stream->layer)
        return layered_end(stream);
    stream->sent_end = true;
    return shutdown(stream->watch.fd, SHUT_WR) ? -errno : 0;
}

void stream_abort(struct stream *stream)
{
    struct linger now = {.l_onoff = 1};
    stream->aborted = true;
    setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void free_stream(void *object)
{
    struct stream *stream = object;
    if (stream->layer)
        stream->layer->calls->free(stream->layer);
    free(stream);
}

static void finish_close(struct stream *stream)
{
    struct loop *loop = stream->watch.loop;
    int fd = stream->watch.fd;
    if (stream->layer) {
        loop_timer_stop(&stream->layer->linger);
        loop_last_stop(&stream->layer->last);
    }
    loop_fd_stop(&stream->watch);
    close(fd);
    loop_free_later(loop, stream, free_stream);
}

void stream_close(struct stream **where)
{
    struct stream *stream = *where;
    *where = NULL;
    if (!stream)
        return;
    stream->closed = true;
    stream->want_read = stream->want_write = false;
    stream->on_gone = NULL;
    loop_task_stop(&stream->task);
    if (!stream->layer || !lingers(stream))
        finish_close(stream);
}

int stream_fd(const struct stream *stream)
{
    return stream->watch.fd;
}

struct loop *stream_loop(const struct stream *stream)
{
    return stream->watch.loop;
}
