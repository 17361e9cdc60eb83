/* Messages over one socket: sent at once while the kernel takes them, queued when it does not, received a
 * batch per wake.
 *
 * Both directions end in one place, finish(), and always from the loop. A failed send is not the end yet:
 * what the peer sent before it closed is still read. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "link/channel.h"
#include "link/record.h"

enum {
    MOST_PER_WAKE = 16,
    QUEUE_LARGEST = 1024 * 1024,
    STALL_LIMIT_MS = 5000,
    EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP,
};

_Static_assert((int)LOOP_SCRATCH_SIZE >= (int)MESSAGE_LARGEST, "a message fits the scratch memory");
_Static_assert((int)CHANNEL_MOST_DESCRIPTORS == (int)RECORD_MOST_DESCRIPTORS, "one limit, two names");

struct outgoing {
    struct list link;
    struct record record; /* owns bytes and descriptors */
};

struct channel {
    struct loop *loop;
    struct loop_fd watch;
    struct loop_task task; /* more to receive, or an end to tell */
    struct loop_timer stall;
    const struct channel_events *events;
    void *owner;
    struct list queue;
    size_t queued; /* bytes */
    int fd;
    int failed;       /* an errno to end with at the next task; 0: none */
    bool send_broken; /* the peer takes nothing more; it is read to its end, then that is the end */
    bool ended;       /* on_end has been called */
    bool closed;
};

/* --- the queue ------------------------------------------------------------------------------ */

static void free_outgoing(struct outgoing *outgoing)
{
    record_close_descriptors(outgoing->record.descriptors, outgoing->record.count);
    free((void *)(uintptr_t)outgoing->record.bytes.data);
    free(outgoing);
}

static void drop_first(struct channel *channel)
{
    struct outgoing *first = LIST_ENTRY(channel->queue.next, struct outgoing, link);
    channel->queued -= first->record.bytes.size;
    list_remove(&first->link);
    free_outgoing(first);
}

static void drop_all(struct channel *channel)
{
    while (!list_empty(&channel->queue))
        drop_first(channel);
    loop_timer_stop(&channel->stall);
}

