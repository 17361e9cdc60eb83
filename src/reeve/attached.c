#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/terminal.h"

#include "reeve/attached.h"

enum {
    SHOWN_MOST = 256 * 1024, /* bytes for the terminal; then the hold has to wait */
    WRITE_SIZE = 4096,
    READ_SIZE = 4096,
    HELD_MS = 1000, /* a first detach key that no second follows is the program's */
    SENTENCE_SIZE = 512,
};

struct attached {
    struct attached_settings settings;
    struct loop *loop;
    struct loop_fd terminal; /* the user's */
    struct loop_fd watch;    /* of the link; stopped while nothing is wanted of it */
    int link;
    struct loop_timer held;
    struct loop_timer last; /* runs while the last screen is written */
    struct buffer shown;    /* for the user's terminal */
    struct buffer typed;    /* for the program, as one record without its type */
    bool fresh;             /* a snapshot comes next */
    bool resized;           /* and the hold has not been told */
    enum attached_end over; /* how the link has ended, if it has */
    enum attached_end end;
    char sentence[SENTENCE_SIZE];
};

static void on_link(struct loop_fd *watch, uint32_t events);

enum attached_end attached_end(const struct attached *attached)
{
    return attached->end;
}

const char *attached_sentence(const struct attached *attached)
{
    return attached->sentence;
}

static void finish(struct attached *attached, enum attached_end end)
{
    if (attached->end != ATTACHED_OPEN)
        return;
    attached->end = end;
    loop_fd_stop(&attached->watch);
    loop_fd_stop(&attached->terminal);
    loop_timer_stop(&attached->held);
    loop_timer_stop(&attached->last);
    attached->settings.on_end(attached->settings.owner);
}

/* A link that has ended is reported again and again to one who asks for nothing of it. */
static void watch_link(struct attached *attached)
{
    bool full = buffer_size(&attached->shown) + TERMINAL_RECORD_LARGEST > SHOWN_MOST;
    uint32_t events = full ? 0 : (uint32_t)EPOLLIN;
    if (buffer_size(&attached->typed) || attached->resized)
        events |= EPOLLOUT;
    if (attached->over != ATTACHED_OPEN || !events)
        loop_fd_stop(&attached->watch);
    else if (attached->watch.loop)
        loop_fd_change(&attached->watch, events | LOOP_LEVEL);
    else
        loop_fd_start(attached->loop, &attached->watch, attached->link, events | LOOP_LEVEL, on_link);
}

static void watch(struct attached *attached)
{
    uint32_t events = LOOP_LEVEL;
    if (attached->end != ATTACHED_OPEN)
        return;
    events |= buffer_size(&attached->typed) ? 0 : (uint32_t)EPOLLIN;
    events |= buffer_size(&attached->shown) ? (uint32_t)EPOLLOUT : 0;
    loop_fd_change(&attached->terminal, events);
    watch_link(attached);
}

/* --- to the user's terminal --------------------------------------------------------------------------- */

/* Returns whether it took anything. */
static bool write_shown(struct attached *attached)
{
    bool taken = false;
    while (buffer_size(&attached->shown)) {
        struct slice next = slice_between(buffer_slice(&attached->shown), 0, WRITE_SIZE);
        ssize_t size = write(attached->settings.raw->fd, next.data, next.size);
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            finish(attached, ATTACHED_HUNG_UP);
        if (size <= 0)
            break;
        buffer_consume(&attached->shown, (size_t)size);
        taken = true;
    }
    return taken;
}

static void on_last_due(struct loop_timer *timer)
{
    struct attached *attached = LIST_ENTRY(timer, struct attached, last);
    finish(attached, attached->over);
}

/* It is over when the last screen is shown, or nobody takes it. */
static void show_shown(struct attached *attached)
{
    bool taken = write_shown(attached);
    if (attached->over == ATTACHED_OPEN || attached->end != ATTACHED_OPEN)
        return;
    if (!buffer_size(&attached->shown))
        finish(attached, attached->over);
    else if (taken || !loop_timer_armed(&attached->last))
        loop_timer_start(attached->loop, &attached->last, ATTACHED_LAST_MS, on_last_due);
}

/* A snapshot begins with a full reset, which would also take the user's own lines above it: a soft one, and
 * an empty screen, do the same. */
static void show(struct attached *attached, struct slice data)
{
    static const struct slice full_reset = SLICE("\x18\x1b"
                                                 "c");
    if (attached->fresh && slice_starts_with(data, full_reset)) {
        buffer_append(&attached->shown, raw_reset);
        buffer_append(&attached->shown, SLICE("\x1b[H\x1b[2J"));
        data = slice_from(data, full_reset.size);
    }
    attached->fresh = false;
    buffer_append(&attached->shown, data);
}

static void show_title(struct attached *attached, struct slice title)
{
    buffer_append(&attached->shown, SLICE("\x1b]2;"));
    buffer_append(&attached->shown, title.size ? title : slice_of_text(attached->settings.name));
    buffer_append(&attached->shown, SLICE("\x07"));
}

/* Nothing comes over the link any more. */
static void link_over(struct attached *attached, enum attached_end how)
{
    if (attached->over == ATTACHED_OPEN)
        attached->over = how;
    buffer_clear(&attached->typed);
    attached->resized = false;
}

