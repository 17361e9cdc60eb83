/* Event streams of a program under a route's limits: what asks for nothing else is refused before the program
 * is asked, the rest when it has answered. */
#include "base/memory.h"
#include "link/page_slots.h"

#include "world.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/few', 'kind': 'proxy', 'target': 'api', 'limits': {'streams': 2}}]"
#define ASK        "GET /few HTTP/1.1\r\nHost: localhost\r\n"
#define ASK_EVENTS ASK "Accept: text/event-stream\r\n\r\n"
#define EVENTS     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define JSON       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct fixture {
    struct world world;
    int program;
};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    int port;
    fixture->program = world_listen(&port);
    world_open(&fixture->world, -1);
    world_serve(&fixture->world, ROUTES);
    struct target_row row = world_row("api", TARGET_READY, port);
    world_set_row(&fixture->world, &row);
    *state = fixture;
    return 0;
}

static unsigned places(const struct fixture *fixture)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < PAGE_SLOTS; i++)
        sum += fixture->world.page->slots[i] & 0xffff;
    return sum;
}

/* The end of a connection may reach the gate late (see peer_has_ended()). */
static void expect_places(struct fixture *fixture, unsigned taken)
{
    turn_all(fixture->world.loop);
    for (int waits = 0; waits < 1000 && places(fixture) != taken; waits++)
        loop_step(fixture->world.loop, 20);
    assert_int_equal(places(fixture), taken);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    expect_places(fixture, 0);
    world_close(&fixture->world);
    close(fixture->program);
    free(fixture);
    return 0;
}

struct both {
    struct peer client, program;
    bool counts; /* against the limit */
};

/* What the client gets when the program says `answer`. */
static struct slice answered(struct fixture *fixture, const char *ask, const char *answer, struct both *both)
{
    both->counts = false;
    both->client = client_open(&fixture->world);
    peer_say_text(&fixture->world, &both->client, ask);
    both->program = program_accept(&fixture->world, fixture->program);
    peer_hear(&fixture->world, &both->program);
    peer_say_text(&fixture->world, &both->program, answer);
    return peer_hear(&fixture->world, &both->client);
}

static struct both open_events(struct fixture *fixture, const char *ask)
{
    struct both both;
    assert_true(slice_starts_with(answered(fixture, ask, EVENTS, &both), SLICE("HTTP/1.1 200 ")));
    both.counts = true;
    return both;
}

static void leave(struct fixture *fixture, struct both *both)
{
    unsigned taken = places(fixture);
    peer_close(&both->client);
    peer_close(&both->program);
    expect_places(fixture, taken - both->counts);
}

static void expect_full(struct slice answer)
{
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")));
    assert_true(says(answer, "Retry-After: ") && says(answer, "limits.streams"));
}

static void test_one_too_many(void **state)
{
    struct fixture *fixture = *state;
    struct both first = open_events(fixture, ASK_EVENTS), second = open_events(fixture, ASK "\r\n"), third;
    expect(&fixture->world, ASK_EVENTS, "HTTP/1.1 503 ", "limits.streams");
    assert_true(program_is_left_alone(&fixture->world, fixture->program));
    expect_full(answered(fixture, ASK "\r\n", EVENTS "data: 1\n\n", &third));
    assert_true(peer_has_ended(&fixture->world, &third.program)); /* it hears that its client has left */
    leave(fixture, &third);
    assert_true(says(answered(fixture, ASK "\r\n", JSON, &third), "\r\n\r\n{}")); /* that is no stream */
    leave(fixture, &third);
    peer_say_text(&fixture->world, &first.program, "data: 1\n\n"); /* nobody is evicted */
    assert_true(says(peer_hear(&fixture->world, &first.client), "data: 1\n\n"));
    leave(fixture, &second);
    third = open_events(fixture, ASK "\r\n");
    leave(fixture, &first), leave(fixture, &third);
}

/* A client that takes other things too is not judged before the answer is known. */
static void test_who_takes_other_things_too(void **state)
{
    struct fixture *fixture = *state;
    struct both first = open_events(fixture, ASK_EVENTS), second = open_events(fixture, ASK_EVENTS), third;
    static const char *const accepts[] = {
        "Accept: application/json, text/event-stream\r\n\r\n",
        "Accept: text/event-stream; q=1, */*\r\n\r\n",
        "Accept: text/event-stream\r\nAccept: application/json\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++) {
        char *ask = memory_format(ASK "%s", accepts[i]);
        assert_true(says(answered(fixture, ask, JSON, &third), "\r\n\r\n{}"));
        leave(fixture, &third);
        expect_full(answered(fixture, ask, EVENTS, &third));
        leave(fixture, &third);
        free(ask);
    }
    leave(fixture, &first), leave(fixture, &second);
}

/* A place that was taken before the program was asked is given back when its answer is another. */
static void test_a_place_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct both both;
    for (int i = 0; i < 4; i++) {
        assert_true(says(answered(fixture, ASK_EVENTS, JSON, &both), "\r\n\r\n{}"));
        leave(fixture, &both);
        expect_places(fixture, 0);
    }
    struct both first = open_events(fixture, ASK_EVENTS), second = open_events(fixture, ASK_EVENTS);
    expect(&fixture->world, ASK_EVENTS, "HTTP/1.1 503 ", "limits.streams");
    leave(fixture, &first), leave(fixture, &second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ignore_broken_pipes();
    const struct CMUnitTest tests[] = {
        TEST(test_one_too_many),
        TEST(test_who_takes_other_things_too),
        TEST(test_a_place_for_nothing),
    };
    return run_group(tests);
}
