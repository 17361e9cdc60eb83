/* A gate's orders and its life: two phases, waiting before serving, probes, drain, a dead keeper, hand-over.
 */
#include <sys/un.h>

#include "base/memory.h"

#include "world.h"

#define FILES "{'place': 'r.yaml:1:1', 'path': '/*', 'kind': 'files', 'root': 'files:0'}"
#define API   "{'place': 'r.yaml:2:1', 'path': '/api/*', 'kind': 'proxy', 'target': 'api'}"

static int set_up(void **state)
{
    struct world *world = world_new();
    world_write_file(world, "index.html", "page");
    *state = world;
    return 0;
}

static void test_the_page_says_who_writes_it(void **state)
{
    struct world *world = *state;
    assert_int_equal(world->page->version, PAGE_VERSION);
    assert_int_equal(world->page->pid, getpid());
    assert_int_equal(world->page->generation, 7);
    uint64_t tick = world->page->tick_ms;
    world_advance(world, 1001);
    assert_int_equal(world->page->tick_ms, tick + 1001);
    world_serve(world, "[" FILES "]");
    expect(world, GET("/"), "HTTP/1.1 200 ", NULL);
    assert_int_equal(world->page->accepted, 1);
    assert_int_equal(world->page->requests, 1);
    world_advance(world, 1001);
    assert_int_equal(world->page->open, 0);
}

static void test_a_bad_snapshot_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *routes, *text;
    } rows[] = {
        {"[{'place': 'r.yaml:7:3', 'path': 5, 'kind': 'files', 'root': 'files:0'}]", "r.yaml:7:3: \"path\""},
        {"[{'place': 'r.yaml:7:3', 'path': 'x', 'kind': 'files', 'root': 'files:0'}]", "r.yaml:7:3: path"},
        {"[{'place': 'r.yaml:7:3', 'path': '/', 'kind': 'magic'}]", "r.yaml:7:3: \"kind\""},
        {"[{'place': 'r.yaml:7:3', 'path': '/', 'kind': 'files', 'root': 'files:9'}]",
         "r.yaml:7:3: \"root\""},
        {"[{'place': 'r.yaml:7:3', 'path': '/', 'kind': 'proxy', 'target': 'a', 'body_max': -1}]",
         "r.yaml:7:3: \"body_max\""},
        {"[{'place': 'r.yaml:7:3', 'path': '/', 'kind': 'proxy', 'target': 'a', 'strip': 1}]",
         "r.yaml:7:3: \"strip\""},
        {"[" FILES ", {'place': 'r.yaml:7:3', 'path': '/*', 'kind': 'proxy', 'target': 'a'}]",
         "r.yaml:7:3: path \"/*\""},
        {"[5]", "a route"},
        {"{}", "\"routes\""},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world_prepare(world, rows[i].routes);
        const json_t *answer = told_last(world, MESSAGE_GATE_PREPARED);
        const char *text = json_string_value(json_object_get(answer, "error"));
        assert_int_equal(json_integer_value(json_object_get(answer, "snapshot")), world->snapshot);
        if (json_is_true(json_object_get(answer, "ok")) || !text || !strstr(text, rows[i].text))
            fail_msg("%s -> %s", rows[i].routes, text ? text : "no error");
    }
    world_serve(world, "[" FILES "]"); /* none the worse for it */
    expect(world, GET("/"), "HTTP/1.1 200 ", "page");
}

static void test_prepared_is_not_served_until_committed(void **state)
{
    struct world *world = *state;
    world_serve(world, "[" FILES "]");
    world_prepare(world, "[]");
    expect(world, GET("/"), "HTTP/1.1 200 ", "page");
    world_send(world, MESSAGE_GATE_DROP, json_pack("{s:i}", "snapshot", world->snapshot));
    expect(world, GET("/"), "HTTP/1.1 200 ", "page");
    world_prepare(world, "[]");
    world_commit(world);
    expect(world, GET("/"), "HTTP/1.1 404 ", "No route");
    expect(world, GET("/health"), "HTTP/1.1 200 ", NULL);
}

