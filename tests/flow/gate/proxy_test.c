/* Requests to a target: forwarded, held, refused; the test is keeper, client and program at once. */
#include "base/memory.h"

#include "fixture.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/api/*', 'kind': 'proxy', 'target': 'api', 'strip': true,"            \
    "  'body_max': 100, 'connect_ms': 5000, 'response_ms': 2000, 'idle_ms': 0},"                             \
    " {'place': 'r.yaml:2:1', 'path': '/raw/*', 'kind': 'proxy', 'target': 'api'},"                          \
    " {'place': 'r.yaml:3:1', 'path': '/v1/x/*', 'kind': 'proxy', 'target': 'api', 'strip': '/v1'},"         \
    " {'place': 'r.yaml:4:1', 'path': '/{id}/*', 'kind': 'proxy', 'target': 'api', 'strip': true}]"

static int set_up(void **state)
{
    return fixture_set_up(state, ROUTES, "api");
}

static void set_state(struct fixture *fixture, enum target_state state, bool demand)
{
    struct target_row row = world_row("api", state, state == TARGET_READY ? fixture->port : 0);
    row.demand = demand;
    row.wanted = !demand;
    world_set_row(&fixture->world, &row);
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Mine: 1\r\n\r\nhello"

/* --- what passes --------------------------------------------------------------------------------- */

static void test_a_request_is_passed_on_as_the_contract_says(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client,
                  "GET /api/a%20b/?q=1 HTTP/1.1\r\nHost: app.example:99\r\nX-Forwarded-For: 6.6.6.6\r\n"
                  "Forwarded: for=6.6.6.6\r\nRemote-User: root\r\nRemote_User: root\r\nX-Mine: yes\r\n"
                  "Connection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nProxy: http://6.6.6.6\r\n\r\n");
    struct peer program = program_accept(world, fixture->program);
    struct slice request = peer_hear(world, &program);
    assert_true(slice_starts_with(request, SLICE("GET /a%20b/?q=1 HTTP/1.1\r\n")));
    static const char *const wanted[] = {"Host: app.example:99\r\n",
                                         "X-Mine: yes\r\n",
                                         "X-Forwarded-For: 127.0.0.1\r\n",
                                         "X-Forwarded-Host: app.example:99\r\n",
                                         "X-Forwarded-Proto: http\r\n",
                                         "X-Forwarded-Prefix: /api\r\n",
                                         "Forwarded: for=127.0.0.1;host=\"app.example:99\";proto=http\r\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!says(request, wanted[i]))
            fail_msg("%s is missing", wanted[i]);
    static const char *const unwanted[] = {"6.6.6.6", "root", "X-Hop", "x-hop", "TE:"};
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (says(request, unwanted[i]))
            fail_msg("%s came through", unwanted[i]);
    peer_say_text(world, &program, OK_HELLO);
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 200 OK\r\n")));
    assert_true(says(answer, "X-Mine: 1\r\n") && says(answer, "\r\n\r\nhello"));

    peer_say_text(world, &client, GET("/raw//x")); /* the pooled connection is used again */
    buffer_clear(&program.received);
    assert_true(slice_starts_with(peer_hear(world, &program), SLICE("GET /raw//x HTTP/1.1\r\n")));
    assert_false(says(peer_hear(world, &program), "X-Forwarded-Prefix"));
    peer_say_text(world, &program, OK_HELLO);
    peer_close(&client);
    peer_close(&program);
    assert_int_equal(world->page->targets[0].requests, 2);
}

/* Lines that stay together are passed on in one piece, and what stands between them does not come along. */
static void test_fields_keep_their_order_and_get_one_layout(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client,
                  "GET /api/ HTTP/1.1\r\nA: 1\r\nB:2\r\nC:  3\r\nD: 4 \r\nE:\r\nF: \r\nTE: x\r\nG: 6\r\n"
                  "Host: app.example\r\nH: 7\r\nI:\t8\r\nCookie: a=1\r\nJ: 9\r\n\r\n");
    struct peer program = program_accept(world, fixture->program);
    struct slice request = peer_hear(world, &program);
    const char *fields = "\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nF: \r\nG: 6\r\nH: 7\r\nI:";
    assert_true(slice_starts_with(request, SLICE("GET / HTTP/1.1\r\nHost: app.example\r\nA: 1\r\n")));
    if (!says(request, fields) || !says(request, "8\r\nCookie: a=1\r\nJ: 9\r\nX-Forwarded-For: "))
        fail_msg(SLICE_FORMAT, SLICE_ARGUMENTS(request));
    peer_say_text(
        world, &program,
        "HTTP/1.1 200 OK\r\nServer: x\r\nDate: then\r\nK:1\r\nContent-Length: 0\r\nL: 2\r\nM: 3\r\n\r\n");
    struct slice answer = peer_hear(world, &client);
    if (!says(answer, "\r\nServer: x\r\nK: 1\r\nL: 2\r\nM: 3\r\n\r\n") || says(answer, "then"))
        fail_msg(SLICE_FORMAT, SLICE_ARGUMENTS(answer));
    peer_close(&client);
    peer_close(&program);
}