/* The caller keeps its descriptors, so what waits holds copies. 0 or -errno. */
static int copy_descriptors(struct record *record)
{
    for (int i = 0; i < record->count; i++) {
        int copy = fcntl(record->descriptors[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            int error = -errno;
            record_close_descriptors(record->descriptors, i);
            return error;
        }
        record->descriptors[i] = copy;
    }
    return 0;
}

/* --- the end -------------------------------------------------------------------------------- */

static void stop(struct channel *channel)
{
    loop_fd_stop(&channel->watch);
    loop_task_stop(&channel->task);
    drop_all(channel);
}

static void finish(struct channel *channel, int error)
{
    stop(channel);
    channel->ended = true;
    channel->events->on_end(channel->owner, error);
}

static void on_task(struct loop_task *task);

static void fail_later(struct channel *channel, int error)
{
    channel->failed = error;
    loop_task_start(channel->loop, &channel->task, on_task);
}

static void on_stall(struct loop_timer *timer)
{
    finish(LIST_ENTRY(timer, struct channel, stall), ETIMEDOUT);
}

static bool peer_is_gone(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

/* --- sending -------------------------------------------------------------------------------- */

static void send_failed(struct channel *channel, int error)
{
    drop_all(channel);
    channel->send_broken = true;
    if (peer_is_gone(error))
        loop_task_start(channel->loop, &channel->task, on_task);
    else
        fail_later(channel, error);
}

static void flush(struct channel *channel)
{
    bool progress = false;
    while (!list_empty(&channel->queue)) {
        int error = record_send(channel->fd, &LIST_ENTRY(channel->queue.next, struct outgoing, link)->record);
        if (error == -EAGAIN)
            break;
        if (error) {
            send_failed(channel, -error);
            return;
        }
        drop_first(channel);
        progress = true;
    }
    if (list_empty(&channel->queue))
        loop_timer_stop(&channel->stall);
    else if (progress)
        loop_timer_start(channel->loop, &channel->stall, STALL_LIMIT_MS, on_stall);
}

/* Takes record->bytes over on success. */
static int enqueue(struct channel *channel, struct record *record)
{
    if (channel->queued + record->bytes.size > QUEUE_LARGEST) {
        fail_later(channel, ETIMEDOUT);
        return -ENOBUFS;
    }
    int error = copy_descriptors(record);
    if (error)
        return error;
    if (list_empty(&channel->queue))
        loop_timer_start(channel->loop, &channel->stall, STALL_LIMIT_MS, on_stall);
    struct outgoing *outgoing = MEMORY_NEW(struct outgoing);
    outgoing->record = *record;
    list_append(&channel->queue, &outgoing->link);
    channel->queued += record->bytes.size;
    return 0;
}

/* Encodes and gives `body` back. record->bytes is then the caller's to free. 0 or -EMSGSIZE. */
static int encode(struct record *record, enum message_type type, uint32_t id, json_t *body)
{
    char *bytes = message_encode(type, id, body, &record->bytes.size);
    json_decref(body);
    record->bytes.data = bytes;
    return bytes ? 0 : -EMSGSIZE;
}

static void set_descriptors(struct record *record, const int *descriptors, int count)
{
    CHECK(count >= 0 && count <= CHANNEL_MOST_DESCRIPTORS);
    record->count = count;
    if (count > 0)
        memcpy(record->descriptors, descriptors, sizeof(int) * (size_t)count);
}

static int send_or_enqueue(struct channel *channel, struct record *record)
{
    int error = list_empty(&channel->queue) ? record_send(channel->fd, record) : -EAGAIN;
    if (error == -EAGAIN) {
        error = enqueue(channel, record);
        if (!error)
            return 0; /* the queue has the bytes now */
    } else if (error) {
        send_failed(channel, -error);
        error = -EPIPE;
    }
    free((void *)(uintptr_t)record->bytes.data);
    return error;
}

int channel_send(struct channel *channel, enum message_type type, uint32_t id, json_t *body,
                 const int *descriptors, int count)
{
    struct record record;
    set_descriptors(&record, descriptors, count);
    int error = encode(&record, type, id, body);
    if (error)
        return error;
    if (channel->ended || channel->send_broken || channel->failed) {
        free((void *)(uintptr_t)record.bytes.data);
        return -EPIPE;
    }
    return send_or_enqueue(channel, &record);
}

bool channel_drained(const struct channel *channel)
{
    return list_empty(&channel->queue);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Moves descriptors from the record to the message. False: malformed, and nothing is kept. */
static bool decode(struct record *record, struct channel_message *message)
{
    struct message_header header;
    if (!message_decode(record->bytes, &header, &message->body, NULL)) {
        record_close_descriptors(record->descriptors, record->count);
        return false;
    }
    message->type = (enum message_type)header.type;
    message->id = header.id;
    message->descriptor_count = record->count;
    memcpy(message->descriptors, record->descriptors, sizeof(int) * (size_t)record->count);
    return true;
}

/* One message. 0, or the errno to end with (-1: the peer has closed), or EAGAIN. */
static int receive_one(struct channel *channel)
{
    struct record record;
    ssize_t size = record_receive(channel->fd, loop_scratch(channel->loop), LOOP_SCRATCH_SIZE, &record);
    if (size == 0 || peer_is_gone((int)-size))
        return -1;
    if (size < 0)
        return (int)-size;
    struct channel_message message;
    if (!decode(&record, &message))
        return EPROTO;
    channel->events->on_message(channel->owner, &message);
    record_close_descriptors(message.descriptors, message.descriptor_count);
    json_decref(message.body);
    return 0;
}

static void receive(struct channel *channel)
{
    for (int i = 0; i < MOST_PER_WAKE; i++) {
        int outcome = receive_one(channel);
        if (channel->closed)
            return;
        if (outcome == EAGAIN && !channel->send_broken)
            return;
        if (outcome != 0) {
            finish(channel, outcome == -1 || outcome == EAGAIN ? 0 : outcome);
            return;
        }
    }
    loop_task_start(channel->loop, &channel->task, on_task);
}

static void on_task(struct loop_task *task)
{
    struct channel *channel = LIST_ENTRY(task, struct channel, task);
    if (channel->failed)
        finish(channel, channel->failed);
    else
        receive(channel);
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    struct channel *channel = LIST_ENTRY(watch, struct channel, watch);
    if (events & EPOLLOUT && !channel->failed)
        flush(channel);
    if (events & ~(uint32_t)EPOLLOUT && !channel->failed)
        receive(channel);
}

/* --- life ----------------------------------------------------------------------------------- */

struct channel *channel_new(struct loop *loop, int fd, const struct channel_events *events, void *owner)
{
    struct channel *channel = MEMORY_NEW(struct channel);
    int error = loop_fd_start(loop, &channel->watch, fd, EVENTS, on_ready);
    if (error) {
        close(fd);
        free(channel);
        errno = -error;
        return NULL;
    }
    channel->loop = loop;
    channel->fd = fd;
    channel->events = events;
    channel->owner = owner;
    list_init(&channel->queue);
    return channel;
}

int channel_peer(const struct channel *channel, pid_t *pid, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(channel->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return -errno;
    *pid = peer.pid;
    *uid = peer.uid;
    return 0;
}

void channel_close(struct channel **where)
{
    struct channel *channel = *where;
    *where = NULL;
    if (!channel)
        return;
    channel->closed = true;
    stop(channel);
    close(channel->fd);
    loop_free_later(channel->loop, channel, free);
}

/* --- without a loop ------------------------------------------------------------------------- */

static int64_t deadline_in(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX / 2 : clock_system.monotonic_us(&clock_system) + timeout_ms * 1000LL;
}

/* Waits for `events`; 0, -ETIMEDOUT at the deadline, or -errno. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_system.monotonic_us(&clock_system);
        if (left_us <= 0)
            return -ETIMEDOUT;
        struct pollfd poller = {.fd = fd, .events = events};
        int64_t left_ms = (left_us + 999) / 1000;
        int count = poll(&poller, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return -errno;
    }
}

int channel_send_now(int fd, enum message_type type, uint32_t id, json_t *body, const int *descriptors,
                     int count, int timeout_ms)
{
    struct record record;
    int64_t deadline = deadline_in(timeout_ms);
    set_descriptors(&record, descriptors, count);
    int error = encode(&record, type, id, body);
    if (error)
        return error;
    while ((error = record_send(fd, &record)) == -EAGAIN && !(error = wait_for(fd, POLLOUT, deadline)))
        ;
    free((void *)(uintptr_t)record.bytes.data);
    return peer_is_gone(-error) ? -EPIPE : error;
}

int channel_receive_now(int fd, struct channel_message *message, int timeout_ms)
{
    struct record record;
    int64_t deadline = deadline_in(timeout_ms);
    char *memory = memory_new(MESSAGE_LARGEST);
    ssize_t size;
    while ((size = record_receive(fd, memory, MESSAGE_LARGEST, &record)) == -EAGAIN &&
           !(size = wait_for(fd, POLLIN, deadline)))
        ;
    int error = size > 0 ? 0 : size == 0 || peer_is_gone((int)-size) ? -EPIPE : (int)size;
    if (!error && !decode(&record, message))
        error = -EPROTO;
    free(memory);
    return error;
}
