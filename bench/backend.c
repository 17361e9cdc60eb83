/* The program behind the measured proxies: one thread that answers each GET with SIZE bytes and echoes the
 * frames of a WebSocket. It does as little as it can, so that the proxy is the bottleneck; measured itself,
 * it is the floor that no server of this kind gets below.
 *
 * usage: bench-backend SIZE    prints the port it listens on (127.0.0.1), ends with its standard input */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/websocket.h"
#include "wire/websocket_frame.h"

enum { READ_SIZE = 256 * 1024, BATCH = 256, FIELDS_SEEN = 32, MASK_SIZE = 4 };

struct connection {
    int fd;
    bool websocket;
    /* The frame that is coming. */
    uint8_t head[WEBSOCKET_FRAME_HEAD_SIZE];
    size_t head_size;
    uint64_t left;
    struct buffer unsent; /* nothing is read while it holds bytes */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-backend: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    buffer_free(&connection->unsent);
    free(connection);
}

/* False: the connection is gone. */
static bool send_or_keep(struct connection *connection, struct slice bytes)
{
    ssize_t sent = send(connection->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        return false;
    return buffer_append(&connection->unsent, slice_from(bytes, sent > 0 ? (size_t)sent : 0));
}

/* --- WebSocket ------------------------------------------------------------------------------------------ */

static size_t frame_head_size(const struct connection *connection)
{
    if (connection->head_size < 2)
        return 2;
    unsigned length = connection->head[1] & 0x7f;
    return 2 + MASK_SIZE + (length == 127 ? 8 : length == 126 ? 2 : 0);
}

static uint64_t frame_payload_size(const struct connection *connection)
{
    size_t end = connection->head_size - MASK_SIZE;
    uint64_t size = 0;
    if (end == 2)
        return connection->head[1] & 0x7f;
    for (size_t i = 2; i < end; i++)
        size = size << 8 | connection->head[i];
    return size;
}

/* The load's masks are zero, so a payload goes back as it came, behind a head of ours. */
static bool echo(struct connection *connection, struct slice in)
{
    static char out[2 * READ_SIZE];
    size_t filled = 0;
    while (in.size > 0) {
        if (connection->left == 0) {
            connection->head[connection->head_size++] = (uint8_t)*in.data;
            in = slice_from(in, 1);
            if (connection->head_size < frame_head_size(connection))
                continue;
            connection->left = frame_payload_size(connection);
            connection->head_size = 0;
            filled +=
                websocket_frame_head(out + filled, WEBSOCKET_FRAME_BINARY, true, connection->left, NULL);
        }
        size_t size = connection->left < in.size ? (size_t)connection->left : in.size;
        memcpy(out + filled, in.data, size);
        filled += size;
        connection->left -= size;
        in = slice_from(in, size);
    }
    return send_or_keep(connection, slice_of(out, filled));
}

static bool shake_hands(struct connection *connection, const struct http1_head *head)
{
    char accept[WEBSOCKET_ACCEPT_SIZE], answer[256];
    websocket_accept(fields_get(&head->fields, FIELD_SEC_WEBSOCKET_KEY), accept);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %.*s\r\n\r\n",
                        WEBSOCKET_ACCEPT_SIZE, accept);
    connection->websocket = true;
    return send_or_keep(connection, slice_of(answer, (size_t)size));
}

/* --- HTTP ----------------------------------------------------------------------------------------------- */

static bool answer(struct connection *connection, struct slice in, struct slice response)
{
    static const struct http1_limits limits = {.head = READ_SIZE, .target = READ_SIZE};
    struct field storage[FIELDS_SEEN];
    struct http1_head head;
    http1_begin(&head, storage, FIELDS_SEEN);
    if (http1_parse_request(&head, in, &limits) != HTTP1_DONE)
        die("a request that is not whole");
    if (fields_get(&head.fields, FIELD_UPGRADE).size > 0)
        return shake_hands(connection, &head);
    return send_or_keep(connection, response);
}

static struct slice make_response(unsigned size)
{
    struct buffer response = BUFFER(READ_SIZE);
    buffer_append_format(&response,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n", size);
    for (unsigned i = 0; i < size; i++)
        buffer_append(&response, SLICE("x"));
    return buffer_slice(&response);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static bool serve(struct connection *connection, struct slice response)
{
    static char in[READ_SIZE];
    if (buffer_size(&connection->unsent) > 0) {
        struct buffer whole = connection->unsent;
        connection->unsent = BUFFER(whole.limit);
        bool alive = send_or_keep(connection, buffer_slice(&whole));
        buffer_free(&whole);
        if (!alive || buffer_size(&connection->unsent) > 0)
            return alive;
    }
    ssize_t got = recv(connection->fd, in, sizeof in, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0)
        return false;
    struct slice bytes = slice_of(in, (size_t)got);
    return connection->websocket ? echo(connection, bytes) : answer(connection, bytes, response);
}

/* Room is watched instead of bytes while something is unsent. */
static void watch(int epoll, struct connection *connection, bool was_blocked)
{
    bool blocked = buffer_size(&connection->unsent) > 0;
    struct epoll_event event = {.events = blocked ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
    if (blocked != was_blocked && epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0)
        die("epoll_ctl");
}

static void take_connection(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct connection *connection = MEMORY_NEW(struct connection);
    connection->fd = fd;
    connection->unsent = BUFFER(4 * READ_SIZE);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    uint64_t body = 0;
    if (argc != 2 || !slice_to_u64(slice_of_text(argv[1]), &body) || body > READ_SIZE / 2)
        die("usage: bench-backend SIZE");
    struct slice response = make_response((unsigned)body);
    struct epoll_event events[BATCH];
    struct epoll_event for_listener = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event for_input = {.events = EPOLLIN, .data.ptr = events};
    int listener = listen_somewhere(), epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &for_listener) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &for_input) < 0)
        die("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].data.ptr == events)
                return 0;
            if (!connection) {
                take_connection(epoll, listener);
                continue;
            }
            bool was_blocked = buffer_size(&connection->unsent) > 0;
            if (serve(connection, response))
                watch(epoll, connection, was_blocked);
            else
                drop(connection);
        }
    }
}
