/* Who may pass, what of it a program sees, and what ends when a credential does. */
#include "people.h"

#define ROUTES                                                                                               \
    "[{'place': 'r:1:1', 'path': '/*', 'kind': 'proxy', 'target': 'api', 'allow': ['signed-in']},"           \
    " {'place': 'r:2:1', 'path': '/open/*', 'kind': 'proxy', 'target': 'api', 'allow': ['anyone']},"         \
    " {'place': 'r:3:1', 'path': '/ops/*', 'kind': 'proxy', 'target': 'api', 'allow': ['group:ops']},"       \
    " {'place': 'r:4:1', 'path': '/u/{id}/*', 'kind': 'proxy', 'target': 'api', 'allow': ['user:{id}']},"    \
    " {'place': 'r:5:1', 'path': '/files/*', 'kind': 'files', 'root': 'files:0', 'allow': ['signed-in']}]"

struct fixture {
    struct world world;
    int program;
    char *ann, *bob, *late; /* cookies: s1 in ops, s2 in no group, s3 that has expired */
};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    struct world *world = &fixture->world;
    int port;
    fixture->program = world_listen(&port);
    world_open(world, -1);
    world_send_admission(world, admission_data(NULL, true));
    world_write_file(world, "x.txt", "a file");
    world_serve(world, ROUTES);
    struct target_row row = world_row("api", TARGET_READY, port);
    world_set_row(world, &row);
    fixture->ann = cookie_of("s1", "ann", 2, 2000000);
    fixture->bob = cookie_of("s2", "bob", 0, 2000000);
    fixture->late = cookie_of("s3", "ann", 2, 999999);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    world_close(&fixture->world);
    close(fixture->program);
    free(fixture->ann);
    free(fixture->bob);
    free(fixture->late);
    free(fixture);
    return 0;
}

/* "NAME: value\r\n" for one of the letters: a(nn), b(ob), l(ate), f(orged), o(ther reeve's), t(oken), w(rong
 * token). */
static char *credential_line(const struct fixture *fixture, char letter)
{
    switch (letter) {
    case 'a':
        return memory_format("Cookie: x=1; reeve-test=%s; y=2\r\n", fixture->ann);
    case 'b':
        return memory_format("Cookie: reeve-test=%s\r\n", fixture->bob);
    case 'l':
        return memory_format("Cookie: reeve-test=%s\r\n", fixture->late);
    case 'f':
        return memory_format("Cookie: reeve-test=%sA\r\n", fixture->ann);
    case 'o':
        return memory_format("Cookie: reeve-other=%s\r\n", fixture->ann);
    case 't':
        return memory_text("Authorization: Bearer " TOKEN "\r\n");
    case 'w':
        return memory_text("Authorization: Bearer reeve_wrong\r\n");
    default:
        return memory_text("");
    }
}

static char *request_of(const struct fixture *fixture, const char *start, char letter, const char *more)
{
    char *credential = credential_line(fixture, letter);
    char *request = memory_format("%s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", start, credential, more);
    free(credential);
    return request;
}

#define FOREIGN "Origin: http://evil.example\r\n"

/* --- who is turned away ------------------------------------------------------------------------------ */

struct refusal {
    const char *start;
    char who;
    const char *more;
    const char *status;
    const char *part;
};

