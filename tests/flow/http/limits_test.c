/* What the server refuses: the raw requests of the table byte for byte, sizes, and time-outs under a clock
 * that the test moves. Each gets its status, "Connection: close" and a connection that is really closed. */
#include "world.h"

#define LINE      "GET / HTTP/1.1\r\n"
#define HOST      "Host: a\r\n"
#define POST      "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define RAW(text) .data = text, .size = sizeof(text) - 1

static const struct raw_row {
    const char *data;
    size_t size;
    int status, or_status; /* 0 in or_status: only the one */
} raw_rows[] = {
    {RAW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400},
    {RAW(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), 400},
    {RAW(POST "Content-Length: +1\r\n\r\na"), 400},
    {RAW(POST "Content-Length: 1,1\r\n\r\na"), 400},
    {RAW(POST "Content-Length: 0x1\r\n\r\na"), 400},
    {RAW(POST "Content-Length: -1\r\n\r\na"), 400},
    {RAW(POST "Content-Length: 18446744073709551616\r\n\r\na"), 400},
    {RAW(POST "Content-Length: 18446744073709551615\r\n\r\na"), 400},
    {RAW(POST "Content-Length:\r\n\r\na"), 400},
    {RAW(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400, 501},
    {RAW(POST "Transfer-Encoding: gzip\r\n\r\n"), 501, 400},
    {RAW(POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"), 400},
    {RAW(POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n"), 400},
    {RAW(POST "Transfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
    {RAW(POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"), 400},
    {RAW(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"), 400},
    {RAW(LINE "Host: a\nX: b\r\n\r\n"), 400},
    {RAW("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400},
    {RAW(LINE "Host: a\rX: b\r\n\r\n"), 400},
    {RAW(LINE HOST "\n"), 400},
    {RAW(LINE HOST "X: a\0b\r\n\r\n"), 400},
    {RAW(LINE "Host : a\r\n\r\n"), 400},
    {RAW(LINE HOST "X: a\r\n b\r\n\r\n"), 400},
    {RAW(LINE HOST "X: a\r\n\tb\r\n\r\n"), 400},
    {RAW(LINE "\r\n"), 400},
    {RAW(LINE HOST HOST "\r\n"), 400},
    {RAW(LINE "Host: a\r\nHost: b\r\n\r\n"), 400},
    {RAW(LINE "Host: a b\r\n\r\n"), 400},
    {RAW("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505},
    {RAW("GET / HTTP/2.1\r\nHost: a\r\n\r\n"), 505},
    {RAW("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), 505},
    {RAW("GET / HTTP/9.9\r\nHost: a\r\n\r\n"), 505},
    {RAW("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505},
    {RAW("GET / HTTP/1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET / http/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET /\r\n\r\n"), 400},
    {RAW("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("G\xc3\xa9T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {RAW("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), 501},
    {RAW("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: "
         "3\r\n\r\nabc"),
     400},
    {RAW("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\n"),
     400},
    {RAW(POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"), 417},
};

/* The answer is complete, says close, is a problem; then the connection is closed by the server. */
static void expect_refusal(struct world *world, struct client *client, int status, int or_status)
{
    struct answer answer = {0};
    client_settle(world, client);
    assert_true(answer_read(buffer_slice(&client->received), false, NULL, &answer));
    if (answer.status != or_status)
        assert_int_equal(answer.status, status);
    assert_true(head_has(answer.head, "Connection: close\r\n"));
    assert_true(head_has(answer.head, "Content-Type: application/problem+json\r\n"));
    assert_true(head_has(answer.body, "\"type\":\"urn:reeve:problem:"));
    assert_int_equal(answer.size, buffer_size(&client->received));
    assert_true(client->ended);
    world_advance(world, 1001); /* the client does not close: lingering has an end too */
    assert_int_equal(http_server_connections(world->server), 0);
}

static void raw_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof raw_rows / sizeof raw_rows[0]; i++) {
        const struct raw_row *row = &raw_rows[i];
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct world world;
            struct client client;
            world_open(&world);
            client_open(&world, &client);
            struct slice bytes = slice_of(row->data, row->size);
            for (size_t at = 0; bytewise && at < bytes.size; at++)
                client_write(&world, &client, slice_between(bytes, at, at + 1));
            if (!bytewise)
                client_write(&world, &client, bytes);
            expect_refusal(&world, &client, row->status, row->or_status);
            assert_int_equal(world.records, 1);
            assert_true(world.record.status == row->status || world.record.status == row->or_status);
            client_close(&client);
            world_close(&world);
        }
    }
}

/* Also where the route does not read bodies, if the bytes are there with the head. */
static void a_bad_chunk_with_the_head_is_refused_by_any_route(void **state)
{
    MEET(world, client, state);
    client_write(
        world, client,
        SLICE("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0x5\r\nhello\r\n"));
    expect_refusal(world, client, 400, 0);
    assert_int_equal(world->requests, 0);
}

/* The client reads only after it has sent everything; the answer must still be there, and no reset before it.
 */
static void a_refusal_reaches_a_client_that_still_sends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open_tcp(&world, &client);
        world.body_limit = 1000;
        struct slice request =
            i ? SLICE(POST "Content-Length: 200000\r\n\r\n") : SLICE("GET / HTTP/9.9\r\n\r\n");
        assert_int_equal(write(client.fd, request.data, request.size), request.size);
        static const char more[100000]; /* on both sides of the moment when the answer is sent */
        for (int half = 0; half < 2; half++, turn_all(world.loop))
            assert_int_equal(send(client.fd, more, sizeof more, MSG_NOSIGNAL), sizeof more);
        expect_refusal(&world, &client, i ? 413 : 505, 0);
        assert_int_equal(client.error, 0);
        client_close(&client);
        world_close(&world);
    }
}

static void http_1_2_is_served_as_1_1(void **state)
{
    MEET(world, client, state);
    struct slice got = client_ask(world, client, SLICE("GET / HTTP/1.2\r\nHost: a\r\n\r\n"));
    assert_true(slice_starts_with(got, SLICE("HTTP/1.1 200 OK\r\n")));
    assert_false(client->ended);
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        size_t size;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n", 33000, 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: ", "", 33000, 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n", 400000, 431},
        {"GET /", " HTTP/1.1\r\nHost: a\r\n\r\n", 8300, 414},
        {"GET /", "", 400000, 414},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct buffer request = BUFFER(RECEIVED_MOST);
        buffer_append_text(&request, rows[i].before);
        memset(buffer_reserve(&request, rows[i].size), 'x', rows[i].size);
        buffer_added(&request, rows[i].size);
        buffer_append_text(&request, rows[i].after);
        client_write(&world, &client, buffer_slice(&request));
        expect_refusal(&world, &client, rows[i].status, 0);
        buffer_free(&request);
        client_close(&client);
        world_close(&world);
    }
}

static void a_head_just_below_the_limit_is_served(void **state)
{
    MEET(world, client, state);
    struct buffer request = BUFFER(RECEIVED_MOST);
    buffer_append_text(&request, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    size_t size = 32 * 1024 - buffer_size(&request) - 4;
    memset(buffer_reserve(&request, size), 'x', size);
    buffer_added(&request, size);
    buffer_append_text(&request, "\r\n\r\n");
    for (int i = 0; i < 2; i++) /* the second time the large buffer has been given back */
        assert_true(
            slice_starts_with(client_ask(world, client, buffer_slice(&request)), SLICE("HTTP/1.1 200 ")));
    buffer_free(&request);
}

static void too_many_fields_are_refused(void **state)
{
    MEET(world, client, state);
    struct buffer request = BUFFER(RECEIVED_MOST);
    buffer_append_text(&request, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 200; i++)
        buffer_append_text(&request, "X: y\r\n");
    buffer_append_text(&request, "\r\n");
    client_write(world, client, buffer_slice(&request));
    expect_refusal(world, client, 431, 0);
    buffer_free(&request);
}

static void a_body_over_the_limit_is_refused(void **state)
{
    (void)state;
    static const char *const requests[] = {
        POST "Content-Length: 11\r\n\r\nhello world",
        POST "Content-Length: 11\r\n\r\n",
        POST "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\nb\r\nhello wor",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        world.body_limit = 8;
        client_write(&world, &client, slice_of_text(requests[i]));
        expect_refusal(&world, &client, 413, 0);
        client_close(&client);
        world_close(&world);
    }
}

/* --- time -------------------------------------------------------------------------------------------------
 */

static void a_slow_head_gets_408(void **state)
{
    MEET(world, client, state);
    world_advance(world, 60000); /* an idle connection, not a slow head */
    client_ask(world, client, SLICE("G"));
    world_advance(world, 6000);
    client_ask(world, client, SLICE("ET / HTTP/1.1\r\n"));
    world_advance(world, 3900);
    client_settle(world, client);
    assert_int_equal(buffer_size(&client->received), 0);
    world_advance(world, 200);
    expect_refusal(world, client, 408, 0);
    assert_int_equal(world->records, 1);
}

static void an_idle_connection_is_closed(void **state)
{
    MEET(world, client, state);
    for (int i = 0; i < 3; i++) {
        world_advance(world, 74000);
        assert_true(
            slice_starts_with(client_ask(world, client, SLICE(LINE HOST "\r\n")), SLICE("HTTP/1.1 200 ")));
    }
    world_advance(world, 74900);
    client_settle(world, client);
    assert_false(client->ended);
    world_advance(world, 200);
    client_settle(world, client);
    assert_true(client->ended);
    assert_int_equal(world->records, 3);
}

static void a_stalled_upload_gets_408(void **state)
{
    MEET(world, client, state);
    client_ask(world, client, SLICE(POST "Content-Length: 5\r\n\r\n"));
    for (int i = 0; i < 4; i++) {
        world_advance(world, 55000);
        client_ask(world, client, SLICE("x"));
    }
    assert_int_equal(world->gone, 0);
    world_advance(world, 60001);
    assert_int_equal(world->gone, 1);
    expect_refusal(world, client, 408, 0);
}

static void a_stalled_reader_is_cut(void **state)
{
    (void)state;
    static const char *const requests[] = {"GET /large?3000000 HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /stream?3000000 HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct slice request = slice_of_text(requests[i]);
        assert_int_equal(write(client.fd, request.data, request.size), request.size);
        turn_all(world.loop);
        char some[100000];
        for (int turn = 0; turn < 3; turn++) {
            world_advance(&world, 55000);
            assert_true(read(client.fd, some, sizeof some) > 0);
            turn_all(world.loop);
        }
        assert_int_equal(world.gone, 0);
        for (int turn = 0; turn < 2; turn++) /* the last look may have been before the last read */
            world_advance(&world, 60001);
        assert_int_equal(world.gone, 1);
        assert_int_equal(http_server_connections(world.server), 0);
        client_close(&client);
        world_close(&world);
    }
}

static void whoever_answers_may_take_long(void **state)
{
    MEET(world, client, state);
    client_ask(world, client, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 10; i++)
        world_advance(world, 100000);
    assert_int_equal(world->gone, 0);
    exchange_reply(world->held, 200, NULL, 0, SLICE("late"));
    client_settle(world, client);
    assert_true(slice_starts_with(buffer_slice(&client->received), SLICE("HTTP/1.1 200 ")));
    world_advance(world, 74000); /* the idle time starts with the answer */
    client_settle(world, client);
    assert_false(client->ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_requests_are_refused),
        MEETING(a_bad_chunk_with_the_head_is_refused_by_any_route),
        cmocka_unit_test(a_refusal_reaches_a_client_that_still_sends),
        MEETING(http_1_2_is_served_as_1_1),
        cmocka_unit_test(what_is_too_long_is_refused),
        MEETING(a_head_just_below_the_limit_is_served),
        MEETING(too_many_fields_are_refused),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        MEETING(a_slow_head_gets_408),
        MEETING(an_idle_connection_is_closed),
        MEETING(a_stalled_upload_gets_408),
        cmocka_unit_test(a_stalled_reader_is_cut),
        MEETING(whoever_answers_may_take_long),
    };
    return run_group(tests);
}
