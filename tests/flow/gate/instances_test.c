/* Routes whose target is named by the request: which instance answers, and that nobody else does. */
#include "base/memory.h"

#include "world.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/s/{id}/*', 'kind': 'proxy', 'target': 'shell/{id}', 'strip': true}," \
    " {'place': 'r.yaml:2:1', 'host': '{id}.example', 'path': '/*', 'kind': 'proxy',"                        \
    "  'target': 'shell/{id}'},"                                                                             \
    " {'place': 'r.yaml:3:1', 'path': '/c/{id}/*', 'kind': 'proxy', 'target': 'shell/{id}', 'strip': true,"  \
    "  'create': true}]"

struct fixture {
    struct world world;
    int programs[2]; /* listeners of shell/a1 and shell/app */
    int ports[2];
};

static const char *const names[2] = {"shell/a1", "shell/app"};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    world_open(&fixture->world, -1);
    world_serve(&fixture->world, ROUTES);
    for (int i = 0; i < 2; i++) {
        fixture->programs[i] = world_listen(&fixture->ports[i]);
        struct target_row row = world_row(names[i], TARGET_READY, fixture->ports[i]);
        row.instance = true;
        row.slot = (unsigned)i;
        world_set_row(&fixture->world, &row);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    world_close(&fixture->world);
    for (int i = 0; i < 2; i++)
        close(fixture->programs[i]);
    free(fixture);
    return 0;
}

static void expect_asked(struct fixture *fixture, const char *request, int which, const char *start)
{
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, request);
    assert_true(program_is_left_alone(world, fixture->programs[1 - which]));
    struct peer program = program_accept(world, fixture->programs[which]);
    struct slice asked = peer_hear(world, &program);
    if (!slice_starts_with(asked, slice_of_text(start)))
        fail_msg("%s -> " SLICE_FORMAT, request, SLICE_ARGUMENTS(asked));
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_true(says(peer_hear(world, &client), "HTTP/1.1 200 OK\r\n"));
    peer_close(&client);
    peer_close(&program);
}

static void test_the_path_names_the_instance(void **state)
{
    struct fixture *fixture = *state;
    expect_asked(fixture, GET("/s/a1/x?y=1"), 0, "GET /x?y=1 HTTP/1.1\r\n");
    expect_asked(fixture, GET("/s/app/"), 1, "GET / HTTP/1.1\r\n");
    expect_asked(fixture, GET("/s/%61%31/x"), 0, "GET /x HTTP/1.1\r\n"); /* decoded once */
}

static void test_the_host_names_the_instance(void **state)
{
    struct fixture *fixture = *state;
    expect_asked(fixture, "GET /x HTTP/1.1\r\nHost: App.Example:80\r\n\r\n", 1, "GET /x HTTP/1.1\r\n");
}

static void test_an_unknown_or_impossible_name_is_404(void **state)
{
    struct fixture *fixture = *state;
    static const char *const requests[] = {
        GET("/s/c3/x"),
        GET("/s/..%2f../x"),
        GET("/s/%2e%2e%2fa1/x"),
        GET("/s/a%251/x"),
        GET("/s/.a1/x"),
        GET("/s/a1%2fx/y"),
        GET("/s/a1%20/y"),
        GET("/s/%7Bid%7D/y"),
        GET("/s/shell%2Fa1/y"),
        GET("/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/y"),
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct peer client;
        struct slice answer = client_ask(&fixture->world, &client, requests[i]);
        bool refused = slice_starts_with(answer, SLICE("HTTP/1.1 404 ")) ||
                       slice_starts_with(answer, SLICE("HTTP/1.1 400 "));
        if (!refused)
            fail_msg("%s -> " SLICE_FORMAT, requests[i], SLICE_ARGUMENTS(answer));
        peer_close(&client);
    }
    expect(&fixture->world, GET("/s/c3/x"), "HTTP/1.1 404 ", "There is no such instance.");
    expect(&fixture->world, GET("/s/a%00/x"), "HTTP/1.1 400 ", NULL);
    for (int i = 0; i < 2; i++)
        assert_true(program_is_left_alone(&fixture->world, fixture->programs[i]));
    assert_int_equal(told_times(&fixture->world, MESSAGE_GATE_WANT), 0);
}

static void say_gone(struct world *world, const char *name)
{
    world_send(world, MESSAGE_GATE_TARGET, json_pack("{s:s, s:b}", "name", name, "gone", 1));
}

static void test_one_that_is_gone_is_404(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    expect_asked(fixture, GET("/s/a1/x"), 0, "GET /x HTTP/1.1\r\n");
    assert_int_equal(world->page->targets[0].requests, 1);
    say_gone(world, "shell/a1");
    say_gone(world, "shell/never");
    expect(world, GET("/s/a1/x"), "HTTP/1.1 404 ", "There is no such instance.");
    assert_int_equal(world->page->targets[0].requests, 0); /* the slot is another's from now on */
    expect_asked(fixture, GET("/s/app/x"), 1, "GET /x HTTP/1.1\r\n");
}

