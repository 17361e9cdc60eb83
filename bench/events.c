/* A load of one thread on event streams: readers, and one who publishes at a fixed rate.
 *
 * usage: bench-events PORT PATH READERS SECONDS RATE append FILE    appends lines to the file behind the
 * stream bench-events PORT PATH READERS SECONDS RATE post PATH      posts them (nchan)
 *
 * Prints `begin` when every reader has had its first event, and SECONDS later `end N P50 P99`: so many events
 * came to readers, and how many microseconds after they were published (all of them, by reader and event).
 * With 0 seconds it holds the readers, idle, until its standard input ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    READ_SIZE = 256 * 1024,
    BATCH = 256,
    WARM_UP_US = 500000,
    STAMP = 20,     /* digits */
    BUCKETS = 4096, /* of latencies, in steps of ... */
    BUCKET_US = 10,
};

struct reader {
    int fd;
    char held[STAMP + 8]; /* the end of what was read: a stamp may be cut */
    size_t held_size;
    uint64_t events;
};

struct load {
    int epoll;
    struct sockaddr_in address;
    struct reader *readers;
    unsigned count;
    int publisher; /* a file or a connection */
    const char *post;
    uint64_t published;
    uint64_t delivered;
    uint64_t latencies[BUCKETS];
    char *scratch;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-events: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || end == text || value > 10000000)
        die(text);
    return (unsigned)value;
}

static int dial(const struct load *load)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&load->address, sizeof load->address) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void send_all(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die("write");
}

static void watch(const struct load *load, int fd, struct reader *reader)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void open_readers(struct load *load, const char *path)
{
    char *request =
        memory_format("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", path);
    for (unsigned i = 0; i < load->count; i++) {
        load->readers[i].fd = dial(load);
        send_all(load->readers[i].fd, request);
        watch(load, load->readers[i].fd, &load->readers[i]);
    }
    free(request);
}

/* --- publishing ------------------------------------------------------------------------------------------
 */

/* {"type":"tick","t":@00000000001234567890,"text":"..."}: about what a small event has. */
static void publish(struct load *load)
{
    char line[256], request[512];
    snprintf(line, sizeof line,
             "{\"type\":\"tick\",\"t\":@%0*lld,\"text\":\"forty characters of what has happened\"}", STAMP,
             (long long)now_us());
    load->published++;
    if (load->post)
        snprintf(request, sizeof request,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
                 "%zu\r\n\r\n%s",
                 load->post, strlen(line), line);
    else
        snprintf(request, sizeof request, "%s\n", line);
    send_all(load->publisher, request);
}

/* --- reading ---------------------------------------------------------------------------------------------
 */

static void note(struct load *load, struct reader *reader, const char *stamp, int64_t now)
{
    int64_t taken = now - strtoll(stamp, NULL, 10);
    size_t bucket = taken < 0 ? 0 : (size_t)(taken / BUCKET_US);
    load->latencies[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    load->delivered++;
    reader->events++;
}

static void take(struct load *load, struct reader *reader, size_t size)
{
    int64_t now = now_us();
    char *at = load->scratch, *end = load->scratch + size, *mark;
    while ((mark = memchr(at, '@', (size_t)(end - at))) && mark + STAMP + 1 <= end) {
        char stamp[STAMP + 1] = {0};
        memcpy(stamp, mark + 1, STAMP);
        note(load, reader, stamp, now);
        at = mark + STAMP + 1;
    }
    reader->held_size = mark ? (size_t)(end - mark) : 0;
    memcpy(reader->held, end - reader->held_size, reader->held_size);
}

static void read_from(struct load *load, struct reader *reader)
{
    memcpy(load->scratch, reader->held, reader->held_size);
    ssize_t got = read(reader->fd, load->scratch + reader->held_size, READ_SIZE);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        die("a stream has ended");
    if (got > 0)
        take(load, reader, reader->held_size + (size_t)got);
}

static void turn(struct load *load, int timer)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(load->epoll, events, BATCH, 100);
    for (int i = 0; i < count; i++) {
        uint64_t due = 0;
        if (events[i].data.ptr)
            read_from(load, events[i].data.ptr);
        else if (read(timer, &due, sizeof due) == sizeof due)
            for (; due > 0; due--)
                publish(load);
        if (load->post && read(load->publisher, load->scratch, READ_SIZE) == 0)
            die("the publisher's connection has ended");
    }
}

static bool all_have_one(const struct load *load)
{
    for (unsigned i = 0; i < load->count; i++)
        if (load->readers[i].events == 0)
            return false;
    return true;
}

static unsigned percentile(const struct load *load, double share)
{
    uint64_t wanted = (uint64_t)((double)load->delivered * share), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += load->latencies[i]) > wanted)
            return i * BUCKET_US;
    return BUCKETS * BUCKET_US;
}

static int start_timer(const struct load *load, unsigned rate)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    long interval = 1000000000L / (long)rate;
    struct itimerspec every = {.it_interval = {interval / 1000000000, interval % 1000000000},
                               .it_value = {interval / 1000000000, interval % 1000000000}};
    if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
        die("timerfd");
    watch(load, timer, NULL);
    return timer;
}

static void measure(struct load *load, int timer, unsigned seconds)
{
    int64_t start = now_us();
    while (now_us() < start + WARM_UP_US || !all_have_one(load))
        turn(load, timer);
    memset(load->latencies, 0, sizeof load->latencies);
    load->delivered = 0;
    puts("begin");
    fflush(stdout);
    start = now_us();
    while (now_us() < start + seconds * 1000000LL)
        turn(load, timer);
    printf("end %llu %u %u\n", (unsigned long long)load->delivered, percentile(load, 0.5),
           percentile(load, 0.99));
    fflush(stdout);
}

/* Everybody gets one event, and then nothing more. */
static void hold(struct load *load, int timer)
{
    while (!all_have_one(load))
        turn(load, timer);
    close(timer);
    puts("begin");
    fflush(stdout);
}

int main(int count, char **words)
{
    if (count != 8 || (strcmp(words[6], "append") != 0 && strcmp(words[6], "post") != 0))
        die("usage: bench-events PORT PATH READERS SECONDS RATE append|post WHERE");
    struct load load = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .address = {.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)number(words[1])),
                                    .sin_addr = {htonl(INADDR_LOOPBACK)}},
                        .count = number(words[3])};
    load.readers = MEMORY_ARRAY(struct reader, load.count);
    load.scratch = memory_new(READ_SIZE + sizeof load.readers->held);
    bool post = strcmp(words[6], "post") == 0;
    load.post = post ? words[7] : NULL;
    load.publisher = post ? dial(&load) : open(words[7], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (load.publisher < 0)
        die(words[7]);
    if (post)
        fcntl(load.publisher, F_SETFL, fcntl(load.publisher, F_GETFL) | O_NONBLOCK);
    open_readers(&load, words[2]);
    int timer = start_timer(&load, number(words[5]));
    if (number(words[4]) > 0)
        measure(&load, timer, number(words[4]));
    else
        hold(&load, timer);
    while (read(STDIN_FILENO, load.scratch, READ_SIZE) > 0)
        ;
    return 0;
}