static void test_an_exchange_outlives_the_snapshot_that_it_came_under(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    struct target_row row = world_row("api", TARGET_STARTING, 0);
    world_set_row(world, &row);
    world_serve(world, "[" API "]");
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    world_prepare(world, "[]");
    world_commit(world);
    row = world_row("api", TARGET_READY, port);
    world_set_row(world, &row);
    struct peer behind = program_accept(world, program);
    assert_true(slice_starts_with(peer_hear(world, &behind), SLICE("GET /api/x ")));
    peer_say_text(world, &behind, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 204 ")));
    peer_close(&client);
    peer_close(&behind);
    close(program);
}

static void test_requests_wait_until_reeve_serves(void **state)
{
    struct world *world = *state;
    world_prepare(world, "[" FILES "]");
    world_commit(world);
    struct peer clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(world);
        peer_say_text(world, &clients[i], GET("/"));
    }
    expect(world, GET("/health"), "HTTP/1.1 200 ", "{\"status\":\"ok\"}");
    expect(world, GET("/ready"), "HTTP/1.1 503 ", NULL);
    assert_int_equal(peer_hear(world, &clients[0]).size, 0);
    peer_close(&clients[1]); /* leaves */
    world_send(world, MESSAGE_GATE_PHASE, json_pack("{s:s}", "phase", "serving"));
    assert_true(says(peer_hear(world, &clients[0]), "page"));
    expect(world, GET("/ready"), "HTTP/1.1 200 ", NULL);
    peer_close(&clients[0]);
}

static void test_a_gate_that_is_drained_before_it_served_refuses(void **state)
{
    struct world *world = *state;
    world_prepare(world, "[" FILES "]");
    world_commit(world);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 5000));
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 503 ")));
    peer_close(&client);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
}

static void test_drain_lets_open_requests_end(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    struct target_row row = world_row("api", TARGET_READY, port);
    world_set_row(world, &row);
    world_serve(world, "[" API ", " FILES "]");
    struct peer idle, busy = client_open(world);
    client_ask(world, &idle, GET("/"));
    peer_say_text(world, &busy, GET("/api/x"));
    struct peer behind = program_accept(world, program);
    peer_hear(world, &behind);
    world_send(world, MESSAGE_GATE_PHASE, json_pack("{s:s}", "phase", "stopping"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 5000));
    assert_int_equal(world->page->draining, 1);
    peer_hear(world, &idle);
    assert_true(peer_has_ended(world, &idle)); /* reeve stops: nothing comes any more */
    peer_say_text(world, &behind, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    struct slice answer = peer_hear(world, &busy);
    assert_true(says(answer, "Connection: close\r\n") && slice_ends_with(answer, SLICE("ok")));
    assert_true(peer_has_ended(world, &busy));
    peer_close(&busy);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
    assert_int_equal(told_times(world, MESSAGE_GATE_DRAINED), 1);
    peer_close(&idle);
    peer_close(&behind);
    close(program);
}

static void test_a_short_drain_lets_who_has_just_come_ask(void **state)
{
    struct world *world = *state;
    world_serve(world, "[" FILES "]");
    struct peer client = client_open(world), silent = client_open(world);
    turn_all(world->loop);
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 2000)); /* others carry on */
    world_advance(world, 900);
    peer_say_text(world, &client, GET("/"));
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 200 ")) && says(answer, "Connection: close\r\n"));
    world_advance(world, 200);
    assert_true(peer_has_ended(world, &silent));
    peer_close(&client);
    peer_close(&silent);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
}

static void test_a_drain_has_an_end(void **state)
{
    struct world *world = *state;
    world_serve(world, "[" API "]");
    struct target_row row = world_row("api", TARGET_STARTING, 0);
    world_set_row(world, &row);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 5000));
    world_advance(world, 4900);
    assert_false(world->ended);
    world_advance(world, 200);
    assert_true(world_has_ended(world));
    peer_close(&client);
}