static const struct refusal refusals[] = {
    {"GET /x", ' ', "", "HTTP/1.1 401 ", "WWW-Authenticate: Bearer\r\n"},
    {"GET /x", ' ', "", "HTTP/1.1 401 ", "application/problem+json"},
    {"GET /x", ' ', "", "HTTP/1.1 401 ", "\"Sign in, or show a token: Authorization: Bearer reeve_...\""},
    {"GET /_reeve/api/v1/targets", ' ', "", "HTTP/1.1 401 ",
     "\"Show a token: Authorization: Bearer reeve_...; "},
    {"GET /x", 'l', "", "HTTP/1.1 401 ", NULL},
    {"GET /x", 'f', "", "HTTP/1.1 401 ", NULL},
    {"GET /x", 'o', "", "HTTP/1.1 401 ", NULL},
    {"GET /x", 'w', "", "HTTP/1.1 401 ", NULL},
    {"GET /x?reeve-test=1", ' ', "", "HTTP/1.1 401 ", NULL},
    {"GET /x?a=1", ' ', "Accept: text/html\r\n", "HTTP/1.1 303 ",
     "Location: /_reeve/login?next=%2Fx%3Fa%3D1\r\n"},
    {"GET /x", ' ', "Sec-Fetch-Mode: navigate\r\n", "HTTP/1.1 303 ", "Cache-Control: no-store\r\n"},
    {"GET /x", 'l', "Sec-Fetch-Mode: navigate\r\n", "HTTP/1.1 303 ", NULL},
    {"POST /x", ' ', "Accept: text/html\r\nContent-Length: 0\r\n", "HTTP/1.1 401 ", NULL},
    {"GET /ws", ' ', UPGRADE, "HTTP/1.1 401 ", "WWW-Authenticate: Bearer\r\n"},
    {"GET /ws", 'l', UPGRADE "Accept: text/html\r\n", "HTTP/1.1 401 ", NULL},
    {"GET /ws", 'a', UPGRADE FOREIGN, "HTTP/1.1 403 ", "`origins`"},
    {"GET /open/ws", ' ', UPGRADE FOREIGN, "HTTP/1.1 403 ", NULL},
    {"POST /x", 'a', FOREIGN "Content-Length: 0\r\n", "HTTP/1.1 403 ", NULL},
    {"POST /x", ' ', FOREIGN "Content-Length: 0\r\n", "HTTP/1.1 401 ", NULL},
    {"GET /ops/", 'b', "", "HTTP/1.1 403 ", NULL},
    {"GET /ops/", 't', "", "HTTP/1.1 403 ", NULL},
    {"GET /ops/", 'b', "Sec-Fetch-Mode: navigate\r\n", "HTTP/1.1 403 ", "text/html"},
    {"GET /ops/ws", 'b', UPGRADE, "HTTP/1.1 403 ", NULL},
    {"GET /u/ann/", 'b', "", "HTTP/1.1 403 ", NULL},
    {"GET /u/bob%2f/", 'b', "", "HTTP/1.1 403 ", NULL},
    {"GET /files/x.txt", ' ', "", "HTTP/1.1 401 ", NULL},
    {"GET /files/none.txt", ' ', "", "HTTP/1.1 401 ", NULL},
    {"OPTIONS /x", ' ', "", "HTTP/1.1 401 ", NULL},
};

static void test_a_refused_request_touches_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *refusal = &refusals[i];
        char *request = request_of(fixture, refusal->start, refusal->who, refusal->more);
        expect(&fixture->world, request, refusal->status, refusal->part);
        free(request);
    }
    expect(&fixture->world, "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 ", "`hosts`");
    assert_true(program_is_left_alone(&fixture->world, fixture->program));
    assert_int_equal(fixture->world.page->targets[0].requests, 0);
    assert_int_equal(told_times(&fixture->world, MESSAGE_GATE_WANT), 0);
}

static void test_health_and_pages_of_ours_need_no_credential(void **state)
{
    struct fixture *fixture = *state;
    expect(&fixture->world, GET("/health"), "HTTP/1.1 200 ", "{\"status\":\"ok\"}");
    expect(&fixture->world, GET("/_reeve/ready"), "HTTP/1.1 ", NULL);
    expect(&fixture->world, GET("/_reeve/login"), "HTTP/1.1 200 ", "<form method=\"post\"");
    expect(&fixture->world, GET("/_reeve/logout"), "HTTP/1.1 200 ", NULL);
    expect(&fixture->world,
           "POST /_reeve/login HTTP/1.1\r\nHost: localhost\r\n" FOREIGN "Content-Length: 0\r\n\r\n",
           "HTTP/1.1 403 ", NULL);
}

/* --- what passes, and what of it is seen behind ------------------------------------------------------- */