static void test_a_literal_prefix_is_stripped(void **state)
{
    struct fixture *fixture = *state;
    struct peer client = client_open(&fixture->world);
    peer_say_text(&fixture->world, &client, GET("/v1/x/y"));
    struct peer program = program_accept(&fixture->world, fixture->program);
    struct slice request = peer_hear(&fixture->world, &program);
    assert_true(slice_starts_with(request, SLICE("GET /x/y HTTP/1.1\r\n")));
    assert_true(says(request, "X-Forwarded-Prefix: /v1\r\n"));
    peer_close(&client);
    peer_close(&program);
}

/* Programs make links of it: "//evil.example" would lead to another site. */
static void test_a_prefix_names_no_other_site(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[][3] = {
        {GET("//api/x"), "GET /x ", "\r\nX-Forwarded-Prefix: /api\r\n"},
        {GET("///api//x"), "GET //x ", "\r\nX-Forwarded-Prefix: /api\r\n"},
        {GET("//evil.example/x"), "GET /x ", "\r\nX-Forwarded-Prefix: /evil.example\r\n"},
        {GET("/\\evil.example/x"), "GET /x ", "\r\nX-Forwarded-Prefix: /%5Cevil.example\r\n"},
        {GET("/a/..//evil.example/x"), "GET /x ", "\r\nX-Forwarded-Prefix: /evil.example\r\n"},
        {GET("/%2fevil.example/x"), "GET /x ", "\r\nX-Forwarded-Prefix: /%2fevil.example\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer client = client_open(&fixture->world);
        peer_say_text(&fixture->world, &client, rows[i][0]);
        struct peer program = program_accept(&fixture->world, fixture->program);
        struct slice request = peer_hear(&fixture->world, &program);
        if (!slice_starts_with(request, slice_of_text(rows[i][1])) || !says(request, rows[i][2]))
            fail_msg("%s: " SLICE_FORMAT, rows[i][0], SLICE_ARGUMENTS(request));
        peer_close(&program);
        peer_close(&client);
    }
}

static void test_a_trusted_proxys_slash_makes_no_other_site(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[][2] = {
        {"/", "\r\nX-Forwarded-Prefix: /evil.example\r\n"},
        {"/outer/", "\r\nX-Forwarded-Prefix: /outer/evil.example\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = memory_format("GET /evil.example/x HTTP/1.1\r\nHost: localhost\r\n"
                                   "X-Forwarded-Prefix: %s\r\n\r\n",
                                   rows[i][0]);
        struct peer client = peer_of(world_connect_from(0x7f000007, fixture->world.port));
        peer_say_text(&fixture->world, &client, text);
        struct peer program = program_accept(&fixture->world, fixture->program);
        assert_true(says(peer_hear(&fixture->world, &program), rows[i][1]));
        peer_close(&program);
        peer_close(&client);
        free(text);
    }
}

static void test_a_page_without_its_slash_is_sent_there(void **state)
{
    struct fixture *fixture = *state;
    expect(&fixture->world, PAGE("/api"), "HTTP/1.1 308 ", "Location: /api/\r\n");
    assert_true(program_is_left_alone(&fixture->world, fixture->program));
    struct peer client = client_open(&fixture->world);
    peer_say_text(&fixture->world, &client, GET("/api"));
    struct peer program = program_accept(&fixture->world, fixture->program);
    assert_true(slice_starts_with(peer_hear(&fixture->world, &program), SLICE("GET / HTTP/1.1\r\n")));
    peer_close(&client);
    peer_close(&program);
}

static void test_bodies_stream_both_ways(void **state)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char head[128], *bytes = memory_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 23);
    snprintf(head, sizeof head, "POST /raw/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n",
             SIZE);
    struct peer client = client_open(world);
    peer_say_text(world, &client, head);
    struct peer program = program_accept(world, fixture->program);
    size_t start = peer_hear_to(world, &program, "\r\n\r\n").size;
    struct slice request = {0};
    for (size_t sent = 0; sent < SIZE; sent += 65536) { /* the program reads as fast as we write */
        peer_say(world, &client, slice_of(bytes + sent, 65536));
        request = peer_hear_bytes(world, &program, start + sent + 65536);
    }
    assert_int_equal(request.size - start, SIZE);
    assert_memory_equal(request.data + start, bytes, SIZE);

    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t heard = 0;
    for (size_t sent = 0; sent < SIZE; sent += 65536) {
        peer_say_text(world, &program, "10000\r\n");
        peer_say(world, &program, slice_of(bytes + sent, 65536));
        peer_say_text(world, &program, "\r\n");
        heard = peer_hear_bytes(world, &client, heard + 65537).size; /* nothing waits for the end */
    }
    peer_say_text(world, &program, "0\r\n\r\n");
    assert_true(slice_ends_with(peer_hear_to(world, &client, "\r\n0\r\n\r\n"), SLICE("0\r\n\r\n")));
    peer_close(&client);
    peer_close(&program);
    free(bytes);
}

