#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/outbox.h"
#include "hold/spectator.h"

enum spectator_state {
    SPECTATOR_LIVE,   /* everything it was sent, and what waits for it, makes the screen of now */
    SPECTATOR_LOST,   /* something is missing: a snapshot has to follow */
    SPECTATOR_ENDING, /* the last record is there or sent */
};

enum {
    SPECTATOR_PER_WAKE = 8,         /* records read */
    SPECTATOR_BETWEEN_MS = 100,     /* snapshots, at the least: a flood must not become one of snapshots */
    SPECTATOR_SEND_BUFFER = 131072, /* in the kernel, beside the outbox */
    SPECTATOR_STUCK_MS = 5000,      /* a snapshot of which nothing is read so long is given up */
    SPECTATOR_HELD_MOST = 2 * TERMINAL_DATA_LARGEST, /* typed, while the program takes nothing */
};

struct spectator {
    struct list link;
    struct loop *loop;
    struct loop_fd watch;
    struct loop_timer lost;  /* runs while a snapshot may not follow yet */
    struct loop_timer stuck; /* runs while a large snapshot waits for its peer */
    size_t stuck_size;       /* of the outbox when that began */
    enum spectator_state state;
    bool shown; /* it has had a snapshot */
    bool paused, writes;
    bool listens;           /* the program takes input */
    struct buffer held;     /* what was typed while it does not */
    struct loop_task given; /* it listens again: what is held is given to it */
    bool view;
    int error; /* its peer takes nothing any more */
    uint16_t columns, rows;
    int64_t shown_ms;
    struct outbox outbox;
    struct spectator_note note;
    struct spectator_events events;
    void *owner;
    char user[HOLD_TERMINAL_USER_SIZE];
};

bool spectator_may_type(const struct spectator *viewer)
{
    return !viewer->view;
}

const char *spectator_user(const struct spectator *viewer)
{
    return viewer->user;
}

uint16_t spectator_columns(const struct spectator *viewer)
{
    return viewer->columns;
}

uint16_t spectator_rows(const struct spectator *viewer)
{
    return viewer->rows;
}

struct spectator_note *spectator_note(struct spectator *viewer)
{
    return &viewer->note;
}

struct list *spectator_link(struct spectator *viewer)
{
    return &viewer->link;
}

struct spectator *spectator_of(struct list *link)
{
    return LIST_ENTRY(link, struct spectator, link);
}

/* --- what it is sent -------------------------------------------------------------------------------- */

/* What is no input is heard whether the program listens or not, unless too much input is before it. */
static bool spectator_reads(const struct spectator *viewer)
{
    if (viewer->state == SPECTATOR_ENDING)
        return false;
    return (viewer->listens && buffer_size(&viewer->held) == 0) ||
           buffer_room(&viewer->held) >= TERMINAL_DATA_LARGEST;
}

static void spectator_watch(struct spectator *viewer)
{
    uint32_t events = LOOP_LEVEL;
    if (spectator_reads(viewer))
        events |= EPOLLIN;
    if (viewer->writes)
        events |= EPOLLOUT;
    loop_fd_change(&viewer->watch, events);
}

static void spectator_await_room(struct spectator *viewer, bool writes)
{
    if (writes == viewer->writes)
        return;
    viewer->writes = writes;
    spectator_watch(viewer);
}

static void spectator_on_lost_due(struct loop_timer *timer)
{
    struct spectator *viewer = LIST_ENTRY(timer, struct spectator, lost);
    spectator_flush(viewer);
    if (viewer->state == SPECTATOR_LOST && !viewer->error && outbox_is_empty(&viewer->outbox) &&
        !viewer->paused)
        viewer->events.on_lost(viewer->owner, viewer);
}

/* The timer's end, or the socket's room, or the end of a pause looks again. */
static void spectator_await_snapshot(struct spectator *viewer, int64_t delay_ms)
{
    int64_t earliest_ms = viewer->shown_ms + SPECTATOR_BETWEEN_MS - loop_now_ms(viewer->loop);
    if (delay_ms < earliest_ms && viewer->shown)
        delay_ms = earliest_ms;
    loop_timer_start(viewer->loop, &viewer->lost, delay_ms, spectator_on_lost_due);
}

/* A snapshot may be large, and its peer may never read it: then another one is made if it ever does. */
static void spectator_on_stuck(struct loop_timer *timer)
{
    struct spectator *viewer = LIST_ENTRY(timer, struct spectator, stuck);
    if (viewer->state == SPECTATOR_ENDING || buffer_size(&viewer->outbox.records) < viewer->stuck_size)
        return; /* it reads; spectator_flush() looks again */
    outbox_drop(&viewer->outbox);
    viewer->state = SPECTATOR_LOST;
}

