/* An upstream on loopback that the test plays itself, and calls to it whose outcome is noted. */
#pragma once

#include <arpa/inet.h>

#include "answer.h"

#include "base/memory.h"
#include "http/upstream.h"

struct bench {
    struct fake_clock clock;
    struct loop *loop;
    struct upstream_pool *pool;
    struct address address;
    int listener;
};

/* One call and what came of it. */
struct ask {
    struct upstream_call *call;
    struct buffer body;
    int heads;
    int statuses[8];
    char reason[64];
    int64_t length;
    bool ended;
    bool failed;
    bool paused; /* do not read the body */
    int rooms;
    enum upstream_failure failure;
};

static UNUSED void on_body(void *owner)
{
    struct ask *ask = owner;
    while (!ask->paused) {
        char *place = buffer_reserve(&ask->body, 60000);
        ssize_t got = upstream_read(ask->call, place, 60000);
        if (got == -EAGAIN)
            return;
        assert_true(got >= 0);
        buffer_added(&ask->body, (size_t)got);
        if (got == 0) {
            ask->ended = true;
            return;
        }
    }
}

static UNUSED void on_head(void *owner, const struct http1_head *head)
{
    struct ask *ask = owner;
    ask->statuses[ask->heads++] = (int)head->status;
    snprintf(ask->reason, sizeof ask->reason, SLICE_FORMAT, SLICE_ARGUMENTS(head->reason));
    ask->length = upstream_content_length(ask->call);
    if (head->status >= 200)
        on_body(ask);
}

static UNUSED void on_room(void *owner)
{
    ((struct ask *)owner)->rooms++;
}

static UNUSED void on_failed(void *owner, enum upstream_failure failure, int error)
{
    struct ask *ask = owner;
    (void)error;
    assert_false(ask->failed);
    ask->failed = true;
    ask->failure = failure;
}

static const struct upstream_events events = {
    .on_head = on_head, .on_body = on_body, .on_room = on_room, .on_failed = on_failed};

static const struct upstream_timeouts timeouts = {.connect_ms = 5000, .response_ms = 20000, .idle_ms = 30000};

static UNUSED void bench_open(struct bench *bench)
{
    *bench = (struct bench){.clock = FAKE_CLOCK(1000000000)};
    bench->loop = loop_new(&bench->clock.clock);
    bench->pool =
        upstream_pool_new(bench->loop, &(struct upstream_pool_settings){.most_idle = 3, .idle_ms = 55000});
    bench->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bench->address.v4 =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bench->address.size = sizeof bench->address.v4;
    assert_int_equal(bind(bench->listener, &bench->address.any, bench->address.size), 0);
    assert_int_equal(listen(bench->listener, 16), 0);
    assert_int_equal(getsockname(bench->listener, &bench->address.any, &bench->address.size), 0);
}

static UNUSED void bench_close(struct bench *bench)
{
    upstream_pool_free(&bench->pool);
    loop_free(&bench->loop);
    close(bench->listener);
}

static UNUSED int bench_set_up(void **state)
{
    static struct bench bench;
    bench_open(&bench);
    *state = &bench;
    return 0;
}

static UNUSED int bench_tear_down(void **state)
{
    bench_close(*state);
    return 0;
}

/* A test whose *state is a bench of its own. */
#define BENCH(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)

static UNUSED void ask_start(struct bench *bench, struct ask *ask, const char *method, int64_t length,
                             bool upgrade)
{
    static const struct exchange_field fields[] = {{{"Host", 4}, {"x", 1}}};
    const struct upstream_request request = {.method = slice_of_text(method),
                                             .target = SLICE("/p?q"),
                                             .fields = fields,
                                             .field_count = 1,
                                             .content_length = length,
                                             .upgrade = upgrade,
                                             .timeouts = timeouts};
    *ask = (struct ask){.body = BUFFER(RECEIVED_MOST)};
    ask->call = upstream_call(bench->pool, &bench->address, &request, &events, ask);
}

static UNUSED void ask_close(struct ask *ask)
{
    upstream_close(&ask->call);
    buffer_free(&ask->body);
}

/* A connection of the pool's, or -1 when none has come. */
static UNUSED int upstream_accept(struct bench *bench)
{
    turn_all(bench->loop);
    int fd = accept4(bench->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    turn_all(bench->loop);
    return fd;
}

static UNUSED void expect_request(struct bench *bench, int fd, const char *expected)
{
    char bytes[4096] = {0};
    turn_all(bench->loop);
    ssize_t got = read(fd, bytes, sizeof bytes - 1);
    assert_true(got >= 0);
    assert_string_equal(bytes, expected);
}

static UNUSED void say(struct bench *bench, int fd, struct slice bytes)
{
    assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), bytes.size);
    turn_all(bench->loop);
}

static UNUSED bool is_open(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

#define GET_BYTES "GET /p?q HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* A finished GET that leaves one connection in the pool; its upstream's end. */
static UNUSED int warm_up(struct bench *bench)
{
    struct ask ask;
    ask_start(bench, &ask, "GET", 0, false);
    int fd = upstream_accept(bench);
    assert_true(fd >= 0);
    expect_request(bench, fd, GET_BYTES);
    say(bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    turn_all(bench->loop);
    assert_true(is_open(fd));
    return fd;
}
