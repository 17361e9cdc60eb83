/* event-readers PORT PATH READERS SEED AWAY_MS HELD: readers of an event stream that come and go at random.
 *
 * Each line of the file is "EPOCH NUMBER ...": the number counts from 0 in each epoch, and an epoch ends when
 * the file is cut. A reader leaves after a random while (never, with HELD 1) and comes back with the id of
 * its last event after up to AWAY_MS, until it has seen a line with the word "end". It must see every number
 * of an epoch once and in order; where an epoch ends, a reset comes, from exactly the place where it was.
 *
 * SIGUSR1 tells how things stand; the end does so too: one line of JSON, then with the wall clock's
 * millisecond of every goodbye, as the kernel took it in. HTTP/1.0 is spoken, so what comes is the body as it
 * is. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"

enum { READ = 256 * 1024, EVENTS = 256, LINE_MOST = 1 << 20, ID_MOST = 64, ARRIVAL = 128 };

struct reader {
    int fd;     /* -1: away */
    bool begun; /* the head is over */
    bool done;
    bool seen_any;
    int64_t back_ms, leave_at; /* when it comes back; after how many events it leaves */
    int64_t events;            /* of this connection */
    int64_t epoch, number;     /* of the last line */
    bool reset;                /* a reset was the last event: the next line begins an epoch */
    char id[ID_MOST], name[32];
    struct buffer bytes, data;
};

struct readers {
    struct reader *all;
    int count, epoll, done;
    int64_t away_ms;
    bool held;
    unsigned short port;
    const char *path;
    uint64_t random;
    int64_t arrived_ms; /* what is read now, by the wall clock */
    int64_t connects, refused, lines, resets, gaps, wrong_from, others, byes, open;
    int64_t *told; /* when, for each reader's first goodbye */
    char scratch[READ];
};

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t random_below(struct readers *readers, int64_t limit)
{
    readers->random ^= readers->random << 13;
    readers->random ^= readers->random >> 7;
    readers->random ^= readers->random << 17;
    return limit > 0 ? (int64_t)(readers->random % (uint64_t)limit) : 0;
}

/* --- what comes ------------------------------------------------------------------------------------------
 */

static void take_line(struct readers *readers, struct reader *reader, const char *text)
{
    char *rest;
    int64_t epoch = strtoll(text, &rest, 10), number = strtoll(rest, &rest, 10);
    bool follows = !reader->seen_any || (epoch == reader->epoch && number == reader->number + 1);
    if (reader->reset)
        follows = epoch > reader->epoch && number == 0;
    if (!follows) {
        readers->gaps++;
        fprintf(stderr, "gap: %" PRId64 " %" PRId64 " behind %" PRId64 " %" PRId64 "%s\n", epoch, number,
                reader->epoch, reader->number, reader->reset ? ", a reset" : "");
    }
    reader->seen_any = true;
    reader->reset = false;
    reader->epoch = epoch;
    reader->number = number;
    readers->lines++;
    if (strstr(rest, "end")) {
        reader->done = true;
        readers->done++;
    }
}

static void take_reset(struct readers *readers, struct reader *reader, const char *data)
{
    char expected[ID_MOST + 16];
    snprintf(expected, sizeof expected, "\"from\":\"%s\"", reader->id);
    readers->resets++;
    /* Two in a row: nothing came between them. */
    if (!reader->reset && !strstr(data, expected)) {
        readers->wrong_from++;
        fprintf(stderr, "reset %s, but the place was %s\n", data, reader->id);
    }
    reader->reset = true;
}

static void take_goodbye(struct readers *readers)
{
    if (readers->byes < readers->count)
        readers->told[readers->byes] = readers->arrived_ms;
    readers->byes++;
}

static void take_event(struct readers *readers, struct reader *reader, const char *id)
{
    CHECK(buffer_append(&reader->data, slice_of("", 1)));
    const char *data = reader->data.data + reader->data.start;
    bool has_data = buffer_size(&reader->data) > 1;
    if (has_data && !reader->name[0])
        take_line(readers, reader, data);
    else if (has_data && strcmp(reader->name, "reset") == 0)
        take_reset(readers, reader, data);
    else if (has_data && strcmp(reader->name, "bye") == 0)
        take_goodbye(readers);
    else if (has_data)
        readers->others++;
    if (id[0])
        snprintf(reader->id, sizeof reader->id, "%s", id);
    buffer_clear(&reader->data);
    reader->name[0] = '\0';
    reader->events++;
}