/* Sends the request and returns the head that the program gets, in *program; the client is answered. */
static struct slice pass(struct fixture *fixture, struct peer *program, const char *start, char who,
                         const char *more)
{
    struct world *world = &fixture->world;
    char *request = request_of(fixture, start, who, more);
    struct peer client = client_open(world);
    peer_say_text(world, &client, request);
    free(request);
    *program = program_accept(world, fixture->program);
    struct slice head = peer_hear(world, program);
    peer_say_text(world, program, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 200 ")));
    peer_close(&client);
    return head;
}

static void test_the_program_sees_who_asks_and_no_secret(void **state)
{
    struct fixture *fixture = *state;
    struct peer program;
    struct slice head = pass(fixture, &program, "GET /ops/x", 'a',
                             "Remote-User: root\r\nRemote_User: root\r\nRemote-Groups: wheel\r\n");
    assert_true(says(head, "\r\nCookie: x=1; y=2\r\n"));
    assert_true(says(head, "\r\nRemote-User: ann\r\n"));
    assert_true(says(head, "\r\nRemote-Groups: ops,mentors\r\n"));
    assert_false(says(head, "reeve-test"));
    assert_false(says(head, "root"));
    assert_false(says(head, "wheel"));
    peer_close(&program);
    head = pass(fixture, &program, "GET /u/bob/x", 'b', "Authorization: Basic Zm9v\r\n");
    assert_false(says(head, "Cookie:"));
    assert_true(says(head, "\r\nAuthorization: Basic Zm9v\r\n"));
    assert_true(says(head, "\r\nRemote-User: bob\r\n"));
    assert_false(says(head, "Remote-Groups"));
    peer_close(&program);
    head = pass(fixture, &program, "POST /x", 't', "Content-Length: 0\r\n");
    assert_false(says(head, "Authorization"));
    assert_true(says(head, "\r\nRemote-User: robot\r\n"));
    peer_close(&program);
    head = pass(fixture, &program, "GET /open/x", 'o', "Authorization: Bearer reeve_wrong\r\n");
    assert_true(says(head, "\r\nCookie: reeve-other="));
    assert_true(says(head, "\r\nAuthorization: Bearer reeve_wrong\r\n"));
    assert_false(says(head, "Remote-User"));
    peer_close(&program);
    head = pass(fixture, &program, "GET /open/x", 'l', "");
    assert_false(says(head, "Cookie:"));
    peer_close(&program);
}

static void test_a_program_sets_no_cookie_of_ours(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/open/x"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(
        world, &program,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: reeve-test=evil\r\n"
        "Set-Cookie: __Host-reeve-test=; Max-Age=0\r\nSet-Cookie: reeve-other=2\r\n\r\n");
    struct slice answer = peer_hear(world, &client);
    assert_true(says(answer, "\r\nSet-Cookie: a=1; Path=/\r\n"));
    assert_true(says(answer, "\r\nSet-Cookie: reeve-other=2\r\n"));
    assert_false(says(answer, "reeve-test"));
    peer_close(&client);
    peer_close(&program);
}

static void test_a_signed_in_client_gets_files(void **state)
{
    struct fixture *fixture = *state;
    char *request = request_of(fixture, "GET /files/x.txt", 'a', "");
    expect(&fixture->world, request, "HTTP/1.1 200 ", "a file");
    free(request);
}

static void test_a_trusted_proxy_says_how_its_client_came(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char *request =
        memory_format("POST /x HTTP/1.1\r\nHost: app.example\r\nOrigin: https://app.example:443\r\n"
                      "Cookie: __Host-reeve-test=%s\r\nX-Forwarded-Proto: https\r\n"
                      "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9;proto=https\r\n"
                      "X-Forwarded-Prefix: /outer\r\nContent-Length: 0\r\n\r\n",
                      fixture->ann);
    struct peer client = peer_of(world_connect_from(0x7f000007, world->port));
    peer_say_text(world, &client, request);
    struct peer program = program_accept(world, fixture->program);
    struct slice head = peer_hear(world, &program);
    assert_true(says(head, "\r\nX-Forwarded-For: 203.0.113.9, 127.0.0.7\r\n"));
    assert_true(says(head, "\r\nX-Forwarded-Proto: https\r\n"));
    assert_true(says(head, "\r\nX-Forwarded-Prefix: /outer\r\n"));
    assert_true(says(
        head, "\r\nForwarded: for=203.0.113.9;proto=https, for=127.0.0.7;host=\"app.example\";proto=https"));
    assert_true(says(head, "\r\nRemote-User: ann\r\n"));
    peer_close(&program);
    peer_close(&client);
    client = peer_of(world_connect_from(0x7f000008, world->port)); /* a stranger, whose word does not count */
    peer_say_text(world, &client, request);
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 401 ")));
    assert_true(program_is_left_alone(world, fixture->program));
    peer_close(&client);
    free(request);
}

