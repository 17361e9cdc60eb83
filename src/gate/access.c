/* A log must not stop the traffic it tells about: nothing here waits. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "gate/access.h"

enum {
    PENDING_MOST = 256 * 1024,
    WRITE_AT = 32 * 1024, /* without waiting for the timer */
    WRITE_AFTER_MS = 20,
    PIECE = 4096, /* PIPE_BUF: lines of several writers do not mix */
};

struct access {
    struct loop *loop;
    int fd;
    struct access_line line;
    mode_t kind;    /* S_IFMT of the descriptor */
    bool may_block; /* it is not ours alone: ask before each write */
    bool full;      /* at the last try; the timer tries again */
    struct buffer pending;
    uint64_t dropped;
    struct loop_timer timer;
};

int access_open_shared(int shared)
{
    struct stat about;
    char path[64];
    int fd = -1;
    if (fstat(shared, &about) < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", shared);
    if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode))
        fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(shared, F_DUPFD_CLOEXEC, 3);
}

struct access *access_new(struct loop *loop, int fd, enum access_format format)
{
    struct stat about = {0};
    struct access *access = MEMORY_NEW(struct access);
    access->loop = loop;
    access->fd = fd;
    access->line.format = format;
    access->pending = BUFFER(PENDING_MOST);
    fstat(fd, &about);
    access->kind = about.st_mode & S_IFMT;
    access->may_block =
        (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
    return access;
}

/* --- writing ------------------------------------------------------------------------------------- */

/* As many whole lines as fit a piece, or one long line. */
static size_t piece_size(struct slice pending)
{
    if (pending.size <= PIECE)
        return pending.size;
    const char *end = memrchr(pending.data, '\n', PIECE);
    return end ? (size_t)(end - pending.data) + 1 : slice_find(pending, '\n') + 1;
}

static ssize_t write_some(struct access *access, struct slice pending)
{
    if (S_ISSOCK(access->kind))
        return send(access->fd, pending.data, pending.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (S_ISREG(access->kind))
        return write(access->fd, pending.data, pending.size);
    struct pollfd ready = {.fd = access->fd, .events = POLLOUT};
    if (access->may_block && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))) {
        errno = EAGAIN;
        return -1;
    }
    return write(access->fd, pending.data, piece_size(pending));
}

static void on_timer(struct loop_timer *timer);

static void write_pending(struct access *access)
{
    access->full = false;
    while (buffer_size(&access->pending) > 0) {
        ssize_t written = write_some(access, buffer_slice(&access->pending));
        if (written >= 0) {
            buffer_consume(&access->pending, (size_t)written);
        } else if (errno == EAGAIN) {
            access->full = true;
            loop_timer_start(access->loop, &access->timer, WRITE_AFTER_MS, on_timer);
            return;
        } else if (errno != EINTR) { /* the reader has gone, the disk is full: nobody to tell */
            buffer_clear(&access->pending);
        }
    }
}

static void on_timer(struct loop_timer *timer)
{
    write_pending(LIST_ENTRY(timer, struct access, timer));
}

/* --- lines -------------------------------------------------------------------------------------- */

/* What was dropped before is told in front of a line that fits. */
static bool append_dropped(struct access *access)
{
    const char *form = access->line.format == ACCESS_JSON ? "{\"dropped\":%llu}\n" : "# %llu lines dropped\n";
    return access->dropped == 0 ||
           buffer_append_format(&access->pending, form, (unsigned long long)access->dropped);
}

void access_write(struct access *access, const struct http_record *record)
{
    const struct clock *clock = loop_clock(access->loop);
    size_t before = buffer_size(&access->pending);
    char *place = append_dropped(access) ? buffer_reserve(&access->pending, access_line_most(record)) : NULL;
    if (place)
        buffer_added(&access->pending,
                     access_line_write(&access->line, record, clock->wall_ms(clock), place));
    else
        access->pending.end = access->pending.start + before; /* no count without a line */
    access->dropped = place ? 0 : access->dropped + 1;
    if (buffer_size(&access->pending) >= WRITE_AT && !access->full)
        write_pending(access);
    else if (!loop_timer_armed(&access->timer))
        loop_timer_start(access->loop, &access->timer, WRITE_AFTER_MS, on_timer);
}

void access_free(struct access **access)
{
    if (!*access)
        return;
    write_pending(*access);
    loop_timer_stop(&(*access)->timer);
    buffer_free(&(*access)->pending);
    close((*access)->fd);
    free(*access);
    *access = NULL;
}