/* One line of the stream. */
static void take_field(struct readers *readers, struct reader *reader, struct slice line, char id[ID_MOST])
{
    if (line.size == 0) {
        take_event(readers, reader, id);
        id[0] = '\0';
    } else if (slice_starts_with(line, SLICE("data: "))) {
        CHECK(buffer_append(&reader->data, slice_from(line, 6)));
    } else if (slice_starts_with(line, SLICE("id: "))) {
        snprintf(id, ID_MOST, SLICE_FORMAT, SLICE_ARGUMENTS(slice_from(line, 4)));
    } else if (slice_starts_with(line, SLICE("event: "))) {
        snprintf(reader->name, sizeof reader->name, SLICE_FORMAT, SLICE_ARGUMENTS(slice_from(line, 7)));
    }
}

/* Whole events only, so that one who leaves has seen half of none. */
static void take_bytes(struct readers *readers, struct reader *reader)
{
    struct slice rest = buffer_slice(&reader->bytes), line;
    char id[ID_MOST] = "";
    if (!reader->begun) {
        const char *end = memmem(rest.data, rest.size, "\r\n\r\n", 4);
        if (!end)
            return;
        CHECK(slice_starts_with(rest, SLICE("HTTP/1.1 200 ")));
        rest = slice_from(rest, (size_t)(end - rest.data) + 4);
        reader->begun = true;
    }
    const char *last = rest.size ? memrchr(rest.data, '\n', rest.size) : NULL;
    while (last && last > rest.data && last[-1] != '\n')
        last = memrchr(rest.data, '\n', (size_t)(last - rest.data));
    size_t whole = last && last > rest.data ? (size_t)(last - rest.data) + 1 : 0;
    struct slice events = slice_between(rest, 0, whole);
    while (events.size > 0 && !reader->done && reader->events < reader->leave_at &&
           slice_next(&events, '\n', &line))
        take_field(readers, reader, line, id);
    /* What comes behind the last one it takes is another's: it has left. */
    buffer_consume(&reader->bytes, buffer_size(&reader->bytes) - rest.size + whole);
}

/* --- coming and going --------------------------------------------------------------------------------------
 */

static void come(struct readers *readers, struct reader *reader)
{
    static const int64_t stays[] = {1, 5, 50, 500, 5000, 200000};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(readers->port)};
    char request[512], last[ID_MOST + 32] = "";
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (reader->id[0])
        snprintf(last, sizeof last, "Last-Event-ID: %s\r\n", reader->id);
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n%s\r\n",
                        readers->path, last);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0);
    reader->back_ms = now_ms() + 20;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        readers->refused++; /* it drains: the next one takes it */
        close(fd);
        return;
    }
    reader->fd = fd;
    reader->events = 0;
    reader->leave_at =
        readers->held ? INT64_MAX : stays[random_below(readers, 6)] + random_below(readers, 10);
    readers->connects++;
    readers->open++;
    struct epoll_event watch = {.events = EPOLLIN, .data.ptr = reader};
    CHECK(epoll_ctl(readers->epoll, EPOLL_CTL_ADD, fd, &watch) == 0);
}

static void leave(struct readers *readers, struct reader *reader)
{
    close(reader->fd);
    reader->fd = -1;
    reader->begun = false;
    reader->name[0] = '\0';
    buffer_clear(&reader->bytes);
    buffer_clear(&reader->data);
    reader->back_ms = now_ms() + random_below(readers, readers->away_ms + 1);
    readers->open--;
}

/* Reads, and sets when the last of it came, however late this process gets to it. */
static ssize_t receive(struct readers *readers, int fd)
{
    char arrival[ARRIVAL];
    struct iovec into = {readers->scratch, READ};
    struct msghdr message = {
        .msg_iov = &into, .msg_iovlen = 1, .msg_control = arrival, .msg_controllen = sizeof arrival};
    ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    for (struct cmsghdr *at = size > 0 ? CMSG_FIRSTHDR(&message) : NULL; at; at = CMSG_NXTHDR(&message, at))
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS)
            memcpy(&time, CMSG_DATA(at), sizeof time);
    readers->arrived_ms = time.tv_sec * 1000 + time.tv_nsec / 1000000;
    return size;
}