static void test_a_trusted_proxy_introduces_nobody_where_people_sign_in(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    for (int signs_in = 1; signs_in >= 0; signs_in--) {
        json_t *data = admission_data(NULL, false);
        if (!signs_in)
            json_object_set_new(data, "method", json_string("none"));
        world_send_admission(world, data);
        struct peer client = peer_of(world_connect_from(0x7f000007, world->port));
        peer_say_text(
            world, &client,
            "GET /open/x HTTP/1.1\r\nHost: app.example\r\nRemote-User: root\r\nRemote-Groups: wheel\r\n\r\n");
        struct peer program = program_accept(world, fixture->program);
        struct slice head = peer_hear(world, &program);
        assert_int_equal(says(head, "\r\nRemote-User: root\r\n"), !signs_in);
        assert_int_equal(says(head, "\r\nRemote-Groups: wheel\r\n"), !signs_in);
        peer_close(&program);
        peer_close(&client);
    }
}

/* --- the end of a credential --------------------------------------------------------------------------- */

/* Up to the program's answer, which is still to come. */
static void ask_for_socket(struct fixture *fixture, char who, struct peer *client, struct peer *program)
{
    struct world *world = &fixture->world;
    char *request = request_of(fixture, "GET /ws", who, UPGRADE);
    *client = client_open(world);
    peer_say_text(world, client, request);
    free(request);
    *program = program_accept(world, fixture->program);
    struct slice head = peer_hear(world, program);
    assert_false(says(head, "reeve-test"));
    assert_false(says(head, TOKEN));
}

