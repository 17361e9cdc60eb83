/* Requests and answers on the server's side: framing both ways, pipelining, back-pressure, clients that
 * leave. */
#include "world.h"

static void expect_answer(struct slice bytes, int status, const char *body)
{
    struct answer answer = {0};
    struct buffer memory = BUFFER(RECEIVED_MOST);
    assert_true(answer_read(bytes, false, &memory, &answer));
    assert_int_equal(answer.status, status);
    assert_true(slice_equal(answer.body, slice_of_text(body)));
    assert_int_equal(answer.size, bytes.size);
    buffer_free(&memory);
}

static void answers_a_get(void **state)
{
    (void)state;
    struct world world;
    struct client client;
    world_open(&world);
    client_open(&world, &client);
    struct slice got = client_ask(&world, &client, SLICE("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(slice_equal(got, SLICE("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:16:40 GMT\r\n"
                                       "Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello")));
    expect_answer(client_ask(&world, &client, SLICE("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")), 200, "hello");
    assert_false(client.ended);
    assert_int_equal(world.records, 2);
    assert_int_equal(world.record.status, 200);
    assert_int_equal(world.record.bytes_out, 5);
    client_close(&client);
    turn_all(world.loop);
    assert_int_equal(http_server_connections(world.server), 0);
    world_close(&world);
}

/* Each request of the table is cut in two at every place, and fed byte by byte. */
static const struct {
    const char *request;
    const char *body;
} split_rows[] = {
    {"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\n\r\n", "hello"},
    {"\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "hello"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world", "hello world"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;x=y\r\nhello\r\n006\r\n world\r\n0\r\nTrailer: z\r\n\r\n",
     "hello world"},
    {"POST /pipe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
     "ab"},
    {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nnobo", "hello"}, /* the body is not read */
};

static void takes_every_split(void **state)
{
    MEET(world, client, state);
    int asked = 0;
    for (size_t row = 0; row < sizeof split_rows / sizeof split_rows[0]; row++) {
        struct slice whole = slice_of_text(split_rows[row].request);
        for (size_t cut = 0; cut <= whole.size; cut++, asked++) {
            buffer_clear(&client->received);
            client_write(world, client, slice_between(whole, 0, cut));
            turn_all(world->loop);
            client_write(world, client, slice_from(whole, cut));
            client_settle(world, client);
            expect_answer(buffer_slice(&client->received), 200, split_rows[row].body);
        }
        buffer_clear(&client->received);
        for (size_t i = 0; i < whole.size; i++) {
            client_write(world, client, slice_between(whole, i, i + 1));
            client_settle(world, client);
        }
        asked++;
        expect_answer(buffer_slice(&client->received), 200, split_rows[row].body);
    }
    assert_int_equal(world->requests, asked);
    assert_int_equal(world->records, asked);
}

static void answers_a_pipeline_in_order(void **state)
{
    (void)state;
    struct buffer requests = BUFFER(1 << 20);
    enum { COUNT = 100 };
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            buffer_append_format(&requests, "GET /target?%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        else if (i % 3 == 1)
            buffer_append_format(&requests, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d",
                                 i);
        else
            buffer_append_format(
                &requests,
                "POST /pipe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n%03d\r\n0\r\n\r\n",
                i);
    }
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct slice all = buffer_slice(&requests);
        for (size_t i = 0; bytewise && i < all.size; i++)
            client_write(&world, &client, slice_between(all, i, i + 1));
        if (!bytewise)
            client_write(&world, &client, all);
        client_settle(&world, &client);
        struct slice rest = buffer_slice(&client.received);
        for (int i = 0; i < COUNT; i++) {
            struct answer answer = {0};
            struct buffer memory = BUFFER(1024);
            char expected[32];
            snprintf(expected, sizeof expected, i % 3 ? "%03d" : "/target?%d", i);
            assert_true(answer_read(rest, false, &memory, &answer));
            assert_true(slice_equal(answer.body, slice_of_text(expected)));
            rest = slice_from(rest, answer.size);
            buffer_free(&memory);
        }
        assert_int_equal(rest.size, 0);
        assert_int_equal(world.records, COUNT);
        client_close(&client);
        world_close(&world);
    }
    buffer_free(&requests);
}

