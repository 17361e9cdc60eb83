/* Routes whose target is named by the request: which instance answers, and that nobody else does. */
#include "base/memory.h"

#include "world.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/s/{id}/*', 'kind': 'proxy', 'target': 'shell/{id}', 'strip': true}," \
    " {'place': 'r.yaml:2:1', 'host': '{id}.example', 'path': '/*', 'kind': 'proxy',"                        \
    "  'target': 'shell/{id}'}]"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_path_names_the_instance),
        TEST(test_the_host_names_the_instance),
        TEST(test_an_unknown_or_impossible_name_is_404),
    };
    return run_group(tests);
}