static void open_socket(struct fixture *fixture, char who, struct peer *client, struct peer *program)
{
    struct world *world = &fixture->world;
    ask_for_socket(fixture, who, client, program);
    peer_say_text(world, program,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    assert_true(slice_starts_with(peer_hear(world, client), SLICE("HTTP/1.1 101 ")));
    buffer_clear(&client->received);
}

#define CLOSE_4401 "\x88\x02\x11\x31"

static void test_revoked_sessions_and_tokens_end_their_streams(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer clients[3], programs[3];
    const char who[] = "abt";
    for (int i = 0; i < 3; i++)
        open_socket(fixture, who[i], &clients[i], &programs[i]);
    world_send_admission(world, admission_data("s1", true));
    assert_true(slice_equal(peer_hear(world, &clients[0]), SLICE(CLOSE_4401)));
    assert_int_equal(peer_hear(world, &clients[1]).size, 0);
    assert_int_equal(peer_hear(world, &clients[2]).size, 0);
    char *request = request_of(fixture, "GET /x", 'a', "");
    expect(world, request, "HTTP/1.1 401 ", NULL); /* although it was remembered as good */
    free(request);
    world_send_admission(world, admission_data("s1", false));
    assert_true(slice_equal(peer_hear(world, &clients[2]), SLICE(CLOSE_4401)));
    assert_int_equal(peer_hear(world, &clients[1]).size, 0);
    world_advance(world, 1000); /* one that does not answer is cut */
    peer_hear(world, &clients[0]);
    assert_true(peer_has_ended(world, &clients[0]));
    assert_false(clients[1].ended);
    for (int i = 0; i < 3; i++) {
        peer_close(&clients[i]);
        peer_close(&programs[i]);
    }
}

/* It was let in, and then nobody any more while its program thought about it. */
static void test_a_stream_that_opens_too_late_is_ended(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client, program;
    ask_for_socket(fixture, 'a', &client, &program);
    world_send_admission(world, admission_data("s1", true));
    peer_say_text(world, &program,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    peer_hear(world, &client);
    world_advance(world, 1000);
    assert_true(slice_ends_with(peer_hear(world, &client), SLICE(CLOSE_4401)));
    peer_close(&client);
    peer_close(&program);
}

static void test_a_frame_under_way_is_finished_or_cut(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer clients[2], programs[2];
    for (int i = 0; i < 2; i++) {
        open_socket(fixture, 'a', &clients[i], &programs[i]);
        peer_say(world, &programs[i], SLICE("\x81\x05He"));
    }
    world_send_admission(world, admission_data("s1", true));
    assert_true(slice_equal(peer_hear(world, &clients[0]), SLICE("\x81\x05He")));
    peer_say(world, &programs[0], SLICE("llo"));
    assert_true(slice_equal(peer_hear(world, &clients[0]), SLICE("\x81\x05Hello" CLOSE_4401)));
    world_advance(world, 1000);
    assert_true(slice_equal(peer_hear(world, &clients[1]), SLICE("\x81\x05He")));
    assert_true(peer_has_ended(world, &clients[1]));
    for (int i = 0; i < 2; i++) {
        peer_close(&clients[i]);
        peer_close(&programs[i]);
    }
}

static void test_a_session_that_is_over_ends_its_streams(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client, program;
    open_socket(fixture, 'a', &client, &program);
    world_advance(world, 999000);
    assert_int_equal(peer_hear(world, &client).size, 0);
    world_advance(world, 1001); /* 2,000,000 has passed */
    assert_true(slice_equal(peer_hear(world, &client), SLICE(CLOSE_4401)));
    peer_close(&client);
    peer_close(&program);
}

static void test_malformed_data_is_not_served_on(void **state)
{
    struct fixture *fixture = *state;
    world_send_admission(&fixture->world, world_json("{'method': 'password'}"));
    assert_true(world_has_ended(&fixture->world));
}

static void test_use_of_a_session_is_told_once_a_minute(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char *request = request_of(fixture, "GET /files/x.txt", 'a', "");
    expect(world, request, "HTTP/1.1 200 ", NULL);
    expect(world, request, "HTTP/1.1 200 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 1);
    const json_t *body = told_last(world, MESSAGE_GATE_ASK);
    assert_string_equal(json_string_value(json_object_get(body, "operation")), "session-used");
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "who"), "credential")), "s1");
    world_advance(world, 60000);
    expect(world, request, "HTTP/1.1 200 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 2);
    free(request);
    struct peer client,
        program; /* what its user types into a stream is use as well; what the program says is not */
    open_socket(fixture, 'a', &client, &program);
    world_advance(world, 60000);
    peer_say(world, &program, SLICE("\x81\x02ok"));
    world_advance(world, 1000);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 2);
    peer_say(world, &client, SLICE("\x81\x80\x01\x02\x03\x04"));
    world_advance(world, 1000);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 3);
    peer_close(&client);
    peer_close(&program);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_refused_request_touches_nothing),
        TEST(test_health_and_pages_of_ours_need_no_credential),
        TEST(test_the_program_sees_who_asks_and_no_secret),
        TEST(test_a_program_sets_no_cookie_of_ours),
        TEST(test_a_signed_in_client_gets_files),
        TEST(test_a_trusted_proxy_says_how_its_client_came),
        TEST(test_a_trusted_proxy_introduces_nobody_where_people_sign_in),
        TEST(test_revoked_sessions_and_tokens_end_their_streams),
        TEST(test_a_stream_that_opens_too_late_is_ended),
        TEST(test_a_frame_under_way_is_finished_or_cut),
        TEST(test_a_session_that_is_over_ends_its_streams),
        TEST(test_malformed_data_is_not_served_on),
        TEST(test_use_of_a_session_is_told_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
