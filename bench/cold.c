/* A program that takes its time to start: it notes when it began, waits, listens, notes that too, and answers
 * every request. What a client waited beyond the time between the two notes is the share of the server in
 * front.
 *
 * usage: bench-cold PORT WAIT_MS FILE    FILE gets two times of CLOCK_MONOTONIC in microseconds */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/slice.h"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-cold: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0)
        die("listen");
    return fd;
}

static void note(const char *path, int64_t began_us, int64_t listening_us)
{
    FILE *file = fopen(path, "we");
    if (!file)
        die(path);
    fprintf(file, "%" PRId64 " %" PRId64 "\n", began_us, listening_us);
    if (fclose(file) != 0)
        die(path);
}

static void answer(int fd)
{
    static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    char request[4096];
    if (fd < 0)
        return;
    if (recv(fd, request, sizeof request, 0) > 0)
        send(fd, response, sizeof response - 1, MSG_NOSIGNAL);
    close(fd);
}

int main(int argc, char **argv)
{
    int64_t began_us = now_us();
    uint64_t port = 0, wait_ms = 0;
    if (argc != 4 || !slice_to_u64(slice_of_text(argv[1]), &port) || port > UINT16_MAX ||
        !slice_to_u64(slice_of_text(argv[2]), &wait_ms) || wait_ms > 1000)
        die("usage: bench-cold PORT WAIT_MS FILE");
    nanosleep(&(struct timespec){.tv_nsec = (long)wait_ms * 999999}, NULL);
    int listener = listen_on((uint16_t)port);
    note(argv[3], began_us, now_us());
    for (;;)
        answer(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}
