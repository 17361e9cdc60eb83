/* A service of others whose address or policy is another one after a reload: streams do not stay with the
 * old. */
#include "base/memory.h"
#include "wire/websocket_frame.h"

#include "world.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/nas/*', 'kind': 'proxy', 'target': 'nas', 'connect_ms': 5000},"      \
    " {'place': 'r.yaml:2:1', 'path': '/box/*', 'kind': 'proxy', 'target': 'box', 'connect_ms': 5000}]"
#define ASK(path)                                                                                            \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define SWITCH                                                                                               \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define AGAIN "\x88\x02\x03\xf4" /* 1012 */

enum { STREAMS_MANY = 150 };

struct fixture {
    struct world world;
    int old, new;
    int old_port, new_port;
};

static struct target_row row_of(const char *name, int port)
{
    struct target_row row = world_row(name, TARGET_READY, port);
    row.generation = 0; /* no run of ours */
    return row;
}

static void set_row(struct fixture *fixture, const char *name, int port)
{
    struct target_row row = row_of(name, port);
    world_set_row(&fixture->world, &row);
}

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    fixture->old = world_listen(&fixture->old_port);
    fixture->new = world_listen(&fixture->new_port);
    world_open(&fixture->world, -1);
    world_serve(&fixture->world, ROUTES);
    set_row(fixture, "nas", fixture->old_port);
    set_row(fixture, "box", fixture->old_port);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    world_close(&fixture->world);
    close(fixture->old);
    close(fixture->new);
    free(fixture);
    return 0;
}

struct both {
    struct peer client, program;
};

static struct both ask(struct fixture *fixture, const char *request, int listener)
{
    struct both both = {.client = client_open(&fixture->world)};
    peer_say_text(&fixture->world, &both.client, request);
    both.program = program_accept(&fixture->world, listener);
    peer_hear_to(&fixture->world, &both.program, "\r\n\r\n");
    return both;
}

static void answer(struct fixture *fixture, struct both *both, const char *text, const char *start)
{
    peer_say_text(&fixture->world, &both->program, text);
    assert_true(
        slice_starts_with(peer_hear_to(&fixture->world, &both->client, "\r\n\r\n"), slice_of_text(start)));
    buffer_clear(&both->client.received);
    buffer_clear(&both->program.received);
}

static struct both join(struct fixture *fixture, const char *request, int listener)
{
    struct both both = ask(fixture, request, listener);
    answer(fixture, &both, SWITCH, "HTTP/1.1 101 ");
    return both;
}

static bool was_told(struct fixture *fixture, struct both *both)
{
    return peer_hear(&fixture->world, &both->client).size > 0;
}

static void expect_told(struct fixture *fixture, struct both *both)
{
    assert_true(slice_equal(peer_hear_to(&fixture->world, &both->client, AGAIN), SLICE(AGAIN)));
}

static void leave(struct both *both)
{
    peer_close(&both->client);
    peer_close(&both->program);
}

static void test_a_stream_to_an_address_that_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct both nas = join(fixture, ASK("/nas/x"), fixture->old),
                box = join(fixture, ASK("/box/x"), fixture->old);
    set_row(fixture, "nas", fixture->old_port); /* the same: another row's news */
    assert_false(was_told(fixture, &nas));
    set_row(fixture, "nas", fixture->new_port);
    expect_told(fixture, &nas);
    assert_false(was_told(fixture, &box));
    struct both again = join(fixture, ASK("/nas/x"), fixture->new);
    assert_false(was_told(fixture, &again));
    leave(&nas);
    leave(&box);
    leave(&again);
}

static void test_one_address_more_ends_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct both nas = join(fixture, ASK("/nas/x"), fixture->old);
    struct target_row row = row_of("nas", fixture->new_port);
    snprintf(row.addresses[row.address_count++], TARGET_ADDRESS_SIZE, "127.0.0.1:%d", fixture->old_port);
    world_set_row(&fixture->world, &row);
    assert_false(was_told(fixture, &nas));
    set_row(fixture, "nas", fixture->new_port);
    expect_told(fixture, &nas);
    leave(&nas);
}

