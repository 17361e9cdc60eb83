/* Upgrades: no 101 before the program's, no byte to the program before its 101, a goodbye on drain. */
#include "fixture.h"

static int set_up(void **state)
{
    return fixture_set_up(state, "[{'place': 'r.yaml:1:1', 'path': '/ws', 'kind': 'proxy', 'target': 'ws'}]",
                          "ws");
}

#define OFFER       ASK("/ws") "Sec-WebSocket-Protocol: chat, superchat\r\n"
#define FROM_CLIENT "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" /* "Hello", masked */
#define FROM_SERVER "\x81\x05Hello"

static void test_the_programs_101_comes_first(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, OFFER "\r\n" FROM_CLIENT); /* early bytes */
    struct peer program = program_accept(world, fixture->program);
    struct slice request = peer_hear(world, &program);
    assert_true(slice_ends_with(request, SLICE("\r\n\r\n"))); /* no byte of the client's behind the head */
    assert_true(says(request, "Upgrade: websocket\r\n"));
    assert_true(says(request, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    assert_true(says(request, "Sec-WebSocket-Protocol: chat, superchat\r\n"));
    assert_int_equal(peer_hear(world, &client).size, 0);
    buffer_clear(&program.received);
    peer_say_text(world, &program, SWITCH "Sec-WebSocket-Protocol: chat\r\n\r\n" FROM_SERVER);
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 101 Switching Protocols\r\n")));
    assert_true(says(answer, "Sec-WebSocket-Protocol: chat\r\n"));
    assert_true(says(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_true(slice_ends_with(answer, SLICE("\r\n\r\n" FROM_SERVER)));
    assert_true(slice_equal(peer_hear(world, &program), SLICE(FROM_CLIENT)));
    assert_int_equal(world->page->targets[0].streams, 1);
    assert_int_equal(world->page->targets[0].requests, 1);
    peer_close(&program);
    peer_hear(world, &client);
    assert_true(peer_has_ended(world, &client));
    peer_close(&client);
    turn_all(world->loop);
    assert_true(target_is_idle(world, 0));
}

static void test_a_refusal_is_passed_on(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, OFFER "\r\n");
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program, "HTTP/1.1 401 Unauthorized\r\nX-Why: no\r\nContent-Length: 2\r\n\r\nno");
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 401 ")) && says(answer, "X-Why: no\r\n"));
    assert_true(slice_ends_with(answer, SLICE("\r\n\r\nno")));
    peer_close(&client);
    peer_close(&program);
}

/* What a client sends behind its offer belongs to the protocol it hopes for: it is no request of ours. */
static void test_bytes_behind_a_refused_offer_are_no_request(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, OFFER "\r\n" GET("/health"));
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    struct slice answer = peer_hear(world, &client);
    assert_true(says(answer, "Connection: close\r\n"));
    assert_true(slice_ends_with(answer, SLICE("\r\n\r\nno")));
    assert_true(peer_has_ended(world, &client));
    peer_close(&client);
    peer_close(&program);
}

static void test_a_wrong_accept_is_502(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, OFFER "\r\n");
    struct peer program = program_accept(world, fixture->program);
    peer_hear(world, &program);
    peer_say_text(world, &program,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 502 ")));
    peer_hear(world, &program);
    assert_true(peer_has_ended(world, &program));
    peer_close(&client);
    peer_close(&program);
}

static void test_a_dead_program_is_no_101(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct target_row row = world_row("ws", TARGET_FAILED, 0);
    world_set_row(world, &row);
    expect(world, OFFER "\r\n", "HTTP/1.1 503 ", "Retry-After: ");
    expect(world, OFFER "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 ", NULL);
    assert_true(program_is_left_alone(world, fixture->program));
}

static void test_other_protocols_pass_without_a_look(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client,
                  "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n");
    struct peer program = program_accept(world, fixture->program);
    assert_true(says(peer_hear(world, &program), "Upgrade: raw\r\n"));
    buffer_clear(&program.received);
    peer_say_text(world, &program, "HTTP/1.1 101 OK\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n\xff\xff");
    assert_true(slice_ends_with(peer_hear(world, &client), SLICE("\r\n\r\n\xff\xff")));
    peer_say_text(world, &client, "\xfe\xfe\xfe");
    assert_true(slice_equal(peer_hear(world, &program), SLICE("\xfe\xfe\xfe")));
    peer_close(&client);
    peer_hear(world, &program);
    assert_true(peer_has_ended(world, &program));
    peer_close(&program);
}

static void stop(struct world *world)
{
    world_send(world, MESSAGE_GATE_PHASE, json_pack("{s:s}", "phase", "stopping"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 10000));
    world_advance(world, 1);
}

static void test_goodbye_waits_for_the_end_of_a_frame(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, OFFER);
    struct peer client = both.client, program = both.program;
    peer_say(world, &program, SLICE("\x81\x05He")); /* a frame has begun */
    stop(world);
    assert_true(slice_equal(peer_hear(world, &client), SLICE("\x81\x05He")));
    peer_say(world, &program, SLICE("llo\x89")); /* ends, and the next one begins at once */
    assert_true(slice_equal(peer_hear(world, &client), SLICE("\x81\x05Hello\x89")));
    peer_say(world, &program, SLICE("\x00"));
    assert_true(slice_equal(peer_hear(world, &client), SLICE("\x81\x05Hello\x89\x00\x88\x02\x03\xe9")));
    assert_false(world->ended);
    peer_say(world, &client, SLICE("\x88\x82\0\0\0\0\x03\xe9")); /* answered: it is the program's too */
    assert_true(slice_equal(peer_hear(world, &program), SLICE("\x88\x82\0\0\0\0\x03\xe9")));
    peer_say(world, &program, SLICE("\x88\x02\x03\xe9")); /* not passed: RFC 6455 section 5.5.1 */
    assert_true(slice_equal(peer_hear(world, &client), SLICE("\x81\x05Hello\x89\x00\x88\x02\x03\xe9")));
    peer_close(&program);
    peer_close(&client);
    turn_all(world->loop);
    assert_true(world_has_ended(world));
}

static void test_who_does_not_answer_a_goodbye_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, OFFER);
    struct peer client = both.client, program = both.program;
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 10000)); /* others carry on */
    world_advance(world, 1);
    assert_true(slice_equal(peer_hear(world, &client), SLICE("\x88\x02\x03\xf4")));
    world_advance(world, 1900);
    assert_false(client.ended);
    world_advance(world, 200);
    peer_hear(world, &client);
    peer_hear(world, &program);
    assert_true(peer_has_ended(world, &client) && peer_has_ended(world, &program) && world_has_ended(world));
    peer_close(&program);
    peer_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_programs_101_comes_first),
        TEST(test_a_refusal_is_passed_on),
        TEST(test_bytes_behind_a_refused_offer_are_no_request),
        TEST(test_a_wrong_accept_is_502),
        TEST(test_a_dead_program_is_no_101),
        TEST(test_other_protocols_pass_without_a_look),
        TEST(test_goodbye_waits_for_the_end_of_a_frame),
        TEST(test_who_does_not_answer_a_goodbye_is_cut),
    };
    return run_group(tests);
}
