/* A reload that changes who may pass: who is in and may not be any more is told at once, as when a credential
 * ends; the others go on, or hear that their route has changed. */
#include "people.h"

#define CLOSE_1012 "\x88\x02\x03\xf4"
#define CLOSE_4401 "\x88\x02\x11\x31"
#define CLOSE_4403 "\x88\x02\x11\x33"

#define ROUTE(path, allow)                                                                                   \
    "{'place': 'r:1:1', 'path': '" path "', 'kind': 'proxy', 'target': 'api', 'allow': [" allow "]}"

struct fixture {
    struct world world;
    int program;
    char *ann, *bob; /* cookies: s1 in ops, s2 in no group */
};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    int port;
    fixture->program = world_listen(&port);
    world_open(&fixture->world, -1);
    world_send_admission(&fixture->world, admission_data(NULL, true));
    struct target_row row = world_row("api", TARGET_READY, port);
    world_set_row(&fixture->world, &row);
    fixture->ann = cookie_of("s1", "ann", 2, 2000000);
    fixture->bob = cookie_of("s2", "bob", 0, 2000000);
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
    free(fixture);
    return 0;
}

/* 'a'(nn), 'b'(ob), 't'(oken), or nobody. */
static void ask(struct fixture *fixture, char who, const char *path, const char *more, struct peer *client)
{
    char *cookie = memory_format("Cookie: reeve-test=%s\r\n", who == 'a' ? fixture->ann : fixture->bob);
    char *request = memory_format("GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", path,
                                  who == 't'                 ? "Authorization: Bearer " TOKEN "\r\n"
                                  : who == 'a' || who == 'b' ? cookie
                                                             : "",
                                  more);
    *client = client_open(&fixture->world);
    peer_say_text(&fixture->world, client, request);
    free(cookie);
    free(request);
}

struct both {
    struct peer client, program;
};

static void ask_socket(struct fixture *fixture, char who, const char *path, struct both *both)
{
    ask(fixture, who, path, UPGRADE, &both->client);
    both->program = program_accept(&fixture->world, fixture->program);
    peer_hear(&fixture->world, &both->program);
}