/* Who waits for it is told, who has a request open there may finish it. */
static void test_it_goes_while_requests_are_open(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer open = client_open(world), waits = client_open(world);
    peer_say_text(world, &open, GET("/s/a1/x"));
    struct peer program = program_accept(world, fixture->programs[0]);
    struct target_row row = world_row("shell/w", TARGET_STARTING, 0);
    row.instance = true;
    row.slot = 2;
    world_set_row(world, &row);
    peer_say_text(world, &waits, GET("/s/w/x"));
    say_gone(world, "shell/a1");
    say_gone(world, "shell/w");
    assert_true(slice_starts_with(peer_hear(world, &waits), SLICE("HTTP/1.1 404 ")));
    world_advance(world, 5000); /* what nobody holds is freed */
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_true(says(peer_hear(world, &open), "\r\n\r\nok"));
    row.state = TARGET_READY; /* another one of the same name */
    row.ready = true;
    snprintf(row.name, sizeof row.name, "shell/a1");
    snprintf(row.addresses[0], sizeof row.addresses[0], "127.0.0.1:%d", fixture->ports[1]);
    row.address_count = 1;
    world_set_row(world, &row);
    expect_asked(fixture, GET("/s/a1/y"), 1, "GET /y HTTP/1.1\r\n");
    assert_int_equal(world->page->targets[2].requests, 1);
    world_advance(world, 5000);
    peer_close(&open);
    peer_close(&waits);
    peer_close(&program);
}

static void answer(struct world *world, int status, const char *text)
{
    uint32_t id = 0;
    for (size_t i = 0; i < world->told_count; i++)
        if (world->told[i].type == MESSAGE_GATE_ASK)
            id = world->told[i].id;
    json_t *body = json_pack("{s:s}", "text", text);
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_ANSWER, id,
                                  json_pack("{s:i, s:o}", "status", status, "body", body), NULL, 0),
                     0);
    turn_all(world->loop);
}

static void test_the_first_visit_creates(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/c/new/x?y"));
    const json_t *question = told_last(world, MESSAGE_GATE_ASK);
    json_t *arguments = world_json("{'template': 'shell', 'id': 'new'}");
    assert_string_equal(json_string_value(json_object_get(question, "operation")), "create");
    assert_true(json_equal(json_object_get(question, "arguments"), arguments));
    json_decref(arguments);
    struct target_row row = world_row("shell/new", TARGET_DOWN, 0);
    row.instance = row.demand = true;
    row.wanted = false;
    row.slot = 3;
    world_set_row(world, &row);
    answer(world, 201, "");
    assert_int_equal(told_times(world, MESSAGE_GATE_WANT), 1); /* held as for any target */
    row.state = TARGET_READY;
    row.ready = true;
    snprintf(row.addresses[0], sizeof row.addresses[0], "127.0.0.1:%d", fixture->ports[0]);
    row.address_count = 1;
    world_set_row(world, &row);
    struct peer program = program_accept(world, fixture->programs[0]);
    assert_true(slice_starts_with(peer_hear(world, &program), SLICE("GET /x?y HTTP/1.1\r\n")));
    peer_close(&client);
    peer_close(&program);
    expect(world, GET("/s/other/"), "HTTP/1.1 404 ", NULL); /* of another route, nothing is created */
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 1);
}

static void test_what_the_keeper_says_no_to(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    static const struct {
        int status, answered;
    } rows[] = {{403, 403}, {404, 404}, {409, 503}, {422, 404}, {429, 429}, {503, 503}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char start[32];
        struct peer client = client_open(world);
        peer_say_text(world, &client, GET("/c/new/"));
        answer(world, rows[i].status, "because of this");
        struct slice heard = peer_hear(world, &client);
        snprintf(start, sizeof start, "HTTP/1.1 %d ", rows[i].answered);
        if (!slice_starts_with(heard, slice_of_text(start)) || !says(heard, "because of this"))
            fail_msg("%d -> " SLICE_FORMAT, rows[i].status, SLICE_ARGUMENTS(heard));
        peer_close(&client);
    }
}

static void test_nobody_is_asked_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    expect(world,
           "GET /c/new/ HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
           "Sec-Fetch-Mode: no-cors\r\n\r\n",
           "HTTP/1.1 404 ", NULL);
    expect(world,
           "GET /c/new/ HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
           "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n",
           "HTTP/1.1 404 ", NULL);
    expect(world,
           "POST /c/new/ HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 403 ", NULL);
    expect(world, "GET /c/new/ HTTP/1.1\r\nHost: evil\r\n\r\n", "HTTP/1.1 421 ", NULL);
    expect_asked(fixture, GET("/c/a1/x"), 0, "GET /x HTTP/1.1\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    struct peer client = client_open(world); /* one that leaves is forgotten, whatever comes */
    peer_say_text(world, &client, GET("/c/new/"));
    peer_close(&client);
    turn_all(world->loop);
    answer(world, 201, "");
    assert_int_equal(told_times(world, MESSAGE_GATE_WANT), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_path_names_the_instance),          TEST(test_the_host_names_the_instance),
        TEST(test_an_unknown_or_impossible_name_is_404), TEST(test_one_that_is_gone_is_404),
        TEST(test_it_goes_while_requests_are_open),      TEST(test_the_first_visit_creates),
        TEST(test_what_the_keeper_says_no_to),           TEST(test_nobody_is_asked_for_nothing),
    };
    return run_group(tests);
}
