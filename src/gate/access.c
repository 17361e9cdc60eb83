/* A log must not stop the traffic it tells about: nothing here waits. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "gate/access.h"

enum {
    PENDING_MOST = 256 * 1024,
    WRITE_AT = 32 * 1024, /* without waiting for the timer */
    WRITE_AFTER_MS = 20,
    PIECE = 4096, /* PIPE_BUF: lines of several writers do not mix */
    CLIENT_LEFT = 499,
};

struct access {
    struct loop *loop;
    int fd;
    enum access_format format;
    mode_t kind;    /* S_IFMT of the descriptor */
    bool may_block; /* it is not ours alone: ask before each write */
    bool full;      /* at the last try; the timer tries again */
    struct buffer pending;
    uint64_t dropped;
    struct loop_timer timer;
};

int access_open_stdout(void)
{
    struct stat about;
    if (fstat(STDOUT_FILENO, &about) < 0)
        return -1;
    int fd = -1;
    if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode))
        fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

struct access *access_new(struct loop *loop, int fd, enum access_format format)
{
    struct stat about = {0};
    struct access *access = MEMORY_NEW(struct access);
    access->loop = loop;
    access->fd = fd;
    access->format = format;
    access->pending = BUFFER(PENDING_MOST);
    fstat(fd, &about);
    access->kind = about.st_mode & S_IFMT;
    access->may_block =
        (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
    return access;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------ */

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

/* --- lines
 * ---------------------------------------------------------------------------------------------------- */

static bool append_escaped(struct access *access, struct slice text)
{
    struct buffer *line = &access->pending;
    bool utf8 = utf8_valid(text), fits = true;
    const char *control = access->format == ACCESS_JSON ? "\\u%04x" : "\\x%02x";
    size_t plain = 0; /* where the bytes that need no escape begin */
    for (size_t i = 0; fits && i <= text.size; i++) {
        unsigned char byte = i < text.size ? (unsigned char)text.data[i] : 0;
        bool quoted = byte == '"' || byte == '\\';
        if (!quoted && byte >= 0x20 && byte != 0x7f && (byte < 0x80 || utf8))
            continue;
        fits = buffer_append(line, slice_between(text, plain, i));
        plain = i + 1;
        if (fits && i < text.size)
            fits =
                quoted ? buffer_append_format(line, "\\%c", byte) : buffer_append_format(line, control, byte);
    }
    return fits;
}

static bool append_member(struct access *access, const char *name, struct slice text)
{
    struct buffer *line = &access->pending;
    if (!text.data)
        return true;
    return buffer_append_format(line, ",\"%s\":\"", name) && append_escaped(access, text) &&
           buffer_append_text(line, "\"");
}

static bool append_json(struct access *access, const struct http_record *record, int status)
{
    const struct exchange_request *request = record->request;
    const struct clock *clock = loop_clock(access->loop);
    char time[CLOCK_TEXT_SIZE], peer[ADDRESS_TEXT_SIZE];
    clock_format(clock->wall_ms(clock), time);
    address_format_host(record->peer, peer);
    bool fits = buffer_append_format(&access->pending, "{\"time\":\"%s\",\"peer\":\"%s\"", time, peer);
    if (fits && request)
        fits = append_member(access, "method", request->head->method_name) &&
               append_member(access, "host", request->authority) &&
               append_member(access, "path", request->head->target);
    fits = fits &&
           buffer_append_format(&access->pending,
                                ",\"status\":%d,\"received\":%llu,\"sent\":%llu,\"duration_ms\":%.3f", status,
                                (unsigned long long)record->bytes_in, (unsigned long long)record->bytes_out,
                                (double)record->duration_us / 1000) &&
           append_member(access, "route", slice_of_text(record->route)) &&
           append_member(access, "target", slice_of_text(record->target));
    if (fits && request)
        fits = append_member(access, "referer", fields_get(&request->head->fields, FIELD_REFERER)) &&
               append_member(access, "user_agent", fields_get(&request->head->fields, FIELD_USER_AGENT));
    return fits && buffer_append_text(&access->pending, "}\n");
}

static bool append_quoted(struct access *access, const char *before, struct slice text)
{
    return buffer_append_text(&access->pending, before) &&
           append_escaped(access, text.data ? text : SLICE("-")) &&
           buffer_append_text(&access->pending, "\"");
}

/* The format of NCSA httpd that most programs which read such logs know. */
static bool append_combined(struct access *access, const struct http_record *record, int status)
{
    static const struct fields none = {0};
    const struct http1_head *head = record->request ? record->request->head : NULL;
    const struct fields *fields = head ? &head->fields : &none;
    const struct clock *clock = loop_clock(access->loop);
    char time[40], peer[ADDRESS_TEXT_SIZE];
    time_t now = (time_t)(clock->wall_ms(clock) / 1000);
    struct tm parts;
    strftime(time, sizeof time, "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&now, &parts));
    bool fits = buffer_append_format(&access->pending, "%s - - [%s] \"",
                                     address_format_host(record->peer, peer), time);
    if (fits && head)
        fits = append_escaped(access, head->method_name) && buffer_append_text(&access->pending, " ") &&
               append_escaped(access, head->target) &&
               buffer_append_format(&access->pending, " HTTP/1.%u", head->minor);
    return fits &&
           buffer_append_format(&access->pending, "\" %d %llu", status,
                                (unsigned long long)record->bytes_out) &&
           append_quoted(access, " \"", fields_get(fields, FIELD_REFERER)) &&
           append_quoted(access, " \"", fields_get(fields, FIELD_USER_AGENT)) &&
           buffer_append_text(&access->pending, "\n");
}

/* What was dropped before is told in front of a line that fits. */
static bool append_dropped(struct access *access)
{
    return access->dropped == 0 ||
           buffer_append_format(&access->pending,
                                access->format == ACCESS_JSON ? "{\"dropped\":%llu}\n"
                                                              : "# %llu lines dropped\n",
                                (unsigned long long)access->dropped);
}

void access_write(struct access *access, const struct http_record *record)
{
    int status = record->status ? record->status : CLIENT_LEFT;
    size_t before = buffer_size(&access->pending);
    bool fits =
        append_dropped(access) && (access->format == ACCESS_JSON ? append_json(access, record, status)
                                                                 : append_combined(access, record, status));
    if (!fits)
        access->pending.end = access->pending.start + before; /* no half line */
    access->dropped = fits ? 0 : access->dropped + 1;
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