static void switch_over(struct fixture *fixture, struct both *both)
{
    peer_say_text(&fixture->world, &both->program,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    assert_true(slice_starts_with(peer_hear(&fixture->world, &both->client), SLICE("HTTP/1.1 101 ")));
}

static struct both open_socket(struct fixture *fixture, char who, const char *path)
{
    struct both both;
    ask_socket(fixture, who, path, &both);
    switch_over(fixture, &both);
    buffer_clear(&both.client.received);
    return both;
}

static void leave(struct both *both)
{
    peer_close(&both->client);
    peer_close(&both->program);
}

static void expect_heard(struct fixture *fixture, struct both *both, struct slice wanted)
{
    struct slice heard = peer_hear(&fixture->world, &both->client);
    if (!slice_equal(heard, wanted))
        fail_msg("%zu bytes: " SLICE_FORMAT, heard.size, SLICE_ARGUMENTS(heard));
}

static void test_who_may_not_be_in_any_more_is_told(void **state)
{
    struct fixture *fixture = *state;
    world_serve(&fixture->world, "[" ROUTE("/*", "'signed-in'") "," ROUTE("/open/*", "'anyone'") "," ROUTE(
                                     "/u/{id}/*", "'user:{id}'") "," ROUTE("/kept", "'signed-in'") "]");
    struct both ann = open_socket(fixture, 'a', "/x"), bob = open_socket(fixture, 'b', "/x"),
                own = open_socket(fixture, 'b', "/u/bob/x"), kept = open_socket(fixture, 'b', "/kept"),
                nobody = open_socket(fixture, '-', "/open/x");
    world_prepare(&fixture->world,
                  "[" ROUTE("/*", "'group:ops'") "," ROUTE("/open/*", "'signed-in'") "," ROUTE(
                      "/u/{id}/*", "'user:not-{id}'") "," ROUTE("/kept", "'signed-in'") "]");
    world_commit(&fixture->world);
    expect_heard(fixture, &bob, SLICE(CLOSE_4403));
    expect_heard(fixture, &own, SLICE(CLOSE_4403));
    expect_heard(fixture, &nobody, SLICE(CLOSE_4401));
    expect_heard(fixture, &ann, SLICE(CLOSE_1012));
    expect_heard(fixture, &kept, (struct slice){0});
    world_advance(&fixture->world, 1000); /* those who do not answer are cut */
    assert_true(peer_has_ended(&fixture->world, &bob.client));
    expect_heard(fixture, &kept, (struct slice){0});
    assert_false(kept.client.ended);
    leave(&ann), leave(&bob), leave(&own), leave(&kept), leave(&nobody);
}

/* Although its own route is still there: another one has come before it. */
static void test_a_route_in_front_of_theirs(void **state)
{
    struct fixture *fixture = *state;
    world_serve(&fixture->world, "[" ROUTE("/*", "'signed-in'") "]");
    struct both bob = open_socket(fixture, 'b', "/ops/x"), ann = open_socket(fixture, 'a', "/ops/x");
    world_prepare(&fixture->world, "[" ROUTE("/*", "'signed-in'") "," ROUTE("/ops/*", "'group:ops'") "]");
    world_commit(&fixture->world);
    expect_heard(fixture, &bob, SLICE(CLOSE_4403));
    expect_heard(fixture, &ann, (struct slice){0});
    leave(&ann), leave(&bob);
}

/* Many hear over a while that their route has changed; who may not be in does not wait for that. */
static void test_who_is_out_goes_before_the_crowd(void **state)
{
    enum { CROWD = 120 };
    struct fixture *fixture = *state;
    static struct both crowd[CROWD];
    world_serve(&fixture->world, "[" ROUTE("/*", "'signed-in'") "]");
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = open_socket(fixture, i == CROWD - 1 ? 'b' : 'a', "/x");
    world_prepare(&fixture->world, "[" ROUTE("/*", "'group:ops'") "]");
    world_commit(&fixture->world);
    expect_heard(fixture, &crowd[CROWD - 1], SLICE(CLOSE_4403));
    size_t told = 0;
    for (size_t i = 0; i < CROWD - 1; i++)
        told += peer_hear(&fixture->world, &crowd[i].client).size > 0;
    assert_int_equal(told, 0);
    for (int i = 0; i < 310; i++)
        world_advance(&fixture->world, 100);
    for (size_t i = 0; i < CROWD - 1; i++)
        expect_heard(fixture, &crowd[i], SLICE(CLOSE_1012));
    for (size_t i = 0; i < CROWD; i++)
        leave(&crowd[i]);
}

/* It was let in by the rules of before, and its program thought about it meanwhile. */
static void test_a_stream_that_opens_behind_a_reload(void **state)
{
    struct fixture *fixture = *state;
    struct both ann, bob;
    world_serve(&fixture->world, "[" ROUTE("/*", "'signed-in'") "]");
    ask_socket(fixture, 'a', "/x", &ann);
    ask_socket(fixture, 'b', "/x", &bob);
    world_prepare(&fixture->world, "[" ROUTE("/*", "'group:ops'") "]");
    world_commit(&fixture->world);
    switch_over(fixture, &ann);
    switch_over(fixture, &bob);
    world_advance(&fixture->world, 1000);
    assert_true(slice_ends_with(peer_hear(&fixture->world, &bob.client), SLICE(CLOSE_4403)));
    assert_true(slice_ends_with(peer_hear(&fixture->world, &ann.client), SLICE(CLOSE_1012)));
    leave(&ann), leave(&bob);
}

/* --- the API ----------------------------------------------------------------------------------------- */

#define STREAM "/_reeve/api/v1/stream?topics=targets"
#define AUTH   "event: auth\ndata: {\"reason\":\"forbidden\"}\n"

static struct peer open_stream(struct fixture *fixture, char who)
{
    struct peer client;
    ask(fixture, who, STREAM, "", &client);
    struct slice head = peer_hear(&fixture->world, &client);
    assert_true(slice_starts_with(head, SLICE("HTTP/1.1 200 ")));
    buffer_clear(&client.received);
    return client;
}

static void serve_console(struct fixture *fixture, const char *allow)
{
    fixture->world.console_allow = allow;
    world_serve(&fixture->world, "[]");
}

static void test_streams_of_the_api(void **state)
{
    struct fixture *fixture = *state;
    fixture->world.console = true;
    serve_console(fixture, "['signed-in']");
    struct peer ann = open_stream(fixture, 'a'), bob = open_stream(fixture, 'b'),
                token = open_stream(fixture, 't');
    serve_console(fixture, "['group:ops', 'user:robot']");
    assert_true(says(peer_hear(&fixture->world, &bob), AUTH));
    assert_false(says(peer_hear(&fixture->world, &ann), "event: "));
    assert_false(says(peer_hear(&fixture->world, &token), "event: "));
    serve_console(fixture, "['group:ops']");
    assert_true(says(peer_hear(&fixture->world, &token), AUTH));
    assert_false(says(peer_hear(&fixture->world, &ann), "event: "));
    fixture->world.console = false; /* the listener has become another's */
    serve_console(fixture, "['group:ops']");
    assert_true(says(peer_hear(&fixture->world, &ann), "event: bye\n"));
    peer_close(&ann), peer_close(&bob), peer_close(&token);
}

static void test_a_token_on_an_ordinary_listener(void **state)
{
    struct fixture *fixture = *state;
    serve_console(fixture, "['signed-in']");
    struct peer token = open_stream(fixture, 't');
    serve_console(fixture, "['signed-in', 'user:ann']");
    assert_false(says(peer_hear(&fixture->world, &token), "event: "));
    serve_console(fixture, "['user:ann']");
    assert_true(says(peer_hear(&fixture->world, &token), AUTH));
    peer_close(&token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ignore_broken_pipes();
    const struct CMUnitTest tests[] = {
        TEST(test_who_may_not_be_in_any_more_is_told),
        TEST(test_a_route_in_front_of_theirs),
        TEST(test_who_is_out_goes_before_the_crowd),
        TEST(test_a_stream_that_opens_behind_a_reload),
        TEST(test_streams_of_the_api),
        TEST(test_a_token_on_an_ordinary_listener),
    };
    return run_group(tests);
}