static void test_without_a_keeper_what_is_ready_is_served(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    struct target_row row = world_row("api", TARGET_READY, port);
    world_set_row(world, &row);
    row = world_row("cold", TARGET_DOWN, 0);
    row.demand = true;
    world_set_row(world, &row);
    world_serve(world,
                "[" API ", {'place': 'r.yaml:3:1', 'path': '/cold', 'kind': 'proxy', 'target': 'cold'}]");
    struct peer waiting = client_open(world);
    peer_say_text(world, &waiting, GET("/cold"));
    channel_close(&world->keeper);
    struct slice answer = peer_hear(world, &waiting);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")) && says(answer, "keeper"));
    expect(world, GET("/cold"), "HTTP/1.1 503 ", "keeper");
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/api/x"));
    struct peer behind = program_accept(world, program);
    peer_say_text(world, &behind, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 204 ")));
    peer_close(&client);
    peer_close(&waiting);
    peer_close(&behind);
    world_advance(world, 29000);
    expect(world, GET("/health"), "HTTP/1.1 200 ", NULL);
    assert_false(world->ended);
    world_advance(world, 1100);
    assert_true(world_has_ended(world));
    close(program);
}

static void test_a_keeper_that_never_came_so_far_is_the_end(void **state)
{
    struct world *world = *state;
    channel_close(&world->keeper);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
}

static void test_malformed_orders_are_the_end(void **state)
{
    struct world *world = *state;
    world_send(world, MESSAGE_GATE_COMMIT, json_pack("{s:i}", "snapshot", 99));
    assert_true(world_has_ended(world));
}

/* --- probes -------------------------------------------------------------------------------------- */

static void probe(struct world *world, int port, uint32_t id)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    json_t *body = json_pack("{s:s, s:i, s:s, s:i, s:s}", "target", "api", "generation", 3, "path", "/health",
                             "timeout_ms", 1000, "address", address);
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_PROBE, id, body, NULL, 0), 0);
    turn_all(world->loop);
}

static void expect_probed(struct world *world, uint32_t id, bool ok, const char *error)
{
    turn_all(world->loop);
    const json_t *body = told_last(world, MESSAGE_GATE_PROBED);
    const char *text = json_string_value(json_object_get(body, "error"));
    assert_int_equal(world->told[world->told_count - 1].id, id);
    assert_int_equal(json_is_true(json_object_get(body, "ok")), ok);
    assert_int_equal(json_integer_value(json_object_get(body, "generation")), 3);
    assert_string_equal(json_string_value(json_object_get(body, "target")), "api");
    if (error ? !text || !strstr(text, error) : text != NULL)
        fail_msg("%s", text ? text : "no error");
}

static void test_probes(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    probe(world, port, 1);
    struct peer behind = program_accept(world, program);
    assert_true(
        slice_starts_with(peer_hear(world, &behind), SLICE("GET /health HTTP/1.1\r\nHost: localhost\r\n")));
    peer_say_text(world, &behind, "HTTP/1.1 302 Found\r\nContent-Length: 100\r\n\r\n");
    expect_probed(world, 1, true, NULL);
    peer_close(&behind);
    probe(world, port, 2);
    behind = program_accept(world, program);
    peer_say_text(world, &behind, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    expect_probed(world, 2, false, NULL);
    peer_close(&behind);
    probe(world, port, 3); /* never answered */
    world_advance(world, 1100);
    expect_probed(world, 3, false, "1000 ms");
    close(program);
    probe(world, port, 4);
    expect_probed(world, 4, false, "Connection refused");
}

static void ask(struct world *world, int port, uint32_t id, const char *method, const char *path)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    json_t *body = json_pack("{s:s, s:i, s:i, s:s, s:s*, s:s*}", "target", "api", "generation", 3,
                             "timeout_ms", 1000, "address", address, "method", method, "path", path);
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_PROBE, id, body, NULL, 0), 0);
    turn_all(world->loop);
}

