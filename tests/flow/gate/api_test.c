/* The API in a gate: what reaches the keeper, what the client gets, and who goes first. */
#include "base/memory.h"
#include "link/memfd.h"

#include "world.h"

#define API "/_reeve/api/v1/"
#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/*', 'kind': 'files', 'root': 'files:0', 'allow': ['anyone']}]"
#define POST(path, type, body)                                                                               \
    "POST " API path " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " type "\r\nContent-Length: " body

static int set_up(void **state)
{
    struct world *world = world_new();
    world->console = true;
    world_write_file(world, "index.html", "page");
    world_serve(world, ROUTES);
    *state = world;
    return 0;
}

static uint32_t last_id(const struct world *world)
{
    uint32_t id = 0;
    for (size_t i = 0; i < world->told_count; i++)
        if (world->told[i].type == MESSAGE_GATE_ASK)
            id = world->told[i].id;
    return id;
}

static void answer(struct world *world, uint32_t id, int status, json_t *body)
{
    channel_send(world->keeper, MESSAGE_GATE_ANSWER, id,
                 json_pack("{s:i, s:o}", "status", status, "body", body), NULL, 0);
    turn_all(world->loop);
}

/* The same object as GET targets has (contract §2). */
static void test_the_stream_of_targets_has_whole_targets(void **state)
{
    struct world *world = *state;
    struct target_row row = world_row("shell/a1", TARGET_READY, 0);
    row.instance = true;
    row.terminal = (struct target_terminal){true, 120, 40, 1};
    world_set_row(world, &row);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET(API "stream?topics=targets"));
    struct slice heard = peer_hear(world, &client);
    assert_true(says(heard, "\"terminal\":{\"columns\":120,\"rows\":40,\"viewers\":1}"));
    assert_true(says(heard, "\"href\":\"" API "instances/shell/a1\""));
    buffer_clear(&client.received);
    row.terminal.viewers = 2;
    world_set_row(world, &row);
    assert_true(says(peer_hear(world, &client), "\"viewers\":2}"));
    peer_close(&client);
    expect(world, GET(API "stream?topics=targets%00"), "HTTP/1.1 400 ", "topics is to be a text");
}

static void test_a_question_and_its_answer(void **state)
{
    struct world *world = *state;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET(API "targets"));
    const json_t *question = told_last(world, MESSAGE_GATE_ASK);
    assert_string_equal(json_string_value(json_object_get(question, "operation")), "targets");
    assert_string_equal(json_string_value(json_object_get(json_object_get(question, "who"), "kind")),
                        "nobody");
    answer(world, last_id(world), 200, json_pack("{s:[]}", "targets"));
    struct slice heard = peer_hear(world, &client);
    assert_true(slice_starts_with(heard, SLICE("HTTP/1.1 200 ")) && says(heard, "{\"targets\":[]}"));
    peer_close(&client);
}

static void test_a_large_answer_comes_whole(void **state)
{
    struct world *world = *state;
    struct peer client = client_open(world);
    const size_t size = 8 * 1024 * 1024; /* more than the kernel takes at once */
    char *text = memory_new(size + 1);
    memset(text, 'x', size);
    json_t *body = json_pack("{s:s}", "rows", text);
    char *dump = json_dumps(body, 0);
    json_decref(body);
    peer_say_text(world, &client, GET(API "journal"));
    int memfd = memfd_seal("test", slice_of_text(dump));
    channel_send(world->keeper, MESSAGE_GATE_ANSWER, last_id(world), json_pack("{s:i}", "status", 200),
                 &memfd, 1);
    close(memfd);
    peer_hear_bytes(world, &client, size);
    assert_true(slice_ends_with(peer_hear_to(world, &client, "xxx\"}"), SLICE("xxx\"}")));
    free(dump);
    free(text);
    peer_close(&client);
}

