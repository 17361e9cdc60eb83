/* Who gets to a terminal, when, and what everybody else is told. */
#include "viewing.h"

static void test_nothing_is_switched_to_before_the_terminal_is_there(void **state)
{
    struct viewing *fixture = *state;
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    assert_int_equal(heard(fixture).size, 0);
    const json_t *asked = told_last(&fixture->world, MESSAGE_GATE_ATTACH);
    assert_string_equal(json_string_value(json_object_get(asked, "target")), "shell/a1");
    assert_true(json_is_false(json_object_get(asked, "view")) &&
                json_is_false(json_object_get(asked, "api")));
    give_link(fixture);
    struct slice answer = heard(fixture);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 101 ")));
    assert_true(says(answer, "Sec-WebSocket-Protocol: tty\r\n"));
    assert_true(says(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    buffer_clear(&fixture->client.received);
    hold_says(fixture, TERMINAL_OUTPUT, SLICE("early")); /* before the client has said its size */
    assert_int_equal(heard(fixture).size, 0);
    say(fixture, HELLO);
    expect_size(fixture, 90, 30);
    expect_frames(fixture, SLICE("\x82\x09"
                                 "1shell/a1"
                                 "\x82\x03"
                                 "2{}"
                                 "\x82\x06"
                                 "0early"));
    assert_int_equal(fixture->world.page->targets[0].streams, 1);
}

static void test_watching(void **state)
{
    struct viewing *fixture = *state;
    shake(fixture, SHAKE("/watch/ws") "\r\n");
    assert_true(json_is_true(json_object_get(told_last(&fixture->world, MESSAGE_GATE_ATTACH), "view")));
    give_link(fixture);
    heard(fixture);
    buffer_clear(&fixture->client.received);
    say(fixture, HELLO);
    assert_true(says(heard(fixture), "\"disableStdin\":true"));
    say(fixture, "0rm -rf /\r");
    say(fixture, "1{\"columns\": 132, \"rows\": 50}");
    assert_int_equal(hold_hears(fixture).size, 0);
    say(fixture, "2");
    assert_true(slice_equal(hold_hears(fixture), SLICE("2")));
    expect(&fixture->world, PAGE("/watch/"), "HTTP/1.1 200 ", "data-may-type=\"false\"");
    expect(&fixture->world, SHAKE("/closed/ws") "\r\n", "HTTP/1.1 401 ", NULL);
    assert_int_equal(told_times(&fixture->world, MESSAGE_GATE_ATTACH), 1);
}

static void test_refusals(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    expect(world, SHAKE("/t/nobody/ws") "\r\n", "HTTP/1.1 404 ", NULL);
    expect(world, SHAKE("/t/-/ws") "\r\n", "HTTP/1.1 404 ", NULL);
    expect(world, SHAKE("/t/a1/ws") "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 ", NULL);
    expect(world, SHAKE("/t/a1/else") "\r\n", "HTTP/1.1 404 ", NULL);
    expect(world, SHAKE("/t/a1/ws") "Content-Length: 1\r\n\r\nx", "HTTP/1.1 400 ", NULL);
    expect(world,
           "GET /t/a1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
           "HTTP/1.1 426 ", "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_ATTACH), 0);
    static const struct {
        int status;
        const char *start;
    } rows[] = {{404, "HTTP/1.1 404 "}, {409, "HTTP/1.1 404 "}, {403, "HTTP/1.1 403 "},
                {503, "HTTP/1.1 503 "}, {504, "HTTP/1.1 503 "}, {429, "HTTP/1.1 503 "}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        shake(fixture, SHAKE("/t/a1/ws") "\r\n");
        give_nothing(fixture, rows[i].status, "the reason");
        assert_true(slice_starts_with(heard(fixture), slice_of_text(rows[i].start)));
    }
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    world_advance(world, 10100); /* the keeper says nothing */
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    struct target_row row = world_row("shell/a1", TARGET_ENDED, 0);
    world_set_row(world, &row);
    expect(world, SHAKE("/t/a1/ws") "\r\n", "HTTP/1.1 503 ", "shell/a1");
    expect(world, GET("/t/a1/ws"), "HTTP/1.1 503 ", "shell/a1");
}

/* Half a minute, as other doors name it, would be waited by a page whose operator has just started it again.
 */
static void test_who_waits_for_an_ended_program_is_told_to_ask_again_in_seconds(void **state)
{
    struct viewing *fixture = *state;
    static const enum target_state states[] = {TARGET_ENDED, TARGET_FAILED, TARGET_DOWN};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct target_row row = world_row("shell/a1", states[i], 0);
        row.wanted = states[i] != TARGET_DOWN; /* an operator stopped it */
        world_set_row(&fixture->world, &row);
        expect(&fixture->world, SHAKE("/t/a1/ws") "\r\n", "HTTP/1.1 503 ", "Retry-After: 3\r\n");
        expect(&fixture->world, GET("/t/a1/ws"), "HTTP/1.1 503 ", "Retry-After: 3\r\n");
    }
}

/* ttyd's client comes back at once, whatever it is told. */
static void test_a_browser_is_refused_in_a_moment(void **state)
{
    struct viewing *fixture = *state;
    struct target_row row = world_row("shell/a1", TARGET_FAILED, 0);
    world_set_row(&fixture->world, &row);
    shake(fixture, SHAKE("/t/a1/ws") "Origin: http://localhost\r\n\r\n");
    world_advance(&fixture->world, 900);
    assert_int_equal(heard(fixture).size, 0);
    world_advance(&fixture->world, 200);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    shake(fixture, SHAKE("/t/a1/ws") "Origin: http://localhost\r\n\r\n");
    peer_close(&fixture->client); /* it does not wait for it */
    world_advance(&fixture->world, 2000);
}

static void test_a_program_that_starts_is_waited_for(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    struct target_row row = world_row("shell/a1", TARGET_DOWN, 0);
    row.demand = true;
    world_set_row(world, &row);
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_WANT), 1);
    assert_int_equal(told_times(world, MESSAGE_GATE_ATTACH), 0);
    row.state = TARGET_STARTING;
    world_set_row(world, &row);
    row.state = TARGET_READY;
    row.ready = true;
    world_set_row(world, &row);
    give_link(fixture);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 101 ")));
    row.state = TARGET_DOWN;
    row.ready = false;
    world_set_row(world, &row);
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    size_t before = told_times(world, MESSAGE_GATE_UNWANT);
    peer_close(&fixture->client); /* leaves while it waits */
    turn_all(world->loop);
    assert_int_equal(told_times(world, MESSAGE_GATE_UNWANT), before + 1);
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    world_advance(world, 30100);
    assert_true(says(heard(fixture), "not ready after 30 s"));
}

