/* A load of one thread: connections that each keep a fixed number of requests under way, and count.
 *
 * usage: bench-load PORT PATH CONNECTIONS SECONDS              GET requests, one under way
 *        bench-load PORT PATH CONNECTIONS SECONDS SIZE COUNT   WebSocket messages, COUNT under way
 *
 * Prints `begin` when all connections are busy, and SECONDS later `end N`: so many answers came. With 0
 * seconds it prints `begin` when each connection has had its first answers, and holds them, idle, until its
 * standard input ends. Any answer but the expected one is fatal. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/http1.h"
#include "wire/websocket_frame.h"

enum { READ_SIZE = 256 * 1024, HEAD_MOST = 4096, BATCH = 256, FIELDS_SEEN = 32, WARM_UP_MS = 200 };

struct connection {
    int fd;
    unsigned to_send;    /* messages that are due, the one under way included */
    size_t sent;         /* of the message under way */
    size_t answer_bytes; /* of the answer that is coming */
};

struct load {
    int epoll;
    struct connection *connections;
    unsigned count;
    unsigned in_flight;
    bool websocket;
    char *message;
    size_t message_size;
    size_t answer_size; /* each answer has as many bytes as the first one */
    uint64_t answers;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-load: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || end == text || value > 10000000)
        die(text);
    return (unsigned)value;
}

/* --- messages ------------------------------------------------------------------------------------------- */

static char *format_request(unsigned port, const char *path, bool upgrade)
{
    return memory_format("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                         "User-Agent: bench-load\r\nAccept: */*\r\n%s\r\n",
                         path, port,
                         upgrade
                             ? "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             : "");
}

/* The mask is zero: whoever unmasks has nothing to change. */
static void prepare_frame(struct load *load, size_t size)
{
    char head[WEBSOCKET_FRAME_HEAD_SIZE];
    size_t head_size = websocket_frame_head(head, WEBSOCKET_FRAME_BINARY, true, size, (const uint8_t[4]){0});
    load->message_size = head_size + size;
    load->message = memory_new(load->message_size);
    memcpy(load->message, head, head_size);
    memset(load->message + head_size, 'x', size);
    load->answer_size = websocket_frame_head(head, WEBSOCKET_FRAME_BINARY, true, size, NULL) + size;
}

/* The size of a whole response; 0: it is not one of `status`. */
static size_t response_size(struct slice bytes, unsigned status)
{
    static const struct http1_limits limits = {.head = HEAD_MOST, .target = 0};
    struct field storage[FIELDS_SEEN];
    struct http1_head head;
    http1_begin(&head, storage, FIELDS_SEEN);
    if (http1_parse_response(&head, bytes, &limits) != HTTP1_DONE || head.status != status)
        return 0;
    int64_t length = 0;
    struct slice text = fields_get(&head.fields, FIELD_CONTENT_LENGTH);
    for (size_t i = 0; i < text.size; i++)
        length = length * 10 + (text.data[i] - '0');
    return head.size + (size_t)length;
}

static void check_start(struct load *load, const char *bytes, size_t size)
{
    if (load->websocket) {
        if ((uint8_t)bytes[0] != (0x80 | WEBSOCKET_FRAME_BINARY))
            die("a frame that is no binary message");
        return;
    }
    if (size < 12 || memcmp(bytes, "HTTP/1.1 200", 12) != 0)
        die("an answer that is no 200");
    if (load->answer_size == 0)
        load->answer_size = response_size(slice_of(bytes, size), 200);
    if (load->answer_size == 0)
        die("an answer whose first bytes do not hold its head");
}

/* --- one connection ---------------------------------------------------------------------------------------
 */

static void send_due(const struct load *load, struct connection *connection)
{
    while (connection->to_send > 0) {
        ssize_t sent = send(connection->fd, load->message + connection->sent,
                            load->message_size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            die("send");
        connection->sent += (size_t)sent;
        if (connection->sent < load->message_size)
            continue;
        connection->sent = 0;
        connection->to_send--;
    }
}

/* One read takes all there is: less than READ_SIZE is under way. `more`: each answer is followed by the next
 * message. */
static void receive(struct load *load, struct connection *connection, bool more)
{
    static char bytes[READ_SIZE];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        die("a connection was closed");
    size_t used = 0, size = got > 0 ? (size_t)got : 0;
    while (used < size) {
        if (connection->answer_bytes == 0)
            check_start(load, bytes + used, size - used);
        size_t missing = load->answer_size - connection->answer_bytes;
        size_t taken = missing < size - used ? missing : size - used;
        used += taken;
        connection->answer_bytes += taken;
        if (connection->answer_bytes < load->answer_size)
            break;
        connection->answer_bytes = 0;
        connection->to_send += more;
        load->answers++;
    }
    send_due(load, connection);
}

static void shake_hands(int fd, const char *request)
{
    char answer[HEAD_MOST];
    size_t size = 0;
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        die("send");
    do {
        ssize_t got = recv(fd, answer + size, sizeof answer - size, 0);
        if (got <= 0)
            die("no answer to a handshake");
        size += (size_t)got;
    } while (!memmem(answer, size, "\r\n\r\n", 4));
    if (response_size(slice_of(answer, size), 101) != size)
        die("a handshake was refused");
}

static void open_connection(struct load *load, struct connection *connection, unsigned port,
                            const char *handshake)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (handshake)
        shake_hands(connection->fd, handshake);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        die("epoll_ctl");
    connection->to_send = load->in_flight;
}

/* --- all of them ------------------------------------------------------------------------------------------
 */

static void turn(struct load *load, bool more)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(load->epoll, events, BATCH, 100);
    for (int i = 0; i < count; i++)
        receive(load, events[i].data.ptr, more);
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

static void measure(struct load *load, unsigned seconds)
{
    for (int64_t start = now_ms(); now_ms() - start < WARM_UP_MS;)
        turn(load, true);
    load->answers = 0;
    say("begin");
    for (int64_t start = now_ms(); now_ms() - start < seconds * 1000;)
        turn(load, true);
    printf("end %llu\n", (unsigned long long)load->answers);
}

static void hold(struct load *load)
{
    while (load->answers < (uint64_t)load->count * load->in_flight)
        turn(load, false);
    say("begin");
    while (getchar() != EOF)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 7)
        die("usage: bench-load PORT PATH CONNECTIONS SECONDS [SIZE COUNT]");
    unsigned port = number(argv[1]), seconds = number(argv[4]);
    struct load load = {.epoll = epoll_create1(EPOLL_CLOEXEC), .in_flight = 1, .websocket = argc == 7};
    char *request = format_request(port, argv[2], load.websocket);
    if (load.websocket) {
        load.in_flight = number(argv[6]);
        prepare_frame(&load, number(argv[5]));
    } else {
        load.message = request;
        load.message_size = strlen(request);
    }
    load.count = number(argv[3]);
    load.connections = MEMORY_ARRAY(struct connection, load.count);
    for (unsigned i = 0; i < load.count; i++)
        open_connection(&load, &load.connections[i], port, load.websocket ? request : NULL);
    for (unsigned i = 0; i < load.count; i++)
        send_due(&load, &load.connections[i]);
    if (seconds > 0)
        measure(&load, seconds);
    else
        hold(&load);
    return 0;
}