static void test_bodies(void **state)
{
    struct world *world = *state;
    expect(world, POST("tokens", "application/json", "2\r\n\r\n[]"), "HTTP/1.1 422 ", "errors");
    expect(world, POST("tokens", "application/json", "1\r\n\r\n{"), "HTTP/1.1 400 ", "no JSON");
    expect(world, POST("tokens", "application/x-www-form-urlencoded", "3\r\n\r\na=b"), "HTTP/1.1 415 ", NULL);
    expect(world, POST("tokens", "text/plain", "0\r\n\r\n"), "HTTP/1.1 415 ", NULL);
    expect(world, POST("tokens", "application/json", "2000000\r\n\r\n"), "HTTP/1.1 413 ", NULL);
    expect(world, "POST " API "tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
           "HTTP/1.1 415 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
}

static void test_a_body_in_pieces(void **state)
{
    struct world *world = *state;
    struct peer client = client_open(world);
    peer_say_text(world, &client, POST("tokens", "application/json", "16\r\n\r\n{\"name"));
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    peer_say_text(world, &client, "\": \"ci\"}  ");
    const json_t *arguments = json_object_get(told_last(world, MESSAGE_GATE_ASK), "arguments");
    assert_string_equal(json_string_value(json_object_get(arguments, "name")), "ci");
    answer(world, last_id(world), 201, json_pack("{s:s}", "token", "reeve_x"));
    assert_true(says(peer_hear(world, &client), "201 Created"));
    peer_close(&client);
}

static void test_a_client_that_leaves_takes_its_question_along(void **state)
{
    struct world *world = *state;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET(API "targets"));
    uint32_t id = last_id(world);
    peer_close(&client);
    turn_all(world->loop);
    answer(world, id, 200, json_object());
    client = client_open(world);
    peer_say_text(world, &client, POST("tokens", "application/json", "14\r\n\r\n{\"name"));
    peer_close(&client);
    turn_all(world->loop);
}

static void test_without_a_keeper(void **state)
{
    struct world *world = *state;
    struct peer asked = client_open(world), late = client_open(world);
    peer_say_text(world, &asked, GET(API "targets"));
    channel_close(&world->keeper);
    turn_all(world->loop);
    struct slice heard = peer_hear(world, &asked);
    assert_true(slice_starts_with(heard, SLICE("HTTP/1.1 503 ")) && says(heard, "Retry-After: 1"));
    peer_say_text(world, &late, GET(API "targets"));
    assert_true(slice_starts_with(peer_hear(world, &late), SLICE("HTTP/1.1 503 ")));
    peer_close(&asked);
    peer_close(&late);
}

static void test_the_consoles_listener_has_nothing_else(void **state)
{
    struct world *world = *state;
    expect(world, GET("/"), "HTTP/1.1 200 ", "api/v1/openapi.json");
    expect(world, GET("/index.html"), "HTTP/1.1 404 ", NULL);
    expect(world, GET("/health"), "HTTP/1.1 200 ", "{\"status\":\"ok\"");
    expect(world, GET(API "openapi.json"), "HTTP/1.1 200 ", "\"openapi\":\"3.1.0\"");
    expect(world, GET(API "nonsense"), "HTTP/1.1 404 ", "problem+json");
    expect(world, GET("/_reeve/api/v1"), "HTTP/1.1 404 ", "problem+json");
    expect(world, "DELETE " API "targets HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 ",
           "Allow: GET, HEAD");
    expect(world,
           "POST " API "reload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n"
           "Content-Length: 0\r\n\r\n",
           "HTTP/1.1 403 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
}

static void test_other_listeners_take_a_token_only(void **state)
{
    struct world *world = *state;
    world->console = false;
    world_serve(world, ROUTES);
    expect(world, GET("/index.html"), "HTTP/1.1 200 ", "page");
    expect(world, GET(API "targets"), "HTTP/1.1 401 ", "problem+json");
    expect(world, GET(API "targets"), "HTTP/1.1 401 ", "WWW-Authenticate: Bearer\r\n");
    /* A sign-in would not help here. */
    expect(world, GET(API "targets"), "HTTP/1.1 401 ",
           "\"Show a token: Authorization: Bearer reeve_...; `reeve token create NAME` makes one.\"");
    expect(world, GET(API "nonsense"), "HTTP/1.1 401 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_stream_of_targets_has_whole_targets),
        TEST(test_a_question_and_its_answer),
        TEST(test_a_large_answer_comes_whole),
        TEST(test_bodies),
        TEST(test_a_body_in_pieces),
        TEST(test_a_client_that_leaves_takes_its_question_along),
        TEST(test_without_a_keeper),
        TEST(test_the_consoles_listener_has_nothing_else),
        TEST(test_other_listeners_take_a_token_only),
    };
    return run_group(tests);
}
