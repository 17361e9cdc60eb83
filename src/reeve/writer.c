#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "reeve/writer.h"

enum { WRITER_LIMIT = 1 << 20, WRITER_RETRY_MS = 20, WRITER_LAST_TRIES = 10, WRITER_NOTE_ROOM = 128 };

struct writer {
    int fd;
    struct loop *loop;
    struct buffer queue;
    uint64_t dropped; /* lines, not yet told */
    struct loop_timer retry;
};

struct writer *writer_new(int fd)
{
    struct writer *writer = MEMORY_NEW(struct writer);
    *writer = (struct writer){.fd = fd, .queue = BUFFER(WRITER_LIMIT)};
    return writer;
}

/* The descriptor may be shared with a shell, so O_NONBLOCK is not ours to set: after POLLOUT a write of
 * at most PIPE_BUF bytes does not wait (pipe(7)). */
static bool writer_step(struct writer *writer)
{
    struct pollfd room = {.fd = writer->fd, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0)
        return false;
    struct slice bytes = slice_between(buffer_slice(&writer->queue), 0, PIPE_BUF);
    ssize_t written = write(writer->fd, bytes.data, bytes.size);
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
    free(writer);
    *owned = NULL;
}

void writer_log_sink(void *sink, const char *line, size_t size)
{
    writer_write(sink, slice_of(line, size));
}
