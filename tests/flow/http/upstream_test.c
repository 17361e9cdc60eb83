/* Calls to upstreams over loopback: the test is the upstream and writes raw bytes. Framing in every split,
 * pool and repetition, deaths at each stage, time-outs under a clock that the test moves. */
#include <arpa/inet.h>

#include "world.h"

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

static void on_body(void *owner)
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

static void on_head(void *owner, const struct http1_head *head)
{
    struct ask *ask = owner;
    ask->statuses[ask->heads++] = (int)head->status;
    snprintf(ask->reason, sizeof ask->reason, SLICE_FORMAT, SLICE_ARGUMENTS(head->reason));
    ask->length = upstream_content_length(ask->call);
    if (head->status >= 200)
        on_body(ask);
}

static void on_room(void *owner)
{
    ((struct ask *)owner)->rooms++;
}

static void on_failed(void *owner, enum upstream_failure failure, int error)
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

static void bench_open(struct bench *bench)
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

static void bench_close(struct bench *bench)
{
    upstream_pool_free(&bench->pool);
    loop_free(&bench->loop);
    close(bench->listener);
}

static void ask_start(struct bench *bench, struct ask *ask, const char *method, int64_t length, bool upgrade)
{
    static const struct exchange_field fields[] = {{{"Host", 4}, {"x", 1}}};
    const struct upstream_request request = {.method = slice_of_text(method),
                                             .target = SLICE("/p?q"),
                                             .fields = fields,
                                             .field_count = 1,
                                             .content_length = length,
                                             .upgrade = upgrade};
    *ask = (struct ask){.body = BUFFER(RECEIVED_MOST)};
    ask->call = upstream_call(bench->pool, &bench->address, &request, &timeouts, &events, ask);
}

static void ask_close(struct ask *ask)
{
    upstream_close(&ask->call);
    buffer_free(&ask->body);
}

/* A connection of the pool's, or -1 when none has come. */
static int upstream_accept(struct bench *bench)
{
    turn_all(bench->loop);
    int fd = accept4(bench->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    turn_all(bench->loop);
    return fd;
}

static void expect_request(struct bench *bench, int fd, const char *expected)
{
    char bytes[4096] = {0};
    turn_all(bench->loop);
    ssize_t got = read(fd, bytes, sizeof bytes - 1);
    assert_true(got >= 0);
    assert_string_equal(bytes, expected);
}

static void say(struct bench *bench, int fd, struct slice bytes)
{
    assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), bytes.size);
    turn_all(bench->loop);
}

static bool is_open(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

#define GET_BYTES "GET /p?q HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* A finished GET that leaves one connection in the pool; its upstream's end. */
static int warm_up(struct bench *bench)
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

static const struct answer_row {
    const char *method, *answer, *body;
    int status;
    bool until_close;
    bool kept; /* goes back into the pool */
} answer_rows[] = {
    {"GET", ANSWER, "ok", 200, false, true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, false, true},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, false, true},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304, false, true},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200, false, true},
    {"GET",
     "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n01\r\nd\r\n0\r\nT: x\r\n\r\n",
     "abcd", 404, false, true},
    {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", 200, false, false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 200, false, false},
    {"GET", "HTTP/1.0 200 OK\r\n\r\nuntil close", "until close", 200, true, false},
    {"GET", "HTTP/1.1 200 OK\r\n\r\n", "", 200, true, false},
    {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" ANSWER, "ok", 200,
     false, true},
};

static void answers_come_in_every_split(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (size_t row = 0; row < sizeof answer_rows / sizeof answer_rows[0]; row++) {
        const struct answer_row *expected = &answer_rows[row];
        struct slice answer = slice_of_text(expected->answer);
        for (size_t cut = 0; cut <= answer.size; cut++) {
            struct ask ask;
            ask_start(&bench, &ask, expected->method, 0, false);
            int fd = upstream_accept(&bench);
            char head[4096];
            assert_true(read(fd, head, sizeof head) > 0);
            say(&bench, fd, slice_between(answer, 0, cut));
            say(&bench, fd, slice_from(answer, cut));
            if (expected->until_close) {
                assert_false(ask.ended);
                close(fd);
                turn_all(bench.loop);
            }
            assert_true(ask.ended);
            assert_int_equal(ask.statuses[ask.heads - 1], expected->status);
            assert_true(slice_equal(buffer_slice(&ask.body), slice_of_text(expected->body)));
            ask_close(&ask);
            turn_all(bench.loop);
            if (!expected->until_close) {
                assert_int_equal(is_open(fd), expected->kept);
                close(fd);
                turn_all(bench.loop); /* an idle connection that ends leaves the pool */
            }
        }
    }
    bench_close(&bench);
}