static void test_a_slow_client_holds_the_program_back(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    int small = 4096;
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_say_text(world, &client, GET("/raw/x"));
    struct peer program = program_accept(world, fixture->program);
    char bytes[65536] = {0};
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    size_t sent = 0;
    for (int refused = 0; refused < 3; turn_all(world->loop)) {
        ssize_t put = send(program.fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        sent += put > 0 ? (size_t)put : 0;
        refused = put > 0 ? 0 : refused + 1;
        assert_true(sent < 64 * 1024 * 1024);
    }
    peer_close(&client); /* leaves: the program's connection ends too */
    turn_all(world->loop);
    peer_hear(world, &program);
    assert_true(peer_has_ended(world, &program));
    peer_close(&program);
}

static void test_an_event_stream_is_passed_on_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/raw/events"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    assert_true(says(peer_hear(world, &client), "text/event-stream\r\n")); /* the head alone */
    peer_say_text(world, &program, "data: 1\n\n");
    assert_true(says(peer_hear(world, &client), "data: 1\n\n"));
    peer_close(&program);
    assert_true(slice_ends_with(peer_hear(world, &client), SLICE("0\r\n\r\n")));
    peer_close(&client);
}

static void test_interim_answers_pass(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/raw/x"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    assert_true(says(peer_hear(world, &client), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"));
    peer_say_text(world, &program, OK_HELLO);
    assert_true(says(peer_hear(world, &client), "\r\n\r\nhello"));
    peer_close(&program);
    peer_close(&client);
}

/* --- what goes wrong ----------------------------------------------------------------------------- */

static void test_bad_answers(void **state)
{
    static const struct {
        const char *answer, *status;
    } rows[] = {
        {"garbage\r\n\r\n", "HTTP/1.1 502 "},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "HTTP/1.1 502 "},
        {"", "HTTP/1.1 502 "}, /* closes without a word */
    };
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer client = client_open(world);
        peer_say_text(world, &client,
                      "POST /raw/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
        struct peer program = program_accept(world, fixture->program);
        peer_hear(world, &program);
        peer_say_text(world, &program, rows[i].answer);
        peer_close(&program);
        struct slice answer = peer_hear(world, &client);
        if (!slice_starts_with(answer, slice_of_text(rows[i].status)))
            fail_msg("%s -> " SLICE_FORMAT, rows[i].answer, SLICE_ARGUMENTS(answer));
        peer_close(&client);
    }
}

static void test_an_answer_cut_short_is_cut_for_the_client_too(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/raw/x"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    peer_close(&program);
    struct slice answer = peer_hear(world, &client);
    assert_true(says(answer, "hello") && !says(answer, "0\r\n\r\n"));
    assert_true(peer_has_ended(world, &client));
    peer_close(&client);
}

static void test_a_silent_program_is_504(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    world_advance(world, 2100);
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 504 ")));
    peer_close(&program);
    peer_close(&client);
}

static void test_a_body_over_the_limit_is_413(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    expect(world, "POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 ",
           "body.max");
    assert_true(program_is_left_alone(world, fixture->program));
    char body[256] = {0};
    memset(body, 'x', 150);
    struct peer client = client_open(world);
    peer_say_text(world, &client,
                  "POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n96\r\n");
    peer_say_text(world, &client, body);
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 413 ")));
    peer_close(&client);
}

