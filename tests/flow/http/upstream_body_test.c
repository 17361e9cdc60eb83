/* Bodies to and from upstreams, upgrades, time-outs under a clock that the test moves, refusals. */
#include "upstream_world.h"

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
    struct bench *bench = *state;
    struct ask ask;
    ask_start(bench, &ask, "PUT", 100000000, false);
    int fd = upstream_accept(bench);
    static char bytes[100000];
    while (upstream_write(ask.call, bytes, sizeof bytes) == sizeof bytes)
        ;
    say(bench, fd, SLICE("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    assert_true(ask.ended);
    assert_int_equal(ask.statuses[0], 413);
    ask_close(&ask);
    turn_all(bench->loop);
    assert_int_equal(upstream_accept(bench), -1);
    close(fd);
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
    turn_until(bench.loop, &ask.ended);
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
    struct bench *bench = *state;
    struct ask ask;
    ask_start(bench, &ask, "GET", 0, true);
    int fd = upstream_accept(bench);
    expect_request(bench, fd, "GET /p?q HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n");
    say(bench, fd, SLICE(SWITCHING "early"));
    assert_int_equal(ask.statuses[0], 101);
    struct slice early;
    struct stream *stream = upstream_upgrade(&ask.call, &early);
    assert_null(ask.call);
    assert_true(slice_equal(early, SLICE("early")));
    turn_all(bench->loop);
    assert_int_equal(stream_write(stream, "!", 1), 1);
    expect_request(bench, fd, "!");
    stream_close(&stream);
    close(fd);
}

static void a_refused_upgrade_is_an_ordinary_answer(void **state)
{
    struct bench *bench = *state;
    struct ask ask;
    ask_start(bench, &ask, "GET", 0, true);
    int fd = upstream_accept(bench);
    say(bench, fd, SLICE("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
    assert_int_equal(ask.statuses[0], 403);
    assert_true(ask.ended);
    assert_true(slice_equal(buffer_slice(&ask.body), SLICE("no")));
    ask_close(&ask);
    close(fd);
}

static void silence_has_an_end(void **state)
{
    struct bench *bench = *state;
    struct ask ask;
    ask_start(bench, &ask, "GET", 0, false);
    int fd = upstream_accept(bench);
    bench->clock.now_us += 19900000;
    turn_all(bench->loop);
    assert_false(ask.failed);
    bench->clock.now_us += 200000;
    turn_all(bench->loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_TIMEOUT);
    ask_close(&ask);
    close(fd);

    ask_start(bench, &ask, "GET", 0, false);
    fd = upstream_accept(bench);
    say(bench, fd, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"));
    for (int i = 0; i < 3; i++) {
        bench->clock.now_us += 29000000;
        turn_all(bench->loop);
        say(bench, fd, SLICE("b"));
        assert_false(ask.failed);
    }
    bench->clock.now_us += 30100000;
    turn_all(bench->loop);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_TIMEOUT);
    ask_close(&ask);
    close(fd);
}

/* Neither the bytes of a head that drips nor interim heads buy more time. */
static void a_dripping_head_has_an_end(void **state)
{
    static const struct {
        const char *first, *drop;
    } rows[] = {{"HTTP/1.1 200 OK\r\n", "X: y\r\n"}, {"", "HTTP/1.1 103 Early Hints\r\n\r\n"}};
    struct bench *bench = *state;
    struct ask ask;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        ask_start(bench, &ask, "POST", 4, false);
        int fd = upstream_accept(bench);
        bench->clock.now_us += 25000000; /* counts from the end of the request */
        turn_all(bench->loop);
        assert_int_equal(upstream_write(ask.call, "body", 4), 4);
        upstream_write_end(ask.call);
        say(bench, fd, slice_of_text(rows[row].first));
        for (int i = 0; i < 3; i++) {
            bench->clock.now_us += 6000000;
            turn_all(bench->loop);
            say(bench, fd, slice_of_text(rows[row].drop));
            assert_false(ask.failed);
        }
        bench->clock.now_us += 2100000;
        turn_all(bench->loop);
        assert_true(ask.failed);
        assert_int_equal(ask.failure, UPSTREAM_TIMEOUT);
        ask_close(&ask);
        close(fd);
    }
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
    struct bench *bench = *state;
    for (int stage = 0; stage < 5; stage++) {
        struct ask ask;
        ask_start(bench, &ask, "PUT", -1, false);
        int fd = stage > 0 ? upstream_accept(bench) : -1;
        if (stage > 1)
            upstream_write(ask.call, "body", 4);
        if (stage > 2)
            say(bench, fd, SLICE("HTTP/1.1 200 O"));
        if (stage > 3)
            say(bench, fd, SLICE("K\r\nContent-Length: 5\r\n\r\nhel"));
        ask_close(&ask);
        turn_all(bench->loop);
        if (fd < 0)
            fd = upstream_accept(bench);
        char bytes[4096];
        while (fd >= 0 && read(fd, bytes, sizeof bytes) > 0)
            ;
        assert_true(fd < 0 || !is_open(fd));
        if (fd >= 0)
            close(fd);
        assert_false(ask.failed);
    }
}

static void bad_fields_are_not_sent(void **state)
{
    struct bench *bench = *state;
    struct ask ask = {.body = BUFFER(RECEIVED_MOST)};
    const struct exchange_field field = {SLICE("X"), SLICE("a\r\nInjected: b")};
    const struct upstream_request request = {
        .method = SLICE("GET"), .target = SLICE("/"), .fields = &field, .field_count = 1};
    ask.call = upstream_call(bench->pool, &bench->address, &request, &events, &ask);
    assert_int_equal(upstream_accept(bench), -1);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_PROTOCOL);
    ask_close(&ask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_leave_with_the_head),
        cmocka_unit_test(a_head_does_not_wait_for_its_body),
        BENCH(an_early_answer_is_heard),
        cmocka_unit_test(a_large_body_waits_for_room),
        cmocka_unit_test(an_unread_answer_waits),
        BENCH(an_upgrade_gives_the_stream_away),
        BENCH(a_refused_upgrade_is_an_ordinary_answer),
        BENCH(silence_has_an_end),
        BENCH(a_dripping_head_has_an_end),
        cmocka_unit_test(refusals_say_that_nothing_was_sent),
        BENCH(calls_may_be_closed_at_any_time),
        BENCH(bad_fields_are_not_sent),
    };
    return run_group(tests);
}