static void bad_answers_fail(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum upstream_failure failure;
    } rows[] = {
        {"SSH-2.0-x\r\n", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 200 OK\nA: b\n\n", UPSTREAM_PROTOCOL},
        {"HTTP/2.0 200 OK\r\n\r\n", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", UPSTREAM_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", UPSTREAM_PROTOCOL},
        /* with the connection's end behind them: */
        {"", UPSTREAM_CLOSED},
        {"HTTP/1.1 20", UPSTREAM_CLOSED},
        {"HTTP/1.1 100 Continue\r\n\r\n", UPSTREAM_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", UPSTREAM_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", UPSTREAM_CLOSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench bench;
        struct ask ask;
        bench_open(&bench);
        ask_start(&bench, &ask, "GET", 0, false);
        int fd = upstream_accept(&bench);
        say(&bench, fd, slice_of_text(rows[i].answer));
        assert_int_equal(ask.failed, rows[i].failure == UPSTREAM_PROTOCOL);
        close(fd);
        turn_all(bench.loop);
        assert_true(ask.failed);
        assert_int_equal(ask.failure, rows[i].failure);
        assert_false(ask.ended);
        ask_close(&ask);
        bench_close(&bench);
    }
}

static void an_endless_head_fails(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "GET", 0, false);
    int fd = upstream_accept(&bench);
    char line[1000] = "X: ";
    memset(line + 3, 'x', sizeof line - 5);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    say(&bench, fd, SLICE("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 100 && !ask.failed; i++)
        say(&bench, fd, slice_of(line, sizeof line));
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_PROTOCOL);
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

/* --- the pool ---------------------------------------------------------------------------------------------
 */

static void connections_are_used_again(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    int fd = warm_up(&bench);
    for (int i = 0; i < 3; i++) {
        struct ask ask;
        ask_start(&bench, &ask, i == 1 ? "POST" : "GET", 0, false);
        assert_int_equal(upstream_accept(&bench), -1);
        expect_request(&bench, fd,
                       i == 1 ? "POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" : GET_BYTES);
        say(&bench, fd, SLICE(ANSWER));
        assert_true(ask.ended);
        ask_close(&ask);
    }
    close(fd);
    bench_close(&bench);
}

static void the_pool_has_a_limit_and_an_age(void **state)
{
    (void)state;
    struct bench bench;
    struct ask asks[5];
    int fds[5];
    bench_open(&bench);
    for (int i = 0; i < 5; i++) {
        ask_start(&bench, &asks[i], "GET", 0, false);
        fds[i] = upstream_accept(&bench);
    }
    for (int i = 0; i < 5; i++) {
        say(&bench, fds[i], SLICE(ANSWER));
        char head[4096];
        assert_true(read(fds[i], head, sizeof head) > 0);
        ask_close(&asks[i]);
        bench.clock.now_us += 1000000;
        turn_all(bench.loop);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(is_open(fds[i]), i < 3);
    bench.clock.now_us += 51000000; /* 56 s since the first became idle, 54 s since the third */
    turn_all(bench.loop);
    for (int i = 0; i < 3; i++)
        assert_int_equal(is_open(fds[i]), i == 2);
    upstream_pool_forget(bench.pool, &bench.address);
    turn_all(bench.loop);
    assert_false(is_open(fds[2]));
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    bench_close(&bench);
}

static void a_forgotten_connection_in_use_is_not_kept(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    int fd = warm_up(&bench);
    ask_start(&bench, &ask, "GET", 0, false);
    expect_request(&bench, fd, GET_BYTES);
    upstream_pool_forget(bench.pool, &bench.address);
    say(&bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    turn_all(bench.loop);
    assert_false(is_open(fd));
    close(fd);
    bench_close(&bench);
}

static void unasked_bytes_cost_the_connection(void **state)
{
    (void)state;
    for (int idle = 0; idle < 2; idle++) {
        struct bench bench;
        struct ask ask;
        bench_open(&bench);
        int fd = warm_up(&bench);
        if (idle) {
            say(&bench, fd, SLICE("HTTP/1.1 408 Request Timeout\r\n\r\n"));
        } else {
            ask_start(&bench, &ask, "GET", 0, false);
            expect_request(&bench, fd, GET_BYTES);
            say(&bench, fd, SLICE(ANSWER "more"));
            assert_true(ask.ended);
            assert_true(slice_equal(buffer_slice(&ask.body), SLICE("ok")));
            ask_close(&ask);
            turn_all(bench.loop);
        }
        assert_false(is_open(fd));
        close(fd);
        bench_close(&bench);
    }
}

/* The upstream closes at the moment of the request: it is in the same batch of events. */
static void a_dead_connection_is_repeated_once(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        bool repeated;
    } rows[] = {{"GET", true}, {"HEAD", true}, {"DELETE", true}, {"POST", false}, {"PATCH", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench bench;
        struct ask ask;
        bench_open(&bench);
        int fd = warm_up(&bench);
        ask_start(&bench, &ask, rows[i].method, 0, false);
        close(fd); /* the request is on its way and is lost: a reset */
        turn_all(bench.loop);
        fd = upstream_accept(&bench);
        assert_int_equal(fd >= 0, rows[i].repeated);
        assert_int_equal(ask.failed, !rows[i].repeated);
        if (rows[i].repeated) {
            close(fd); /* a new one that dies is not repeated */
            turn_all(bench.loop);
            assert_int_equal(upstream_accept(&bench), -1);
            assert_true(ask.failed);
        }
        assert_int_equal(ask.failure, UPSTREAM_CLOSED);
        ask_close(&ask);
        bench_close(&bench);
    }
}

static void the_repeated_request_is_the_same(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    int fd = warm_up(&bench);
    ask_start(&bench, &ask, "GET", 0, false);
    close(fd);
    turn_all(bench.loop);
    fd = upstream_accept(&bench);
    expect_request(&bench, fd, GET_BYTES);
    say(&bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

/* A POST looks first: a connection that has ended already is not used, although no event has told so yet. */
static void a_post_avoids_a_dead_connection(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    int fd = warm_up(&bench);
    close(fd);
    ask_start(&bench, &ask, "POST", 0, false);
    fd = upstream_accept(&bench);
    assert_true(fd >= 0);
    say(&bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

static void a_partial_answer_is_not_repeated(void **state)
{
    (void)state;
    static const char *const starts[] = {"H", "HTTP/1.1 100 Continue\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct bench bench;
        struct ask ask;
        bench_open(&bench);
        int fd = warm_up(&bench);
        ask_start(&bench, &ask, "GET", 0, false);
        expect_request(&bench, fd, GET_BYTES);
        say(&bench, fd, slice_of_text(starts[i]));
        close(fd);
        assert_int_equal(upstream_accept(&bench), -1);
        assert_true(ask.failed);
        ask_close(&ask);
        bench_close(&bench);
    }
}

/* --- request bodies
 * ------------------------------------------------------------------------------------------ */

static void bodies_leave_with_the_head(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        for (int warm = 0; warm < 2; warm++) {
            struct bench bench;
            struct ask ask;
            bench_open(&bench);
            int fd = warm ? warm_up(&bench) : -1;
            ask_start(&bench, &ask, "PUT", chunked ? -1 : 4, false);
            if (!warm) {
                assert_int_equal(upstream_write(ask.call, "body", 4), 0);
                fd = upstream_accept(&bench);
                assert_int_equal(ask.rooms, 1);
            }
            assert_int_equal(upstream_write(ask.call, "body", 4), 4);
            upstream_write_end(ask.call);
            expect_request(&bench, fd,
                           chunked ? "PUT /p?q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "4\r\nbody\r\n0\r\n\r\n"
                                   : "PUT /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
            say(&bench, fd, SLICE(ANSWER));
            assert_true(ask.ended);
            ask_close(&ask);
            turn_all(bench.loop);
            assert_true(is_open(fd));
            close(fd);
            bench_close(&bench);
        }
    }
}

static void a_head_does_not_wait_for_its_body(void **state)
{
    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        struct bench bench;
        struct ask ask;
        bench_open(&bench);
        int fd = warm ? warm_up(&bench) : -1;
        ask_start(&bench, &ask, "PUT", 4, false);
        if (!warm)
            fd = upstream_accept(&bench);
        expect_request(&bench, fd, "PUT /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
        ask_close(&ask);
        turn_all(bench.loop);
        assert_false(is_open(fd));
        close(fd);
        bench_close(&bench);
    }
}

/* An upstream that answers early and closes without reading the body: its answer is what counts. */
static void an_early_answer_is_heard(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "PUT", 100000000, false);
    int fd = upstream_accept(&bench);
    static char bytes[100000];
    while (upstream_write(ask.call, bytes, sizeof bytes) == sizeof bytes)
        ;
    say(&bench, fd, SLICE("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    assert_true(ask.ended);
    assert_int_equal(ask.statuses[0], 413);
    ask_close(&ask);
    turn_all(bench.loop);
    assert_int_equal(upstream_accept(&bench), -1);
    close(fd);
    bench_close(&bench);
}

static void a_large_body_waits_for_room(void **state)
{
    (void)state;
    enum { SIZE = 20000000 };
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "PUT", -1, false);
    int fd = upstream_accept(&bench);
    char *bytes = memory_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = large_byte(i * 3);
    struct buffer got = BUFFER(RECEIVED_MOST);
    int rooms = -1; /* writes only when told, as owners do */
    for (size_t put = 0; put < SIZE || buffer_size(&got) < SIZE;) {
        if (put < SIZE && rooms != ask.rooms) {
            rooms = ask.rooms;
            ssize_t taken = upstream_write(ask.call, bytes + put, SIZE - put);
            assert_true(taken >= 0);
            put += (size_t)taken;
            if (put == SIZE)
                upstream_write_end(ask.call);
        }
        ssize_t count = read(fd, buffer_reserve(&got, 300000), 300000);
        if (count > 0)
            buffer_added(&got, (size_t)count);
        loop_step(bench.loop, 0);
    }
    assert_true(ask.rooms > 0);
    turn_all(bench.loop);
    for (ssize_t count; (count = read(fd, buffer_reserve(&got, 300000), 300000)) > 0;)
        buffer_added(&got, (size_t)count);
    size_t head = find_text(buffer_slice(&got), "\r\n\r\n") + 4;
    struct buffer memory = BUFFER(RECEIVED_MOST);
    struct buffer answer = BUFFER(RECEIVED_MOST); /* the chunks behind a head that answer_read() knows */
    buffer_append_text(&answer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    buffer_append(&answer, slice_from(buffer_slice(&got), head));
    struct answer read = {0};
    assert_true(answer_read(buffer_slice(&answer), false, &memory, &read));
    assert_true(slice_equal(read.body, slice_of(bytes, SIZE)));
    ask_close(&ask);
    buffer_free(&memory);
    buffer_free(&answer);
    buffer_free(&got);
    free(bytes);
    close(fd);
    bench_close(&bench);
}

static void an_unread_answer_waits(void **state)
{
    (void)state;
    enum { SIZE = 20000000 };
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "GET", 0, false);
    ask.paused = true;
    int fd = upstream_accept(&bench);
    say(&bench, fd, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n"));
    static char bytes[200000];
    size_t sent = 0;
    for (ssize_t count; (count = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL)) > 0; turn_all(bench.loop))
        sent += (size_t)count;
    assert_true(sent < SIZE);
    bench.clock.now_us += 1000000000; /* nobody wants to read: no time-out */
    turn_all(bench.loop);
    assert_false(ask.failed);
    ask.paused = false;
    on_body(&ask);
    while (sent < SIZE) {
        size_t size = SIZE - sent < sizeof bytes ? SIZE - sent : sizeof bytes;
        ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        loop_step(bench.loop, 0);
    }
    turn_all(bench.loop);
    assert_true(ask.ended);
    assert_int_equal(buffer_size(&ask.body), SIZE);
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

/* --- upgrades, time, refusals
 * ----------------------------------------------------------------------------------- */

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void an_upgrade_gives_the_stream_away(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "GET", 0, true);
    int fd = upstream_accept(&bench);
    expect_request(&bench, fd, "GET /p?q HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n");
    say(&bench, fd, SLICE(SWITCHING "early"));
    assert_int_equal(ask.statuses[0], 101);
    struct slice early;
    struct stream *stream = upstream_upgrade(&ask.call, &early);
    assert_null(ask.call);
    assert_true(slice_equal(early, SLICE("early")));
    turn_all(bench.loop);
    assert_int_equal(stream_write(stream, "!", 1), 1);
    expect_request(&bench, fd, "!");
    stream_close(&stream);
    close(fd);
    bench_close(&bench);
}

static void a_refused_upgrade_is_an_ordinary_answer(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "GET", 0, true);
    int fd = upstream_accept(&bench);
    say(&bench, fd, SLICE("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
    assert_int_equal(ask.statuses[0], 403);
    assert_true(ask.ended);
    assert_true(slice_equal(buffer_slice(&ask.body), SLICE("no")));
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

static void silence_has_an_end(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    ask_start(&bench, &ask, "GET", 0, false);
    int fd = upstream_accept(&bench);
    bench.clock.now_us += 19900000;
    turn_all(bench.loop);
    assert_false(ask.failed);
    bench.clock.now_us += 200000;
    turn_all(bench.loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_TIMEOUT);
    ask_close(&ask);
    close(fd);

    ask_start(&bench, &ask, "GET", 0, false);
    fd = upstream_accept(&bench);
    say(&bench, fd, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"));
    for (int i = 0; i < 3; i++) {
        bench.clock.now_us += 29000000;
        turn_all(bench.loop);
        say(&bench, fd, SLICE("b"));
        assert_false(ask.failed);
    }
    bench.clock.now_us += 30100000;
    turn_all(bench.loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_TIMEOUT);
    ask_close(&ask);
    close(fd);
    bench_close(&bench);
}

static void refusals_say_that_nothing_was_sent(void **state)
{
    (void)state;
    struct bench bench;
    struct ask ask;
    bench_open(&bench);
    int other = dup(bench.listener);
    close(bench.listener);
    shutdown(other, SHUT_RDWR);
    close(other);
    ask_start(&bench, &ask, "POST", 4, false);
    assert_int_equal(upstream_write(ask.call, "body", 4), 0);
    assert_false(ask.failed); /* never from inside the call */
    turn_all(bench.loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_CONNECT);
    ask_close(&ask);

    bench.address.local = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    bench.address.size = sizeof bench.address.local;
    ask_start(&bench, &ask, "GET", 0, false);
    turn_all(bench.loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_CONNECT);
    ask_close(&ask);
    upstream_pool_free(&bench.pool);
    loop_free(&bench.loop);
}

static void calls_may_be_closed_at_any_time(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int stage = 0; stage < 5; stage++) {
        struct ask ask;
        ask_start(&bench, &ask, "PUT", -1, false);
        int fd = stage > 0 ? upstream_accept(&bench) : -1;
        if (stage > 1)
            upstream_write(ask.call, "body", 4);
        if (stage > 2)
            say(&bench, fd, SLICE("HTTP/1.1 200 O"));
        if (stage > 3)
            say(&bench, fd, SLICE("K\r\nContent-Length: 5\r\n\r\nhel"));
        ask_close(&ask);
        turn_all(bench.loop);
        if (fd < 0)
            fd = upstream_accept(&bench);
        char bytes[4096];
        while (fd >= 0 && read(fd, bytes, sizeof bytes) > 0)
            ;
        assert_true(fd < 0 || !is_open(fd));
        if (fd >= 0)
            close(fd);
        assert_false(ask.failed);
    }
    bench_close(&bench);
}

static void bad_fields_are_not_sent(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    struct ask ask = {.body = BUFFER(RECEIVED_MOST)};
    const struct exchange_field field = {SLICE("X"), SLICE("a\r\nInjected: b")};
    const struct upstream_request request = {
        .method = SLICE("GET"), .target = SLICE("/"), .fields = &field, .field_count = 1};
    ask.call = upstream_call(bench.pool, &bench.address, &request, &timeouts, &events, &ask);
    assert_int_equal(upstream_accept(&bench), -1);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_PROTOCOL);
    ask_close(&ask);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_every_split),
        cmocka_unit_test(bad_answers_fail),
        cmocka_unit_test(an_endless_head_fails),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(the_pool_has_a_limit_and_an_age),
        cmocka_unit_test(a_forgotten_connection_in_use_is_not_kept),
        cmocka_unit_test(unasked_bytes_cost_the_connection),
        cmocka_unit_test(a_dead_connection_is_repeated_once),
        cmocka_unit_test(the_repeated_request_is_the_same),
        cmocka_unit_test(a_post_avoids_a_dead_connection),
        cmocka_unit_test(a_partial_answer_is_not_repeated),
        cmocka_unit_test(bodies_leave_with_the_head),
        cmocka_unit_test(a_head_does_not_wait_for_its_body),
        cmocka_unit_test(an_early_answer_is_heard),
        cmocka_unit_test(a_large_body_waits_for_room),
        cmocka_unit_test(an_unread_answer_waits),
        cmocka_unit_test(an_upgrade_gives_the_stream_away),
        cmocka_unit_test(a_refused_upgrade_is_an_ordinary_answer),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(refusals_say_that_nothing_was_sent),
        cmocka_unit_test(calls_may_be_closed_at_any_time),
        cmocka_unit_test(bad_fields_are_not_sent),
    };
    return run_group(tests);
}