static void spectator_watch_progress(struct spectator *viewer)
{
    size_t size = buffer_size(&viewer->outbox.records);
    if (size <= OUTBOX_LIVE_MOST) {
        loop_timer_stop(&viewer->stuck);
    } else if (!loop_timer_armed(&viewer->stuck)) {
        viewer->stuck_size = size;
        loop_timer_start(viewer->loop, &viewer->stuck, SPECTATOR_STUCK_MS, spectator_on_stuck);
    }
}

void spectator_flush(struct spectator *viewer)
{
    if (viewer->error)
        return;
    if (viewer->paused && viewer->state != SPECTATOR_ENDING) {
        spectator_await_room(viewer, false); /* or it would be told of room again and again */
        return;
    }
    int code = outbox_send(&viewer->outbox, viewer->watch.fd);
    if (code && code != -EAGAIN)
        viewer->error = code; /* its end is reported by the watch */
    spectator_await_room(viewer, code == -EAGAIN);
    spectator_watch_progress(viewer);
    if (viewer->state == SPECTATOR_LOST && code == 0 && !loop_timer_armed(&viewer->lost))
        spectator_await_snapshot(viewer, 0);
}

void spectator_refresh(struct spectator *viewer, int64_t delay_ms)
{
    if (viewer->state == SPECTATOR_ENDING)
        return;
    viewer->state = SPECTATOR_LOST;
    outbox_drop_live(&viewer->outbox);
    spectator_await_snapshot(viewer, delay_ms);
}

static void spectator_add(struct spectator *viewer, char type, struct slice data)
{
    if (viewer->state == SPECTATOR_LIVE && !viewer->error && !outbox_add(&viewer->outbox, type, data))
        spectator_refresh(viewer, 0);
}

void spectator_output(struct spectator *viewer, struct slice bytes)
{
    spectator_add(viewer, TERMINAL_OUTPUT, bytes);
}

void spectator_tell_size(struct spectator *viewer, uint16_t columns, uint16_t rows)
{
    char record[TERMINAL_SMALL_SIZE];
    size_t size = terminal_write_size(record, TERMINAL_SIZE, columns, rows);
    spectator_add(viewer, TERMINAL_SIZE, slice_of(record + 1, size - 1));
}

void spectator_tell_title(struct spectator *viewer, struct slice title)
{
    spectator_add(viewer, TERMINAL_TITLE, title);
}

void spectator_show(struct spectator *viewer, const struct spectator_snapshot *snapshot)
{
    char record[TERMINAL_SMALL_SIZE];
    struct outbox *outbox = &viewer->outbox;
    if (viewer->state == SPECTATOR_ENDING || viewer->error)
        return;
    loop_timer_stop(&viewer->lost);
    outbox_drop_live(outbox);
    size_t size = terminal_write_size(record, TERMINAL_SIZE, snapshot->columns, snapshot->rows);
    outbox_keep(outbox, TERMINAL_SIZE, slice_of(record + 1, size - 1));
    outbox_keep(outbox, TERMINAL_TITLE, snapshot->title);
    outbox_keep(outbox, TERMINAL_OUTPUT, snapshot->text);
    size = terminal_write_place(record, snapshot->place);
    outbox_keep(outbox, TERMINAL_PLACE, slice_of(record + 1, size - 1));
    viewer->state = SPECTATOR_LIVE;
    viewer->shown = true;
    viewer->shown_ms = loop_now_ms(viewer->loop);
    spectator_output(viewer, snapshot->pending);
    spectator_flush(viewer);
}

void spectator_end(struct spectator *viewer, struct slice sentence)
{
    if (viewer->state == SPECTATOR_ENDING)
        return;
    loop_timer_stop(&viewer->lost);
    outbox_keep(&viewer->outbox, TERMINAL_END, sentence);
    viewer->state = SPECTATOR_ENDING;
    loop_task_stop(&viewer->given);
    spectator_watch(viewer);
    spectator_flush(viewer);
}

bool spectator_is_lost(const struct spectator *viewer)
{
    return viewer->state == SPECTATOR_LOST;
}

bool spectator_is_told(const struct spectator *viewer)
{
    return viewer->error || outbox_is_empty(&viewer->outbox);
}

/* --- what it sends ----------------------------------------------------------------------------------- */

/* In the order in which it was typed, and no more than the program takes. */
static void spectator_on_given(struct loop_task *task)
{
    struct spectator *viewer = LIST_ENTRY(task, struct spectator, given);
    while (viewer->listens && buffer_size(&viewer->held)) {
        char *bytes = loop_scratch(viewer->loop);
        struct slice next = slice_between(buffer_slice(&viewer->held), 0, TERMINAL_DATA_LARGEST);
        memcpy(bytes, next.data, next.size);
        buffer_consume(&viewer->held, next.size);
        viewer->events.on_input(viewer->owner, viewer, slice_of(bytes, next.size));
    }
    if (buffer_size(&viewer->held) == 0)
        buffer_free(&viewer->held);
    spectator_watch(viewer);
}

