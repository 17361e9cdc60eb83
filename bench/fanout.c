/* The floor of event streams: sends what is appended to a file to everybody who has asked for anything, one
 * send(2) each, and does nothing else.
 *
 * usage: bench-fanout FILE. Prints its port, ends when its standard input does. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum { BATCH = 128, READ_SIZE = 64 * 1024, MOST = 20000 };

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: floor\n\n";

struct fanout {
    int epoll, listener, news, file;
    int *readers;
    size_t count;
    char *bytes;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-fanout: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static void watch(const struct fanout *fanout, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    if (fd < 0 || epoll_ctl(fanout->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("watch");
}

static int listen_anywhere(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, size) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&any, &size) < 0)
        die("listen");
    printf("%u\n", ntohs(any.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(struct fanout *fanout)
{
    int fd;
    while ((fd = accept4(fanout->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(fanout, fd);
    }
}

static void forget(struct fanout *fanout, int fd)
{
    for (size_t i = 0; i < fanout->count; i++)
        if (fanout->readers[i] == fd)
            fanout->readers[i--] = fanout->readers[--fanout->count];
    close(fd);
}

static void on_reader(struct fanout *fanout, int fd)
{
    if (read(fd, fanout->bytes, READ_SIZE) <= 0) {
        forget(fanout, fd);
    } else if (fanout->count < MOST && send(fd, head, sizeof head - 1, MSG_NOSIGNAL) > 0) {
        fanout->readers[fanout->count++] = fd;
    }
}

static void on_news(struct fanout *fanout)
{
    while (read(fanout->news, fanout->bytes, READ_SIZE) > 0)
        ;
    ssize_t size = read(fanout->file, fanout->bytes, READ_SIZE);
    for (size_t i = 0; size > 0 && i < fanout->count; i++)
        send(fanout->readers[i], fanout->bytes, (size_t)size, MSG_NOSIGNAL);
}

int main(int count, char **words)
{
    if (count != 2)
        die("usage: bench-fanout FILE");
    struct fanout fanout = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                            .listener = listen_anywhere(),
                            .news = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                            .file = open(words[1], O_RDONLY | O_CREAT | O_CLOEXEC, 0644),
                            .readers = MEMORY_ARRAY(int, MOST),
                            .bytes = memory_new(READ_SIZE)};
    lseek(fanout.file, 0, SEEK_END);
    inotify_add_watch(fanout.news, words[1], IN_MODIFY);
    watch(&fanout, fanout.listener);
    watch(&fanout, fanout.news);
    watch(&fanout, STDIN_FILENO);
    for (;;) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(fanout.epoll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO)
                return 0;
            if (fd == fanout.listener)
                accept_all(&fanout);
            else if (fd == fanout.news)
                on_news(&fanout);
            else
                on_reader(&fanout, fd);
        }
    }
}