static void test_a_visit_makes_the_instance(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    expect(world, PAGE("/made/new/"), "HTTP/1.1 200 ", "data-may-type=\"true\"");
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    shake(fixture, SHAKE("/made/new/ws") "\r\n");
    const json_t *asked = told_last(world, MESSAGE_GATE_ASK);
    assert_string_equal(json_string_value(json_object_get(asked, "operation")), "create");
    assert_int_equal(told_times(world, MESSAGE_GATE_ATTACH), 0);
    struct target_row row = world_row("shell/new", TARGET_READY, 0);
    world_set_row(world, &row);
    uint32_t id = world->told[world->told_count - 1].id;
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_ANSWER, id,
                                  json_pack("{s:i, s:{}}", "status", 201, "body"), NULL, 0),
                     0);
    turn_all(world->loop);
    give_link(fixture);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 101 ")));
}

static void test_a_program_is_started_again(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    struct target_row row = world_row("shell/a1", TARGET_FAILED, 0);
    world_set_row(world, &row);
    expect(world, GET("/t/a1/ws?again=1"), "HTTP/1.1 503 ", NULL); /* a plain GET changes nothing */
    expect(world, SHAKE("/watch/ws?again=1") "\r\n", "HTTP/1.1 503 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    shake(fixture, SHAKE("/t/a1/ws?again=1") "\r\n");
    const json_t *asked = told_last(world, MESSAGE_GATE_ASK);
    assert_string_equal(json_string_value(json_object_get(asked, "operation")), "restart");
    uint32_t id = world->told[world->told_count - 1].id;
    row.state = TARGET_READY;
    row.ready = true;
    world_set_row(world, &row);
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_ANSWER, id,
                                  json_pack("{s:i, s:{}}", "status", 200, "body"), NULL, 0),
                     0);
    turn_all(world->loop);
    give_link(fixture);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 101 ")));
    row.state = TARGET_ENDED;
    row.ready = false;
    world_set_row(world, &row);
    shake(fixture, SHAKE("/t/a1/ws?again=1") "\r\n");
    id = world->told[world->told_count - 1].id;
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_ANSWER, id,
                                  json_pack("{s:i, s:{s:s}}", "status", 403, "body", "text", "no"), NULL, 0),
                     0);
    turn_all(world->loop);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 403 ")));
}