static void test_a_foreign_origin_may_not_steer(void **state)
{
    struct fixture *fixture = *state;
    expect(
        &fixture->world,
        "POST /api/x HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 ", "`origins`");
    assert_true(program_is_left_alone(&fixture->world, fixture->program));
}

static void test_a_client_that_leaves_cancels(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/raw/x"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    assert_int_equal(world->page->targets[0].streams, 1);
    peer_close(&client);
    peer_hear(world, &program);
    assert_true(peer_has_ended(world, &program));
    assert_true(target_is_idle(world, 0));
    peer_close(&program);
}

/* --- held and refused ---------------------------------------------------------------------------- */

static void test_requests_wait_for_a_target_that_starts_on_demand(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    set_state(fixture, TARGET_DOWN, true);
    struct peer clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(world);
        peer_say_text(world, &clients[i], GET("/api/x"));
    }
    assert_int_equal(told_times(world, MESSAGE_GATE_WANT), 1);
    assert_string_equal(json_string_value(json_object_get(told_last(world, MESSAGE_GATE_WANT), "target")),
                        "api");
    set_state(fixture, TARGET_STARTING, true);
    assert_true(program_is_left_alone(world, fixture->program));
    assert_int_equal(told_times(world, MESSAGE_GATE_UNWANT), 0);
    set_state(fixture, TARGET_READY, true);
    for (int i = 0; i < 3; i++) {
        struct peer program = program_accept(world, fixture->program);
        peer_say_text(world, &program, OK_HELLO);
        peer_close(&program);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(says(peer_hear(world, &clients[i]), "\r\n\r\nhello"));
        peer_close(&clients[i]);
    }
    assert_int_equal(told_times(world, MESSAGE_GATE_WANT), 1);
    assert_int_equal(told_times(world, MESSAGE_GATE_UNWANT), 1);
}

static void test_the_last_one_who_leaves_takes_the_wish_back(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    set_state(fixture, TARGET_DOWN, true);
    struct peer clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(world);
        peer_say_text(world, &clients[i], GET("/api/x"));
    }
    peer_close(&clients[0]);
    turn_all(world->loop);
    assert_int_equal(told_times(world, MESSAGE_GATE_UNWANT), 0);
    peer_close(&clients[1]);
    turn_all(world->loop);
    assert_int_equal(told_times(world, MESSAGE_GATE_UNWANT), 1);
    assert_true(program_is_left_alone(world, fixture->program));
}

static void test_a_start_that_fails_answers_with_its_cause(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    set_state(fixture, TARGET_STARTING, false);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    assert_int_equal(peer_hear(world, &client).size, 0);
    struct target_row row = world_row("api", TARGET_BACKOFF, 0);
    row.next_attempt_ms = fake_ms(&world->clock.clock) + 6400;
    row.cause = (struct target_cause){.kind = TARGET_CAUSE_EXIT, .code = 7, .text = "exited with 7 <here>"};
    world_set_row(world, &row);
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")));
    static const char *const wanted[] = {
        "Retry-After: 7\r\n", "application/problem+json", "\"target\":\"api\"",
        "\"kind\":\"exit\",\"code\":7,\"signal\":null,\"text\":\"exited with 7 <here>\"", "\"retry_at\":\""};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!says(answer, wanted[i]))
            fail_msg("%s is not in " SLICE_FORMAT, wanted[i], SLICE_ARGUMENTS(answer));
    expect(world, PAGE("/api/"), "HTTP/1.1 503 ", "exited with 7 &lt;here&gt;");
    expect(world, PAGE("/api/"), "HTTP/1.1 503 ", "http-equiv=\"refresh\" content=\"7\"");
    expect(world, GET("/ready"), "HTTP/1.1 503 ", NULL);
    assert_true(program_is_left_alone(world, fixture->program));
    peer_close(&client);
}

static void test_waiting_has_an_end(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    set_state(fixture, TARGET_STARTING, false);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    world_advance(world, 29000);
    assert_int_equal(peer_hear(world, &client).size, 0);
    world_advance(world, 1100);
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")) && says(answer, "not ready after 30 s"));
    peer_close(&client);
}

static void test_a_full_queue_refuses_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    set_state(fixture, TARGET_STARTING, false);
    struct peer *clients = memory_new_array(sizeof *clients, 1001);
    for (int i = 0; i < 1001; i++) {
        clients[i] = peer_of(world_connect(world->port));
        send(clients[i].fd, GET("/api/x"), sizeof GET("/api/x") - 1, MSG_NOSIGNAL);
        if (i % 50 == 0)
            turn_all(world->loop);
    }
    int refused = 0;
    for (int i = 0; i < 1001; i++) { /* whichever was heard last */
        struct slice answer = peer_hear(world, &clients[i]);
        refused += says(answer, "1000 requests wait");
        assert_true(answer.size == 0 || slice_starts_with(answer, SLICE("HTTP/1.1 503 ")));
    }
    assert_int_equal(refused, 1);
    for (int i = 0; i < 1001; i++)
        peer_close(&clients[i]);
    free(clients);
}

