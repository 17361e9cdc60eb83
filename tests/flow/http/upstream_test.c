/* Answers of upstreams in every split, the pool and the repetition of requests, deaths at each stage. */
#include "upstream_world.h"

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
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200, false, false},
    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", 200, false, false},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, false, true},
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
    struct bench *bench = *state;
    for (size_t row = 0; row < sizeof answer_rows / sizeof answer_rows[0]; row++) {
        const struct answer_row *expected = &answer_rows[row];
        struct slice answer = slice_of_text(expected->answer);
        for (size_t cut = 0; cut <= answer.size; cut++) {
            struct ask ask;
            ask_start(bench, &ask, expected->method, 0, false);
            int fd = upstream_accept(bench);
            char head[4096];
            assert_true(read(fd, head, sizeof head) > 0);
            say(bench, fd, slice_between(answer, 0, cut));
            say(bench, fd, slice_from(answer, cut));
            if (expected->until_close) {
                assert_false(ask.ended);
                close(fd);
                turn_all(bench->loop);
            }
            assert_true(ask.ended);
            assert_int_equal(ask.statuses[ask.heads - 1], expected->status);
            assert_true(slice_equal(buffer_slice(&ask.body), slice_of_text(expected->body)));
            ask_close(&ask);
            turn_all(bench->loop);
            if (!expected->until_close) {
                assert_int_equal(is_open(fd), expected->kept);
                close(fd);
                turn_all(bench->loop); /* an idle connection that ends leaves the pool */
            }
        }
    }
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
    struct bench *bench = *state;
    struct ask ask;
    ask_start(bench, &ask, "GET", 0, false);
    int fd = upstream_accept(bench);
    char line[1000] = "X: ";
    memset(line + 3, 'x', sizeof line - 5);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    say(bench, fd, SLICE("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 100 && !ask.failed; i++)
        say(bench, fd, slice_of(line, sizeof line));
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_PROTOCOL);
    ask_close(&ask);
    close(fd);
}

/* --- the pool ---------------------------------------------------------------------------------------------
 */

static void connections_are_used_again(void **state)
{
    struct bench *bench = *state;
    int fd = warm_up(bench);
    for (int i = 0; i < 3; i++) {
        struct ask ask;
        ask_start(bench, &ask, i == 1 ? "POST" : "GET", 0, false);
        assert_int_equal(upstream_accept(bench), -1);
        expect_request(bench, fd,
                       i == 1 ? "POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" : GET_BYTES);
        say(bench, fd, SLICE(ANSWER));
        assert_true(ask.ended);
        ask_close(&ask);
    }
    close(fd);
}

static void a_body_behind_an_answer_to_head_is_nobodys_answer(void **state)
{
    struct bench *bench = *state;
    struct ask head, get;
    ask_start(bench, &head, "HEAD", 0, false);
    int first = upstream_accept(bench);
    say(bench, first, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n"));
    assert_true(head.ended);
    ask_close(&head);
    ask_start(bench, &get, "GET", 0, false);
    say(bench, first, SLICE("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"));
    int second = upstream_accept(bench);
    assert_true(second >= 0);
    say(bench, second, SLICE(ANSWER));
    assert_int_equal(get.statuses[0], 200);
    ask_close(&get);
    close(first), close(second);
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
    struct bench *bench = *state;
    struct ask ask;
    int fd = warm_up(bench);
    ask_start(bench, &ask, "GET", 0, false);
    expect_request(bench, fd, GET_BYTES);
    upstream_pool_forget(bench->pool, &bench->address);
    say(bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    turn_all(bench->loop);
    assert_false(is_open(fd));
    close(fd);
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
    struct bench *bench = *state;
    struct ask ask;
    int fd = warm_up(bench);
    ask_start(bench, &ask, "GET", 0, false);
    close(fd);
    turn_all(bench->loop);
    fd = upstream_accept(bench);
    expect_request(bench, fd, GET_BYTES);
    say(bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    close(fd);
}

/* A POST looks first: a connection that has ended already is not used, although no event has told so yet. */
static void a_post_avoids_a_dead_connection(void **state)
{
    struct bench *bench = *state;
    struct ask ask;
    int fd = warm_up(bench);
    close(fd);
    ask_start(bench, &ask, "POST", 0, false);
    fd = upstream_accept(bench);
    assert_true(fd >= 0);
    say(bench, fd, SLICE(ANSWER));
    assert_true(ask.ended);
    ask_close(&ask);
    close(fd);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(answers_come_in_every_split),
        cmocka_unit_test(bad_answers_fail),
        BENCH(an_endless_head_fails),
        BENCH(connections_are_used_again),
        BENCH(a_body_behind_an_answer_to_head_is_nobodys_answer),
        cmocka_unit_test(the_pool_has_a_limit_and_an_age),
        BENCH(a_forgotten_connection_in_use_is_not_kept),
        cmocka_unit_test(unasked_bytes_cost_the_connection),
        cmocka_unit_test(a_dead_connection_is_repeated_once),
        BENCH(the_repeated_request_is_the_same),
        BENCH(a_post_avoids_a_dead_connection),
        cmocka_unit_test(a_partial_answer_is_not_repeated),
    };
    return run_group(tests);
}