void spectator_listen(struct spectator *viewer, bool listens)
{
    if (listens == viewer->listens || viewer->state == SPECTATOR_ENDING)
        return;
    viewer->listens = listens;
    if (listens && buffer_size(&viewer->held))
        loop_task_start(viewer->loop, &viewer->given, spectator_on_given);
    spectator_watch(viewer);
}

static void spectator_type(struct spectator *viewer, struct slice bytes)
{
    if (viewer->view || !bytes.size)
        return;
    if (viewer->listens && buffer_size(&viewer->held) == 0) {
        viewer->events.on_input(viewer->owner, viewer, bytes);
        return;
    }
    buffer_append(&viewer->held, bytes);
    spectator_watch(viewer);
}

static void spectator_take(struct spectator *viewer, const struct terminal_record *record)
{
    switch (record->type) {
    case TERMINAL_INPUT:
        spectator_type(viewer, record->data);
        break;
    case TERMINAL_RESIZE:
        if (viewer->view)
            break;
        viewer->columns = record->columns;
        viewer->rows = record->rows;
        viewer->events.on_resize(viewer->owner, viewer);
        break;
    case TERMINAL_PAUSE:
        viewer->paused = true;
        break;
    case TERMINAL_RESUME:
        viewer->paused = false;
        spectator_flush(viewer);
        break;
    default:
        break;
    }
}

/* False at the end of the link. */
static bool spectator_read(struct spectator *viewer)
{
    char *bytes = loop_scratch(viewer->loop);
    for (int i = 0; i < SPECTATOR_PER_WAKE && spectator_reads(viewer); i++) {
        struct terminal_record record;
        ssize_t size = recv(viewer->watch.fd, bytes, LOOP_SCRATCH_SIZE, MSG_DONTWAIT);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR;
        enum terminal_read read = terminal_read_from_viewer(slice_of(bytes, (size_t)size), &record);
        if (read == TERMINAL_BAD)
            return false;
        if (read == TERMINAL_FINE)
            spectator_take(viewer, &record);
    }
    return true;
}

static void spectator_on_ready(struct loop_fd *watch, uint32_t events)
{
    struct spectator *viewer = LIST_ENTRY(watch, struct spectator, watch);
    if (events & EPOLLOUT)
        spectator_flush(viewer);
    bool there = !viewer->error;
    if (there && spectator_reads(viewer))
        there = spectator_read(viewer);
    else if (events & (EPOLLHUP | EPOLLERR))
        there = false;
    if (!there)
        viewer->events.on_gone(viewer->owner, viewer);
}

/* --- birth and death --------------------------------------------------------------------------------- */

struct spectator *spectator_new(struct loop *loop, int fd, const struct hold_terminal_attach *attach,
                                const struct spectator_events *events, void *owner)
{
    struct spectator *viewer = MEMORY_NEW(struct spectator);
    const int room = SPECTATOR_SEND_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    viewer->loop = loop;
    viewer->outbox = outbox_new();
    viewer->held = BUFFER(SPECTATOR_HELD_MOST);
    viewer->events = *events;
    viewer->owner = owner;
    viewer->view = attach->view;
    memcpy(viewer->user, attach->user, sizeof viewer->user);
    if (!attach->view && attach->columns && attach->rows) {
        viewer->columns = terminal_columns(attach->columns);
        viewer->rows = terminal_rows(attach->rows);
    }
    viewer->state = SPECTATOR_LOST;
    viewer->listens = true;
    list_init(&viewer->link);
    if (loop_fd_start(loop, &viewer->watch, fd, EPOLLIN | LOOP_LEVEL, spectator_on_ready) == 0)
        return viewer;
    close(fd);
    free(viewer);
    return NULL;
}

static void spectator_release(void *object)
{
    struct spectator *viewer = object;
    outbox_free(&viewer->outbox);
    buffer_free(&viewer->held);
    free(viewer);
}

void spectator_free(struct spectator **where)
{
    struct spectator *viewer = *where;
    if (!viewer)
        return;
    int fd = viewer->watch.fd;
    loop_fd_stop(&viewer->watch);
    close(fd);
    loop_timer_stop(&viewer->lost);
    loop_timer_stop(&viewer->stuck);
    loop_task_stop(&viewer->given);
    list_remove(&viewer->link);
    viewer->state = SPECTATOR_ENDING;
    loop_free_later(viewer->loop, viewer, spectator_release);
    *where = NULL;
}