static void test_a_process_that_just_died_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    close(fixture->program);
    struct peer client = client_open(world);
    peer_say_text(world, &client, "POST /raw/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(peer_hear(world, &client).size, 0); /* refused, but news are due */
    set_state(fixture, TARGET_STARTING, false);
    fixture->program = world_listen(&fixture->port);
    world_advance(world, 2000); /* the usual limit counts now */
    assert_int_equal(peer_hear(world, &client).size, 0);
    struct target_row row = world_row("api", TARGET_READY, fixture->port);
    row.generation = 2;
    world_set_row(world, &row);
    struct peer program = program_accept(world, fixture->program);
    assert_true(slice_ends_with(peer_hear(world, &program), SLICE("\r\n\r\nhi")));
    peer_say_text(world, &program, OK_HELLO);
    assert_true(says(peer_hear(world, &client), "\r\n\r\nhello"));
    peer_close(&program);
    peer_close(&client);
}

static void test_an_empty_chunked_body_ends_on_the_second_try_too(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    close(fixture->program);
    struct peer client = client_open(world);
    peer_say_text(world, &client,
                  "POST /raw/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_int_equal(peer_hear(world, &client).size, 0);
    fixture->program = world_listen(&fixture->port);
    struct target_row row = world_row("api", TARGET_READY, fixture->port);
    row.generation = 2;
    world_set_row(world, &row);
    struct peer program = program_accept(world, fixture->program);
    assert_true(slice_ends_with(peer_hear(world, &program), SLICE("\r\n\r\n0\r\n\r\n")));
    peer_close(&program);
    peer_close(&client);
}

static void test_no_news_of_a_target_that_refuses_is_503(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    close(fixture->program);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/raw/x"));
    world_advance(world, 1100);
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")) && says(answer, "Connection refused"));
    assert_true(says(answer, "Retry-After: 1\r\n"));
    peer_close(&client);
    fixture->program = world_listen(&fixture->port);
}

static void test_what_an_operator_stopped_is_not_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct target_row row = world_row("api", TARGET_DOWN, 0);
    row.demand = true;
    row.wanted = false;
    row.cause = (struct target_cause){.kind = TARGET_CAUSE_STOPPED, .text = "stopped by an operator"};
    world_set_row(&fixture->world, &row);
    expect(&fixture->world, GET("/api/x"), "HTTP/1.1 503 ", "stopped by an operator");
    assert_int_equal(told_times(&fixture->world, MESSAGE_GATE_WANT), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_is_passed_on_as_the_contract_says),
        TEST(test_fields_keep_their_order_and_get_one_layout),
        TEST(test_a_literal_prefix_is_stripped),
        TEST(test_a_prefix_names_no_other_site),
        TEST(test_a_trusted_proxys_slash_makes_no_other_site),
        TEST(test_a_page_without_its_slash_is_sent_there),
        TEST(test_bodies_stream_both_ways),
        TEST(test_a_slow_client_holds_the_program_back),
        TEST(test_an_event_stream_is_passed_on_at_once),
        TEST(test_interim_answers_pass),
        TEST(test_bad_answers),
        TEST(test_an_answer_cut_short_is_cut_for_the_client_too),
        TEST(test_a_silent_program_is_504),
        TEST(test_a_body_over_the_limit_is_413),
        TEST(test_a_foreign_origin_may_not_steer),
        TEST(test_a_client_that_leaves_cancels),
        TEST(test_requests_wait_for_a_target_that_starts_on_demand),
        TEST(test_the_last_one_who_leaves_takes_the_wish_back),
        TEST(test_a_start_that_fails_answers_with_its_cause),
        TEST(test_waiting_has_an_end),
        TEST(test_a_full_queue_refuses_the_next),
        TEST(test_a_process_that_just_died_is_waited_for),
        TEST(test_an_empty_chunked_body_ends_on_the_second_try_too),
        TEST(test_no_news_of_a_target_that_refuses_is_503),
        TEST(test_what_an_operator_stopped_is_not_asked_for),
    };
    return run_group(tests);
}