static void a_pipeline_waits_for_a_slow_answer(void **state)
{
    MEET(world, client, state);
    struct slice got = client_ask(
        world, client, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(got.size, 0);
    assert_int_equal(world->requests, 1);
    exchange_reply(world->held, 200, NULL, 0, SLICE("late"));
    assert_int_equal(world->requests, 1); /* never from inside the call */
    client_settle(world, client);
    assert_int_equal(world->requests, 2);
    got = buffer_slice(&client->received);
    struct answer first = {0};
    assert_true(answer_read(got, false, NULL, &first));
    assert_true(slice_equal(first.body, SLICE("late")));
    expect_answer(slice_from(got, first.size), 200, "hello");
}

static void a_head_request_gets_no_body(void **state)
{
    MEET(world, client, state);
    struct slice got =
        client_ask(world, client,
                   SLICE("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"
                         "HEAD /large?100000 HTTP/1.1\r\nHost: a\r\n\r\n"
                         "HEAD /stream?100000 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    struct answer answer = {0};
    assert_true(answer_read(got, true, NULL, &answer));
    assert_true(head_has(answer.head, "Content-Length: 5\r\n"));
    got = slice_from(got, answer.size);
    assert_true(answer_read(got, true, NULL, &answer));
    assert_true(head_has(answer.head, "Content-Length: 100000\r\n"));
    got = slice_from(got, answer.size);
    assert_true(answer_read(got, true, NULL, &answer));
    assert_false(head_has(answer.head, "Content-Length"));
    expect_answer(slice_from(got, answer.size), 200, "hello");
}

static void http_1_0_is_closed_and_never_chunked(void **state)
{
    (void)state;
    static const char *const requests[] = {"GET /x HTTP/1.0\r\n\r\n",
                                           "GET /stream?5 HTTP/1.0\r\nHost: a\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct slice got = client_ask(&world, &client, slice_of_text(requests[i]));
        struct answer answer = {0};
        assert_true(answer_read(got, false, NULL, &answer));
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.body.size, 5);
        assert_true(head_has(answer.head, "Connection: close\r\n"));
        assert_false(head_has(answer.head, "chunked"));
        assert_true(client.ended);
        client_close(&client);
        world_close(&world);
    }
}

static void connection_close_is_kept(void **state)
{
    MEET(world, client, state);
    struct slice got =
        client_ask(world, client, SLICE("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(head_has(got, "Connection: close\r\n"));
    assert_true(client->ended);
}

static void expect_continue_is_answered_when_the_body_is_read(void **state)
{
    MEET(world, client, state);
    struct slice got = client_ask(world, client,
                                  SLICE("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                        "Content-Length: 2\r\n\r\n"));
    assert_true(slice_equal(got, SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
    expect_answer(client_ask(world, client, SLICE("ok")), 200, "ok");
    /* Not read: a final answer instead, and the connection ends, because nobody knows whether a body comes.
     */
    got =
        client_ask(world, client,
                   SLICE("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_true(head_has(got, "Connection: close\r\n"));
    expect_answer(got, 200, "hello");
    assert_true(client->ended);
}

/* --- large bodies and back-pressure -----------------------------------------------------------------------
 */

static void a_large_answer_waits_for_the_reader(void **state)
{
    (void)state;
    enum { SIZE = 3000000 };
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
        assert_int_equal(world.records, 0);
        for (int turn = 0; turn < 5; turn++) { /* a slow reader is not cut */
            world_advance(&world, 50000);
            assert_int_equal(read(client.fd, buffer_reserve(&client.received, 50000), 50000), 50000);
            buffer_added(&client.received, 50000);
        }
        client_settle(&world, &client);
        struct buffer memory = BUFFER(RECEIVED_MOST);
        struct answer answer = {0};
        assert_true(answer_read(buffer_slice(&client.received), false, &memory, &answer));
        assert_int_equal(answer.body.size, SIZE);
        for (size_t at = 0; at < SIZE; at++)
            assert_true(answer.body.data[at] == large_byte(SIZE - at));
        assert_int_equal(world.record.bytes_out, SIZE);
        buffer_free(&memory);
        client_close(&client);
        world_close(&world);
    }
}

static void a_large_upload_comes_back(void **state)
{
    (void)state;
    enum { SIZE = 2000000 };
    char *body = memory_new(SIZE);
    for (int i = 0; i < SIZE; i++)
        body[i] = large_byte((size_t)i * 7);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct buffer request = BUFFER(RECEIVED_MOST);
        buffer_append_text(&request, "POST /pipe HTTP/1.1\r\nHost: a\r\n");
        if (chunked) {
            buffer_append_text(&request, "Transfer-Encoding: chunked\r\n\r\n");
            for (size_t at = 0, size = 1; at < SIZE; at += size, size = 1 + at % 70001) {
                size = size < SIZE - at ? size : SIZE - at;
                buffer_append_format(&request, "%zx\r\n", size);
                buffer_append(&request, slice_of(body + at, size));
                buffer_append_text(&request, "\r\n");
            }
            buffer_append_text(&request, "0\r\n\r\n");
        } else {
            buffer_append_format(&request, "Content-Length: %d\r\n\r\n", SIZE);
            buffer_append(&request, slice_of(body, SIZE));
        }
        buffer_append_text(&request, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        struct slice got = client_ask(&world, &client, buffer_slice(&request));
        struct buffer memory = BUFFER(RECEIVED_MOST);
        struct answer answer = {0};
        assert_true(answer_read(got, false, &memory, &answer));
        assert_true(slice_equal(answer.body, slice_of(body, SIZE)));
        expect_answer(slice_from(got, answer.size), 200, "hello");
        buffer_free(&memory);
        buffer_free(&request);
        client_close(&client);
        world_close(&world);
    }
    free(body);
}

static void an_unread_body_is_dropped_or_costs_the_connection(void **state)
{
    (void)state;
    static const int sizes[] = {60000, 200000};
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct buffer request = BUFFER(RECEIVED_MOST);
        buffer_append_format(&request, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", sizes[i]);
        memset(buffer_reserve(&request, (size_t)sizes[i]), 'x', (size_t)sizes[i]);
        buffer_added(&request, (size_t)sizes[i]);
        expect_answer(client_ask(&world, &client, buffer_slice(&request)), 200, "hello");
        if (i == 0)
            expect_answer(client_ask(&world, &client, SLICE("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")), 200,
                          "hello");
        assert_int_equal(client.ended, i == 1);
        buffer_free(&request);
        client_close(&client);
        world_close(&world);
    }
}

/* --- ends -------------------------------------------------------------------------------------------------
 */

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "GET /large?3000000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /stream?3000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct slice request = slice_of_text(requests[i]);
        assert_int_equal(write(client.fd, request.data, request.size), request.size);
        turn_all(world.loop);
        assert_int_equal(world.gone, 0);
        client_close(&client);
        turn_all(world.loop);
        assert_int_equal(world.gone, 1);
        assert_int_equal(world.records, 1);
        assert_int_equal(world.record.status, i < 3 ? 0 : 200);
        assert_int_equal(http_server_connections(world.server), 0);
        world_close(&world);
    }
}

/* nc -N ends its side right behind its request and waits for the answer. */
static void a_client_that_only_says_no_more_is_answered(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        bool answered, late; /* `late`: the end comes while the answer is awaited */
    } rows[] = {
        {"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", true, false},
        {"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", true, true},
        {"POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n", true, false},
        {"GET /hold HTTP/1.0\r\nHost: a\r\n\r\n", false, false}, /* which knows no 100 */
        {"GET /hold HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        struct slice request = slice_of_text(rows[i].request);
        assert_int_equal(write(client.fd, request.data, request.size), request.size);
        if (rows[i].late)
            turn_all(world.loop);
        shutdown(client.fd, SHUT_WR);
        turn_all(world.loop);
        assert_int_equal(world.gone, !rows[i].answered);
        if (rows[i].answered) {
            exchange_reply(world.held, 200, NULL, 0, SLICE("at last"));
            client_settle(&world, &client);
            struct slice heard = buffer_slice(&client.received);
            assert_true(client.ended);
            assert_non_null(memmem(heard.data, heard.size, "HTTP/1.1 200 OK\r\n", 17));
            assert_true(slice_ends_with(heard, SLICE("\r\n\r\nat last")));
            const char *first = memmem(heard.data, heard.size, "HTTP/1.1 100 ", 13);
            assert_true(first && !memmem(first + 1, heard.size - (size_t)(first + 1 - heard.data),
                                         "HTTP/1.1 100 ", 13));
        }
        client_close(&client);
        turn_all(world.loop);
        assert_int_equal(http_server_connections(world.server), 0);
        world_close(&world);
    }
}

static void a_failed_answer_never_ends_well(void **state)
{
    (void)state;
    static const int64_t lengths[] = {10, EXCHANGE_LENGTH_UNKNOWN};
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct client client;
        world_open(&world);
        client_open(&world, &client);
        client_ask(&world, &client, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_true(exchange_head(world.held, 200, NULL, 0, lengths[i]));
        assert_int_equal(exchange_write(world.held, "part", 4), 4);
        exchange_fail(world.held);
        client_settle(&world, &client);
        struct answer answer = {0};
        assert_true(client.ended);
        assert_true(buffer_size(&client.received) > 0);
        assert_false(answer_read(buffer_slice(&client.received), false, NULL, &answer));
        assert_int_equal(world.gone, 0);
        assert_int_equal(world.records, 1);
        client_close(&client);
        world_close(&world);
    }
}

/* Where only the close ends a body, a cut must not look like it. */
static void a_failed_answer_to_http_1_0_is_reset(void **state)
{
    (void)state;
    struct world world;
    struct client client;
    world_open(&world);
    client_open_tcp(&world, &client);
    client_ask(&world, &client, SLICE("GET /hold HTTP/1.0\r\n\r\n"));
    assert_true(exchange_head(world.held, 200, NULL, 0, EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_write(world.held, "part", 4), 4);
    exchange_fail(world.held);
    client_settle(&world, &client);
    assert_true(client.ended);
    assert_int_equal(client.error, ECONNRESET);
    client_close(&client);
    world_close(&world);
}

static void small_writes_leave_together(void **state)
{
    MEET(world, client, state);
    client_ask(world, client, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(exchange_head(world->held, 200, NULL, 0, EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_write(world->held, "a", 1), 1);
    assert_int_equal(exchange_write(world->held, "b", 1), 1);
    client_read(client);
    assert_int_equal(buffer_size(&client->received), 0);
    turn_all(world->loop); /* the end of the turn sends them */
    client_read(client);
    assert_true(head_has(buffer_slice(&client->received), "\r\n\r\n1\r\na\r\n1\r\nb\r\n"));
    buffer_clear(&client->received);
    exchange_write(world->held, "c", 1);
    exchange_flush(world->held);
    client_read(client);
    assert_true(slice_equal(buffer_slice(&client->received), SLICE("1\r\nc\r\n")));
    exchange_end(world->held);
}

static void upgrade_gives_the_stream_away(void **state)
{
    MEET(world, client, state);
    client_ask(
        world, client,
        SLICE("GET /hold HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly"));
    assert_true(exchange_request(world->held)->upgrade);
    const struct exchange_field fields[] = {{SLICE("Connection"), SLICE("Upgrade")},
                                            {SLICE("Upgrade"), SLICE("websocket")}};
    struct slice early, unsent;
    struct stream *stream = exchange_upgrade(world->held, fields, 2, &early, &unsent);
    assert_true(slice_equal(early, SLICE("early")));
    assert_int_equal(unsent.size, 0);
    assert_int_equal(stream_write(stream, "!", 1), 1);
    client_settle(world, client);
    assert_true(slice_equal(buffer_slice(&client->received),
                            SLICE("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\n\r\n!")));
    assert_int_equal(world->record.status, 101);
    assert_int_equal(http_server_connections(world->server), 0);
    stream_close(&stream);
}

static void a_draining_server_says_close(void **state)
{
    (void)state;
    struct world world;
    struct client busy, idle;
    world_open(&world);
    client_open(&world, &busy);
    client_open(&world, &idle);
    client_ask(&world, &idle, SLICE("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_ask(&world, &busy, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_server_drain(world.server, 500);
    exchange_reply(world.held, 200, NULL, 0, SLICE("late"));
    client_settle(&world, &busy);
    assert_true(head_has(buffer_slice(&busy.received), "Connection: close\r\n"));
    assert_true(busy.ended);
    client_settle(&world, &idle);
    assert_false(idle.ended);
    client_close(&busy);
    turn_all(world.loop);
    assert_int_equal(world.drained, 0);
    world_advance(&world, 500);
    client_settle(&world, &idle);
    assert_true(idle.ended);
    assert_int_equal(world.drained, 1);
    client_close(&idle);
    world_close(&world);
}

static void freeing_the_server_tells_everybody(void **state)
{
    (void)state;
    struct world world;
    struct client client, other;
    world_open(&world);
    client_open(&world, &client);
    client_open(&world, &other);
    client_ask(&world, &client, SLICE("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_ask(&world, &other, SLICE("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"));
    http_server_free(&world.server);
    assert_int_equal(world.gone, 2);
    client_close(&client);
    client_close(&other);
    loop_free(&world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_get),
        MEETING(takes_every_split),
        cmocka_unit_test(answers_a_pipeline_in_order),
        MEETING(a_pipeline_waits_for_a_slow_answer),
        MEETING(a_head_request_gets_no_body),
        cmocka_unit_test(http_1_0_is_closed_and_never_chunked),
        MEETING(connection_close_is_kept),
        MEETING(expect_continue_is_answered_when_the_body_is_read),
        cmocka_unit_test(a_large_answer_waits_for_the_reader),
        cmocka_unit_test(a_large_upload_comes_back),
        cmocka_unit_test(an_unread_body_is_dropped_or_costs_the_connection),
        cmocka_unit_test(a_client_that_leaves_is_noticed),
        cmocka_unit_test(a_client_that_only_says_no_more_is_answered),
        cmocka_unit_test(a_failed_answer_never_ends_well),
        cmocka_unit_test(a_failed_answer_to_http_1_0_is_reset),
        MEETING(small_writes_leave_together),
        MEETING(upgrade_gives_the_stream_away),
        cmocka_unit_test(a_draining_server_says_close),
        cmocka_unit_test(freeing_the_server_tells_everybody),
    };
    return run_group(tests);
}