static void on_bytes(struct readers *readers, struct reader *reader)
{
    ssize_t size = receive(readers, reader->fd);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size > 0) {
        CHECK(buffer_append(&reader->bytes, slice_of(readers->scratch, (size_t)size)));
        take_bytes(readers, reader);
    }
    if (size <= 0 || reader->done || reader->events >= reader->leave_at)
        leave(readers, reader);
}

/* The line that every reader has; {-1, -1} while one has none, or none behind its last reset. */
static void find_least(const struct readers *readers, int64_t least[2])
{
    least[0] = least[1] = INT64_MAX;
    for (int i = 0; i < readers->count; i++) {
        const struct reader *reader = &readers->all[i];
        bool none = !reader->seen_any || reader->reset;
        int64_t epoch = none ? -1 : reader->epoch, number = none ? -1 : reader->number;
        if (epoch < least[0] || (epoch == least[0] && number < least[1])) {
            least[0] = epoch;
            least[1] = number;
        }
    }
}

static void tell(const struct readers *readers)
{
    int64_t least[2];
    find_least(readers, least);
    printf("{\"connects\": %" PRId64 ", \"refused\": %" PRId64 ", \"lines\": %" PRId64
           ", \"resets\": %" PRId64 ", \"gaps\": %" PRId64 ", \"wrong_from\": %" PRId64
           ", \"others\": %" PRId64 ", \"byes\": %" PRId64 ", \"open\": %" PRId64
           ", \"done\": %d, \"least\": [%" PRId64 ", %" PRId64 "], \"told\": [",
           readers->connects, readers->refused, readers->lines, readers->resets, readers->gaps,
           readers->wrong_from, readers->others, readers->byes, readers->open, readers->done, least[0],
           least[1]);
    for (int64_t i = 0; readers->done == readers->count && i < readers->byes && i < readers->count; i++)
        printf("%s%" PRId64, i ? ", " : "", readers->told[i]);
    printf("]}\n");
    fflush(stdout);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void come_back(struct readers *readers)
{
    int64_t now = now_ms();
    for (int i = 0; i < readers->count; i++)
        if (readers->all[i].fd < 0 && !readers->all[i].done && readers->all[i].back_ms <= now)
            come(readers, &readers->all[i]);
}

int main(int count, char **words)
{
    if (count != 7)
        return 2;
    struct readers *readers = MEMORY_NEW(struct readers);
    readers->port = (unsigned short)strtol(words[1], NULL, 10);
    readers->path = words[2];
    readers->count = (int)strtol(words[3], NULL, 10);
    readers->random = strtoull(words[4], NULL, 10) * 2 + 1;
    readers->away_ms = strtol(words[5], NULL, 10);
    readers->held = words[6][0] == '1';
    readers->epoll = epoll_create1(EPOLL_CLOEXEC);
    readers->all = MEMORY_ARRAY(struct reader, (size_t)readers->count);
    readers->told = MEMORY_ARRAY(int64_t, (size_t)readers->count);
    int signals = open_signals();
    printf("begun\n");
    fflush(stdout);
    for (int i = 0; i < readers->count; i++)
        readers->all[i] = (struct reader){.fd = -1, .bytes = BUFFER(LINE_MOST), .data = BUFFER(LINE_MOST)};
    while (readers->done < readers->count) {
        struct epoll_event events[EVENTS];
        struct signalfd_siginfo told;
        come_back(readers);
        int got = epoll_wait(readers->epoll, events, EVENTS, 5);
        for (int i = 0; i < got; i++)
            on_bytes(readers, events[i].data.ptr);
        if (read(signals, &told, sizeof told) == sizeof told)
            tell(readers);
    }
    tell(readers);
    for (int i = 0; i < readers->count; i++) {
        buffer_free(&readers->all[i].bytes);
        buffer_free(&readers->all[i].data);
    }
    free(readers->all);
    free(readers->told);
    close(readers->epoll);
    close(signals);
    free(readers);
    return 0;
}