static void take(struct attached *attached, const struct terminal_record *record)
{
    switch (record->type) {
    case TERMINAL_OUTPUT:
        show(attached, record->data);
        break;
    case TERMINAL_TITLE:
        show_title(attached, record->data);
        break;
    case TERMINAL_SIZE:
        attached->fresh = true;
        break;
    case TERMINAL_END:
        snprintf(attached->sentence, sizeof attached->sentence, SLICE_FORMAT, SLICE_ARGUMENTS(record->data));
        link_over(attached, ATTACHED_ENDED);
        break;
    default: /* PLACE is for tests */
        break;
    }
}

static void read_link(struct attached *attached)
{
    char *bytes = loop_scratch(attached->loop);
    struct terminal_record record;
    ssize_t size = recv(attached->link, bytes, LOOP_SCRATCH_SIZE, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    enum terminal_read read = terminal_read_from_hold(slice_of(bytes, size > 0 ? (size_t)size : 0), &record);
    if (read == TERMINAL_BAD)
        link_over(attached, ATTACHED_LOST);
    else if (read == TERMINAL_FINE)
        take(attached, &record);
}

/* --- to the program ------------------------------------------------------------------------------------ */

/* False: there is no room. A link that has ended takes everything: reading it tells how it ended. */
static bool send_record(const struct attached *attached, const char *record, size_t size)
{
    return send(attached->link, record, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
           (errno != EAGAIN && errno != EINTR);
}

static bool send_typed(const struct attached *attached)
{
    char record[1 + READ_SIZE + KEYS_MOST];
    struct slice typed = buffer_slice(&attached->typed);
    record[0] = TERMINAL_INPUT;
    memcpy(record + 1, typed.data, typed.size);
    return send_record(attached, record, 1 + typed.size);
}

static bool send_size(const struct attached *attached)
{
    char record[TERMINAL_SMALL_SIZE];
    uint16_t columns, rows;
    raw_size(attached->settings.raw, &columns, &rows);
    if (!columns || !rows || attached->settings.view)
        return true;
    return send_record(attached, record, terminal_write_size(record, TERMINAL_RESIZE, columns, rows));
}

static void send_all(struct attached *attached)
{
    bool nobody = attached->settings.view || attached->over != ATTACHED_OPEN;
    if (attached->resized)
        attached->resized = !nobody && !send_size(attached);
    if (buffer_size(&attached->typed) && (nobody || send_typed(attached)))
        buffer_clear(&attached->typed);
}

void attached_resize(struct attached *attached)
{
    attached->resized = true;
    send_all(attached);
    watch(attached);
}

static void on_held(struct loop_timer *timer)
{
    struct attached *attached = LIST_ENTRY(timer, struct attached, held);
    keys_release(&attached->settings.keys, &attached->typed);
    send_all(attached);
    watch(attached);
}

static void read_terminal(struct attached *attached)
{
    char typed[READ_SIZE];
    struct keys *keys = &attached->settings.keys;
    ssize_t size = read(attached->settings.raw->fd, typed, sizeof typed);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        finish(attached, ATTACHED_HUNG_UP);
        return;
    }
    bool leaves = keys_feed(keys, slice_of(typed, (size_t)size), &attached->typed);
    send_all(attached);
    loop_timer_stop(&attached->held);
    if (leaves)
        finish(attached, ATTACHED_DETACHED);
    else if (keys->held)
        loop_timer_start(attached->loop, &attached->held, HELD_MS, on_held);
}

/* --- events -------------------------------------------------------------------------------------------- */

static void on_link(struct loop_fd *watched, uint32_t events)
{
    struct attached *attached = LIST_ENTRY(watched, struct attached, watch);
    bool wanted = watched->events & EPOLLIN;
    if (events & EPOLLOUT)
        send_all(attached);
    if (wanted && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_link(attached);
    show_shown(attached);
    watch(attached);
}

static void on_terminal(struct loop_fd *watched, uint32_t events)
{
    struct attached *attached = LIST_ENTRY(watched, struct attached, terminal);
    if (events & EPOLLIN)
        read_terminal(attached);
    else if (events & (EPOLLHUP | EPOLLERR))
        finish(attached, ATTACHED_HUNG_UP);
    if (attached->end == ATTACHED_OPEN && events & EPOLLOUT)
        show_shown(attached);
    watch(attached);
}

/* --- birth and death ------------------------------------------------------------------------------------ */

static void release(void *object)
{
    struct attached *attached = object;
    buffer_free(&attached->shown);
    buffer_free(&attached->typed);
    free(attached);
}

void attached_free(struct attached **where)
{
    struct attached *attached = *where;
    if (!attached)
        return;
    *where = NULL;
    if (attached->end == ATTACHED_OPEN)
        attached->end = ATTACHED_DETACHED; /* nobody is told any more */
    write_shown(attached);
    loop_fd_stop(&attached->watch);
    loop_fd_stop(&attached->terminal);
    loop_timer_stop(&attached->held);
    loop_timer_stop(&attached->last);
    close(attached->link);
    loop_free_later(attached->loop, attached, release);
}

struct attached *attached_new(struct loop *loop, int link, const struct attached_settings *settings)
{
    struct attached *attached = MEMORY_NEW(struct attached);
    attached->settings = *settings;
    attached->loop = loop;
    attached->link = link;
    attached->fresh = true;
    attached->shown = BUFFER(2 * SHOWN_MOST);
    attached->typed = BUFFER(READ_SIZE + KEYS_MOST);
    if (loop_fd_start(loop, &attached->watch, link, EPOLLIN | LOOP_LEVEL, on_link) == 0 &&
        loop_fd_start(loop, &attached->terminal, settings->raw->fd, EPOLLIN | LOOP_LEVEL, on_terminal) == 0)
        return attached;
    attached_free(&attached);
    return NULL;
}