/* The client knows from the hold itself; the keeper's word may come behind its handshake. */
static void test_a_program_is_started_again_though_this_gate_hears_late(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    struct target_row row = world_row("shell/a1", TARGET_STOPPING, 0);
    world_set_row(world, &row);
    shake(fixture, SHAKE("/t/a1/ws?again=1") "\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    row.state = TARGET_FAILED;
    world_set_row(world, &row);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 1);
    assert_int_equal(heard(fixture).size, 0);
    row.state = TARGET_READY;
    row.ready = true;
    world_set_row(world, &row);
    shake(fixture, SHAKE("/t/a1/ws?again=1") "\r\n"); /* it runs for all this gate knows */
    row.state = TARGET_ENDED;
    row.ready = false;
    world_set_row(world, &row);
    give_nothing(fixture, 503, "it is not running");
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 2);
    assert_string_equal(json_string_value(json_object_get(told_last(world, MESSAGE_GATE_ASK), "operation")),
                        "restart");
}

static void test_who_only_watches_makes_no_instance(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    expect(world, PAGE("/shown/new/"), "HTTP/1.1 404 ", NULL);
    expect(world, SHAKE("/shown/new/ws") "\r\n", "HTTP/1.1 404 ", NULL);
    assert_int_equal(told_times(world, MESSAGE_GATE_ASK), 0);
    expect(world, PAGE("/shown/a1/"), "HTTP/1.1 200 ", "data-may-type=\"false\"");
}

static void test_pages(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    expect(world, GET("/t/a1/token"), "HTTP/1.1 200 ", "\r\n\r\n{\"token\": \"\"}");
    expect(world, GET("/t/a1"), "HTTP/1.1 308 ", "Location: /t/a1/\r\n");
    expect(world, PAGE("/t/a1/"), "HTTP/1.1 200 ", "Content-Security-Policy: default-src 'none'");
    expect(world, PAGE("/t/nobody/"), "HTTP/1.1 404 ", NULL);
    expect(world, GET("/t/nobody/token"), "HTTP/1.1 404 ", NULL);
    expect(world, GET("/t/a1/other"), "HTTP/1.1 404 ", NULL);
    expect(world, GET("/t/a1/ws"), "HTTP/1.1 426 ", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    expect(world, GET("/t/a1/ws"), "HTTP/1.1 426 ", "Content-Type: application/problem+json\r\n");
    struct target_row row = world_row("shell/a1", TARGET_READY, 0);
    row.terminal.there = false; /* client.js asks so whether it may come back */
    world_set_row(world, &row);
    expect(world, GET("/t/a1/ws"), "HTTP/1.1 404 ", "This program has no terminal.");
    expect(world, "POST /t/a1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n");
}

static void test_the_keeper_is_away(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    open_terminal(fixture, HELLO);
    struct peer second = client_open(world);
    peer_say_text(world, &second, SHAKE("/t/a1/ws") "\r\n");
    channel_close(&world->keeper);
    turn_all(world->loop);
    assert_true(slice_starts_with(peer_hear(world, &second), SLICE("HTTP/1.1 503 ")));
    peer_close(&second);
    hold_says(fixture, TERMINAL_OUTPUT, SLICE("still"));
    expect_frames(fixture, SLICE("\x82\x06"
                                 "0still"));
    expect(world, SHAKE("/t/a1/ws") "\r\n", "HTTP/1.1 503 ", "keeper is away");
}

/* An answer nobody waits for any more is closed, which the hold sees. */
static void test_a_late_link_is_closed(void **state)
{
    struct viewing *fixture = *state;
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    peer_close(&fixture->client);
    turn_all(fixture->world.loop);
    give_link(fixture);
    char byte;
    assert_int_equal(recv(fixture->hold, &byte, 1, MSG_DONTWAIT), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_switched_to_before_the_terminal_is_there),
        TEST(test_watching),
        TEST(test_refusals),
        TEST(test_who_waits_for_an_ended_program_is_told_to_ask_again_in_seconds),
        TEST(test_a_browser_is_refused_in_a_moment),
        TEST(test_a_program_that_starts_is_waited_for),
        TEST(test_a_visit_makes_the_instance),
        TEST(test_a_program_is_started_again),
        TEST(test_a_program_is_started_again_though_this_gate_hears_late),
        TEST(test_who_only_watches_makes_no_instance),
        TEST(test_pages),
        TEST(test_the_keeper_is_away),
        TEST(test_a_late_link_is_closed),
    };
    return run_group(tests);
}
