#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/lines.h"
#include "hold/output.h"

enum {
    OUTPUT_READ = 65536,  /* the usual size of a whole pipe */
    OUTPUT_BATCH = 65536, /* records are written when there are so many bytes of them, or at the wake's end */
    OUTPUT_PER_WAKE = 4,  /* reads */
    OUTPUT_LAST = 4 << 20,  /* more than a pipe holds (fs.pipe-max-size is 1 MiB) */
    OUTPUT_IDLE_MS = 200,   /* then memory is given back */
    OUTPUT_RETRY_MS = 1000, /* a marker that the disk refused */
};

struct output_stream {
    struct output *output;
    enum logline_stream stream;
    struct loop_fd watch;
    struct lines lines;
};

struct output {
    struct loop *loop;
    struct logfile *log;
    int64_t run;
    int64_t wall_ms; /* of the bytes being cut */
    struct buffer records;
    char *scratch; /* OUTPUT_READ bytes, or NULL while idle */
    struct output_stream streams[2];
    struct loop_timer idle;
    struct loop_timer retry;
    output_health_fn *on_health; /* NULL: finishing */
    void *owner;
};

static void output_flush(struct output *output)
{
    int before = logfile_counts(output->log).error;
    if (buffer_size(&output->records))
        logfile_write(output->log, buffer_slice(&output->records));
    else
        logfile_flush(output->log);
    buffer_clear(&output->records);
    if ((before == 0) != (logfile_counts(output->log).error == 0) && output->on_health)
        output->on_health(output->owner);
}

static void output_on_text(void *owner, struct slice text, bool more)
{
    struct output_stream *stream = owner;
    struct output *output = stream->output;
    struct logline line = {
        .wall_ms = output->wall_ms, .run = output->run, .stream = stream->stream, .text = text, .more = more};
    if (buffer_size(&output->records) >= OUTPUT_BATCH)
        output_flush(output);
    CHECK(logline_append(&output->records, &line));
}

static void output_on_idle(struct loop_timer *timer)
{
    struct output *output = LIST_ENTRY(timer, struct output, idle);
    free(output->scratch);
    output->scratch = NULL;
    buffer_free(&output->records);
    for (int i = 0; i < 2; i++)
        lines_trim(&output->streams[i].lines);
}

static void output_on_retry(struct loop_timer *timer)
{
    struct output *output = LIST_ENTRY(timer, struct output, retry);
    output_flush(output);
    if (logfile_counts(output->log).error)
        loop_timer_start(output->loop, timer, OUTPUT_RETRY_MS, output_on_retry);
}

static void output_close_stream(struct output_stream *stream)
{
    int fd = stream->watch.loop ? stream->watch.fd : -1;
    loop_fd_stop(&stream->watch);
    if (fd >= 0)
        close(fd);
}

/* One read: bytes taken, 0 at the end of the pipe, -EAGAIN when it is empty. */
static ssize_t output_read(struct output_stream *stream)
{
    struct output *output = stream->output;
    const struct clock *clock = loop_clock(output->loop);
    if (!output->scratch)
        output->scratch = memory_resize(NULL, OUTPUT_READ);
    ssize_t size = read(stream->watch.fd, output->scratch, OUTPUT_READ);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    output->wall_ms = clock->wall_ms(clock);
    lines_feed(&stream->lines, slice_of(output->scratch, (size_t)size));
    return size;
}

static void output_end_stream(struct output_stream *stream)
{
    lines_finish(&stream->lines);
    output_close_stream(stream);
}

static void output_on_readable(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct output_stream *stream = LIST_ENTRY(watch, struct output_stream, watch);
    struct output *output = stream->output;
    ssize_t size = output_read(stream);
    for (int i = 1; i < OUTPUT_PER_WAKE && size > OUTPUT_READ / 2; i++) /* less: likely all there was */
        size = output_read(stream);
    if (size == 0)
        output_end_stream(stream);
    if (buffer_size(&output->records))
        output_flush(output);
    loop_timer_start(output->loop, &output->idle, OUTPUT_IDLE_MS, output_on_idle);
    if (logfile_counts(output->log).error && !loop_timer_armed(&output->retry))
        loop_timer_start(output->loop, &output->retry, OUTPUT_RETRY_MS, output_on_retry);
}

struct output *output_new(struct loop *loop, const struct logfile_settings *settings,
                          output_health_fn *on_health, void *owner)
{
    struct output *output = MEMORY_NEW(struct output);
    output->loop = loop;
    output->log = logfile_new(settings);
    output->run = settings->run;
    output->records = BUFFER(OUTPUT_BATCH + LOGLINE_RECORD_LARGEST);
    output->on_health = on_health;
    output->owner = owner;
    for (int i = 0; i < 2; i++) {
        output->streams[i].output = output;
        output->streams[i].lines = lines_new(output_on_text, &output->streams[i]);
    }
    return output;
}

void output_watch(struct output *output, enum logline_stream stream, int fd)
{
    struct output_stream *place = &output->streams[stream == LOGLINE_STDERR];
    place->stream = stream;
    CHECK(loop_fd_start(output->loop, &place->watch, fd, EPOLLIN | LOOP_LEVEL, output_on_readable) == 0);
}

void output_note(struct output *output, enum logline_stream stream, struct slice bytes)
{
    const struct clock *clock = loop_clock(output->loop);
    struct output_stream note = {.output = output, .stream = stream};
    output->wall_ms = clock->wall_ms(clock);
    note.lines = lines_new(output_on_text, &note);
    lines_feed(&note.lines, bytes);
    lines_finish(&note.lines);
    lines_free(&note.lines);
    output_flush(output);
}

void output_finish(struct output *output)
{
    output->on_health = NULL;
    for (int i = 0; i < 2; i++) {
        struct output_stream *stream = &output->streams[i];
        ssize_t size = 1;
        for (int64_t taken = 0; stream->watch.loop && size > 0 && taken < OUTPUT_LAST; taken += size)
            size = output_read(stream);
        output_end_stream(stream);
    }
    output_flush(output);
    loop_timer_stop(&output->idle);
    output_on_idle(&output->idle);
}

struct logfile_counts output_counts(const struct output *output)
{
    return logfile_counts(output->log);
}

void output_free(struct output **where)
{
    struct output *output = *where;
    if (!output)
        return;
    for (int i = 0; i < 2; i++) {
        output_close_stream(&output->streams[i]);
        lines_free(&output->streams[i].lines);
    }
    loop_timer_stop(&output->idle);
    loop_timer_stop(&output->retry);
    logfile_free(&output->log);
    buffer_free(&output->records);
    free(output->scratch);
    free(output);
    *where = NULL;
}