static void test_a_loop_has_a_method_of_its_own(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    ask(world, port, 1, "POST", "/tick");
    struct peer behind = program_accept(world, program);
    struct slice heard = peer_hear(world, &behind);
    assert_true(slice_starts_with(heard, SLICE("POST /tick HTTP/1.1\r\n")));
    assert_non_null(memmem(heard.data, heard.size, "Content-Length: 0\r\n", 19));
    peer_say_text(world, &behind, "HTTP/1.1 204 No Content\r\n\r\n");
    expect_probed(world, 1, true, NULL);
    peer_close(&behind);
    close(program);
}

static void test_a_connection_may_be_all_that_is_asked(void **state)
{
    struct world *world = *state;
    int port, program = world_listen(&port);
    ask(world, port, 1, NULL, NULL);
    struct peer behind = program_accept(world, program);
    expect_probed(world, 1, true, NULL);
    assert_int_equal(peer_hear(world, &behind).size, 0);
    peer_close(&behind);
    close(program);
    ask(world, port, 2, NULL, NULL);
    expect_probed(world, 2, false, "cannot connect: Connection refused");
}

/* --- hand-over ----------------------------------------------------------------------------------- */

static int listen_for_handover(struct sockaddr_un *address, char *directory)
{
    assert_non_null(mkdtemp(directory));
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "%s/s", directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void test_a_new_keeper_takes_the_listeners(void **state)
{
    (void)state;
    struct world *world = MEMORY_NEW(struct world);
    char directory[] = "/tmp/reeve-heir-XXXXXX";
    struct sockaddr_un address;
    world_open(world, listen_for_handover(&address, directory));
    world_write_file(world, "index.html", "page");
    world_serve(world, "[" FILES "]");
    channel_close(&world->keeper);
    turn_all(world->loop);

    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(channel_send_now(fd, MESSAGE_TAKE_LISTENERS, 1, NULL, NULL, 0, 1000), 0);
    turn_all(world->loop);
    struct channel_message answer;
    assert_int_equal(channel_receive_now(fd, &answer, 1000), 0);
    assert_int_equal(answer.type, MESSAGE_GATE_LISTENERS);
    assert_int_equal(answer.descriptor_count, 1);
    assert_int_equal(json_integer_value(json_object_get(answer.body, "pid")), getpid());
    int listening = 0;
    socklen_t size = sizeof listening;
    assert_int_equal(getsockopt(answer.descriptors[0], SOL_SOCKET, SO_ACCEPTCONN, &listening, &size), 0);
    assert_int_equal(listening, 1);
    close(answer.descriptors[0]);
    json_decref(answer.body);
    expect(world, GET("/"), "HTTP/1.1 200 ", "page"); /* until the new one's gates serve */
    assert_int_equal(
        channel_send_now(fd, MESSAGE_GATE_DRAIN, 0, json_pack("{s:i}", "timeout_ms", 1000), NULL, 0, 1000),
        0);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
    close(fd);
    world_close(world);
    free(world);
    unlink(address.sun_path);
    rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_says_who_writes_it),
        TEST(test_a_bad_snapshot_is_refused_with_its_place),
        TEST(test_prepared_is_not_served_until_committed),
        TEST(test_an_exchange_outlives_the_snapshot_that_it_came_under),
        TEST(test_requests_wait_until_reeve_serves),
        TEST(test_a_gate_that_is_drained_before_it_served_refuses),
        TEST(test_drain_lets_open_requests_end),
        TEST(test_a_short_drain_lets_who_has_just_come_ask),
        TEST(test_a_drain_has_an_end),
        TEST(test_without_a_keeper_what_is_ready_is_served),
        TEST(test_a_keeper_that_never_came_so_far_is_the_end),
        TEST(test_malformed_orders_are_the_end),
        TEST(test_probes),
        TEST(test_a_loop_has_a_method_of_its_own),
        TEST(test_a_connection_may_be_all_that_is_asked),
        cmocka_unit_test(test_a_new_keeper_takes_the_listeners),
    };
    return run_group(tests);
}
