/* The descriptor may be shared with a shell, so O_NONBLOCK is not ours to set on it: terminals and pipes are
 * opened once more, for us alone, and sockets are told with each send. Where that cannot be (a terminal of
 * another account's), poll(2) is asked before each write, which is as good for pipes and nearly so for
 * terminals. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "reeve/writer.h"

enum { WRITER_LIMIT = 1 << 20, WRITER_RETRY_MS = 20, WRITER_LAST_TRIES = 10, WRITER_NOTE_ROOM = 128 };

struct writer {
    int fd;
    bool owned; /* our own way to what the caller's descriptor shows */
    bool socket;
    struct loop *loop;
    struct buffer queue;
    uint64_t dropped; /* lines, not yet told */
    struct loop_timer retry;
};

struct writer *writer_new(int fd)
{
    struct writer *writer = MEMORY_NEW(struct writer);
    struct stat about = {0};
    int own = -1;
    fstat(fd, &about);
    if (S_ISCHR(about.st_mode) || S_ISFIFO(about.st_mode)) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    *writer = (struct writer){.fd = own >= 0 ? own : fd,
                              .owned = own >= 0,
                              .socket = S_ISSOCK(about.st_mode),
                              .queue = BUFFER(WRITER_LIMIT)};
    return writer;
}

static ssize_t writer_put(const struct writer *writer, struct slice bytes)
{
    if (writer->socket)
        return send(writer->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(writer->fd, bytes.data, bytes.size);
}

/* After POLLOUT a write of at most PIPE_BUF bytes does not wait for room in a pipe (pipe(7)). */
static bool writer_step(struct writer *writer)
{
    struct pollfd room = {.fd = writer->fd, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0)
        return false;
    struct slice bytes = slice_between(buffer_slice(&writer->queue), 0, PIPE_BUF);
    ssize_t written = writer_put(writer, bytes);
    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* Nobody is there to read any more: what they would have read is dropped. */
    buffer_consume(&writer->queue, written < 0 ? bytes.size : (size_t)written);
    return true;
}

static void writer_flush(struct writer *writer)
{
    while (buffer_size(&writer->queue) > 0 && writer_step(writer))
        ;
    if (writer->dropped && buffer_room(&writer->queue) > WRITER_LIMIT / 2) {
        buffer_append_format(&writer->queue, "reeve: %llu lines were dropped here: the output was not read\n",
                             (unsigned long long)writer->dropped);
        writer->dropped = 0;
    }
}

static void writer_on_retry(struct loop_timer *timer)
{
    struct writer *writer = LIST_ENTRY(timer, struct writer, retry);
    writer_flush(writer);
    if (buffer_size(&writer->queue) > 0)
        loop_timer_start(writer->loop, timer, WRITER_RETRY_MS, writer_on_retry);
}

void writer_write(struct writer *writer, struct slice lines)
{
    bool fits =
        buffer_room(&writer->queue) > lines.size + WRITER_NOTE_ROOM && buffer_append(&writer->queue, lines);
    if (!fits)
        writer->dropped++;
    writer_flush(writer);
    if (buffer_size(&writer->queue) > 0 && writer->loop && !loop_timer_armed(&writer->retry))
        loop_timer_start(writer->loop, &writer->retry, WRITER_RETRY_MS, writer_on_retry);
}

void writer_attach(struct writer *writer, struct loop *loop)
{
    loop_timer_stop(&writer->retry);
    writer->loop = loop;
    if (loop && buffer_size(&writer->queue) > 0)
        loop_timer_start(loop, &writer->retry, 0, writer_on_retry);
}

void writer_free(struct writer **owned)
{
    struct writer *writer = *owned;
    if (!writer)
        return;
    loop_timer_stop(&writer->retry);
    for (int i = 0; i < WRITER_LAST_TRIES && buffer_size(&writer->queue) > 0; i++) {
        struct pollfd room = {.fd = writer->fd, .events = POLLOUT};
        poll(&room, 1, WRITER_RETRY_MS);
        writer_flush(writer);
    }
    buffer_free(&writer->queue);
    if (writer->owned)
        close(writer->fd);
    free(writer);
    *owned = NULL;
}

void writer_log_sink(void *sink, const char *line, size_t size)
{
    writer_write(sink, slice_of(line, size));
}