/* It would go on unchecked, or under a pin that is no longer the right one. */
static void test_a_stream_under_another_policy(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both nas = join(fixture, ASK("/nas/x"), fixture->old),
                box = join(fixture, ASK("/box/x"), fixture->old);
    world->policies = "{'none:1': {'place': 'r.yaml:1:1', 'verify': 'none'}}";
    world_serve(world, ROUTES);
    struct target_row row = row_of("nas", fixture->old_port);
    snprintf(row.tls, sizeof row.tls, "none:1");
    world_set_row(world, &row);
    expect_told(fixture, &nas);
    assert_false(was_told(fixture, &box));
    leave(&nas);
    leave(&box);
}

/* The answer to a call that was made before the reload: it is passed on, and told to come again. */
static void test_a_stream_that_was_being_opened(void **state)
{
    struct fixture *fixture = *state;
    struct both nas = ask(fixture, ASK("/nas/x"), fixture->old);
    set_row(fixture, "nas", fixture->new_port);
    peer_say_text(&fixture->world, &nas.program, SWITCH);
    struct slice heard = peer_hear_to(&fixture->world, &nas.client, AGAIN);
    assert_true(slice_starts_with(heard, SLICE("HTTP/1.1 101 ")) && slice_ends_with(heard, SLICE(AGAIN)));
    leave(&nas);
}

/* The same for its route, which the reload has changed meanwhile. */
static void test_a_stream_whose_route_went_while_it_was_opened(void **state)
{
    struct fixture *fixture = *state;
    struct both nas = ask(fixture, ASK("/nas/x"), fixture->old);
    world_serve(&fixture->world, "[{'place': 'r.yaml:1:1', 'path': '/x', 'kind': 'proxy', 'target': 'nas'}]");
    peer_say_text(&fixture->world, &nas.program, SWITCH);
    struct slice heard = peer_hear_to(&fixture->world, &nas.client, AGAIN);
    assert_true(slice_starts_with(heard, SLICE("HTTP/1.1 101 ")) && slice_ends_with(heard, SLICE(AGAIN)));
    leave(&nas);
}

static void test_an_event_stream(void **state)
{
    struct fixture *fixture = *state;
    struct both nas = ask(fixture, GET("/nas/events"), fixture->old);
    answer(fixture, &nas, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "HTTP/1.1 200 ");
    set_row(fixture, "nas", fixture->new_port);
    assert_true(says(peer_hear_to(&fixture->world, &nas.client, "\r\n0\r\n\r\n"), "event: bye\n"));
    leave(&nas);
}

/* Its own end is told by the process; streams to it have the grace that its stop gives them. */
static void test_a_run_of_ours_ends_its_streams_itself(void **state)
{
    struct fixture *fixture = *state;
    struct target_row row = world_row("nas", TARGET_READY, fixture->old_port);
    world_set_row(&fixture->world, &row);
    struct both nas = join(fixture, ASK("/nas/x"), fixture->old);
    row = world_row("nas", TARGET_READY, fixture->new_port);
    row.generation = 2;
    world_set_row(&fixture->world, &row);
    set_row(fixture, "box", fixture->new_port); /* all are looked at */
    assert_false(was_told(fixture, &nas));
    leave(&nas);
}

/* The new address has to bear all of them coming back. */
static void test_many_are_told_over_the_time_of_a_drain(void **state)
{
    struct fixture *fixture = *state;
    static struct both all[STREAMS_MANY];
    for (int i = 0; i < STREAMS_MANY; i++)
        all[i] = join(fixture, ASK("/nas/x"), fixture->old);
    set_row(fixture, "nas", fixture->new_port);
    int by_half = 0;
    for (int second = 0; second < 31; second++) {
        world_advance(&fixture->world, 1000);
        for (int i = 0; i < STREAMS_MANY && second == 14; i++)
            by_half += was_told(fixture, &all[i]);
    }
    assert_in_range(by_half, 0, STREAMS_MANY * 2 / 3);
    for (int i = 0; i < STREAMS_MANY; i++)
        expect_told(fixture, &all[i]);
    for (int i = 0; i < STREAMS_MANY; i++)
        leave(&all[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_to_an_address_that_is_gone),
        TEST(test_one_address_more_ends_nothing),
        TEST(test_a_stream_under_another_policy),
        TEST(test_a_stream_that_was_being_opened),
        TEST(test_a_stream_whose_route_went_while_it_was_opened),
        TEST(test_an_event_stream),
        TEST(test_a_run_of_ours_ends_its_streams_itself),
        TEST(test_many_are_told_over_the_time_of_a_drain),
    };
    return run_group(tests);
}
