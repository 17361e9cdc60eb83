/* What a route says of its WebSockets: subprotocol, pings, refusals that scripts can read, and how many. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "base/memory.h"
#include "link/page_slots.h"
#include "wire/websocket_edit.h"
#include "wire/websocket_frame.h"

#include "fixture.h"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/ws', 'kind': 'proxy', 'target': 'ws', 'ping_ms': 10000,"             \
    "  'subprotocol': 'tty', 'refuse_close': true},"                                                         \
    " {'place': 'r.yaml:2:1', 'path': '/few', 'kind': 'proxy', 'target': 'ws', 'refuse_close': true,"        \
    "  'limits': {'streams': 3, 'per_address': 2}},"                                                         \
    " {'place': 'r.yaml:3:1', 'path': '/plain', 'kind': 'proxy', 'target': 'ws'},"                           \
    " {'place': 'r.yaml:4:1', 'path': '/ours', 'kind': 'proxy', 'target': 'ws', 'refuse_close': true,"       \
    "  'allow': ['user:ann']}]"

static int set_up(void **state)
{
    return fixture_set_up(state, ROUTES, "ws");
}

#define TEXT "\x81\x80\0\0\0\0" /* an empty one */

static void leave(struct both *both)
{
    peer_close(&both->client);
    peer_close(&both->program);
}

/* --- signs of life ----------------------------------------------------------------------------------- */

/* The answer to a ping that `heard` ends with, masked with zeros. */
static void make_pong(struct slice heard, char pong[14])
{
    memcpy(pong, "\x8a\x88\0\0\0\0", 6);
    memcpy(pong + 6, heard.data + heard.size - 8, 8);
}

static void test_a_silent_client_is_asked_and_its_pong_kept(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    for (int second = 0; second < 9; second++)
        world_advance(world, 1000);
    assert_int_equal(peer_hear(world, &both.client).size, 0);
    for (int second = 0; second < 7; second++)
        world_advance(world, 1000);
    struct slice heard = peer_hear(world, &both.client);
    assert_int_equal(heard.size, 10);
    assert_memory_equal(heard.data, "\x89\x08", 2);
    char pong[14];
    int at_once = 1;
    setsockopt(both.client.fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    make_pong(heard, pong);
    peer_say(world, &both.client, slice_of(pong, 5)); /* torn */
    assert_int_equal(peer_hear(world, &both.program).size, 0);
    peer_say(world, &both.client, slice_of(pong + 5, 9));
    peer_say(world, &both.client, SLICE(TEXT));
    assert_true(slice_equal(peer_hear(world, &both.program), SLICE(TEXT)));
    peer_say(world, &both.client, slice_of(pong, 14)); /* once is enough: this one is nobody's */
    assert_int_equal(peer_hear(world, &both.program).size, 6 + 14);
    leave(&both);
}

static void test_pings_of_the_two_pass(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    for (int second = 0; second < 16; second++)
        world_advance(world, 1000);
    assert_int_equal(peer_hear(world, &both.client).size, 10); /* one of ours */
    buffer_clear(&both.client.received);
    peer_say(world, &both.program,
             SLICE("\x89\x08"
                   "12345678"));
    assert_true(slice_equal(peer_hear(world, &both.client), SLICE("\x89\x08"
                                                                  "12345678")));
    peer_say(world, &both.client,
             SLICE("\x8a\x88\0\0\0\0"
                   "12345678"
                   "\x89\x80\0\0\0\0"));
    assert_true(slice_equal(peer_hear(world, &both.program), SLICE("\x8a\x88\0\0\0\0"
                                                                   "12345678"
                                                                   "\x89\x80\0\0\0\0")));
    leave(&both);
}

static void test_a_client_that_does_not_answer_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    for (int second = 0; second < 40; second++)
        world_advance(world, 1000);
    struct slice client = peer_hear(world, &both.client), program = peer_hear(world, &both.program);
    assert_true(slice_ends_with(client, SLICE("\x88\x02\x03\xf3"))); /* 1011 */
    assert_int_equal(program.size, 8);
    char masked[2] = {program.data[6], program.data[7]};
    websocket_frame_mask(masked, 2, (const uint8_t *)program.data + 2, 0);
    assert_memory_equal(program.data, "\x88\x82", 2);
    assert_memory_equal(masked, "\x03\xe9", 2); /* 1001: it has left */
    assert_true(peer_has_ended(world, &both.client) && peer_has_ended(world, &both.program));
    leave(&both);
}

/* Its pong is behind what the program leaves unread: that it is not heard is not its fault. */
static void test_a_client_is_not_gone_because_the_program_does_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    static const char frame[8 + 0xfff2] = "\x82\xfe\xff\xf2";
    size_t sent = 0, idle = 0;
    while (idle < 50) {
        ssize_t count = send(both.client.fd, frame + sent % sizeof frame, sizeof frame - sent % sizeof frame,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += count > 0 ? (size_t)count : 0;
        idle = count > 0 ? 0 : idle + 1;
        world_advance(world, 1);
    }
    for (int second = 0; second < 60; second++)
        world_advance(world, 1000);
    struct pollfd watch = {.fd = both.program.fd, .events = POLLIN};
    for (int waits = 0; peer_hear(world, &both.program).size < sent && !both.program.ended; waits++) {
        assert_true(waits < 100);
        poll(&watch, 1, 100);
    }
    assert_int_equal(buffer_size(&both.program.received), sent);
    assert_false(both.client.ended || both.program.ended);
    leave(&both);
}

/* In the middle of a frame nothing can be put in; afterwards it can. */
static void test_a_ping_waits_for_the_end_of_a_frame(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    peer_say(world, &both.program,
             SLICE("\x82\x05"
                   "abc"));
    for (int second = 0; second < 40; second++)
        world_advance(world, 1000);
    assert_true(slice_equal(peer_hear(world, &both.client), SLICE("\x82\x05"
                                                                  "abc")));
    peer_say(world, &both.program, SLICE("de"));
    for (int second = 0; second < 6; second++)
        world_advance(world, 1000);
    struct slice heard = peer_hear(world, &both.client);
    assert_int_equal(heard.size, 7 + 10);
    assert_memory_equal(heard.data,
                        "\x82\x05"
                        "abcde\x89\x08",
                        9);
    leave(&both);
}

static void test_without_pings_silence_is_fine(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/plain"));
    for (int minute = 0; minute < 60; minute++)
        world_advance(world, 60000);
    assert_int_equal(peer_hear(world, &both.client).size, 0);
    assert_false(both.client.ended || both.program.ended);
    leave(&both);
}

/* --- what passes -------------------------------------------------------------------------------------- */

static void test_forbidden_close_codes_are_not_passed(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/plain"));
    peer_say(world, &both.program, SLICE("\x88\x02\x03\xee")); /* 1006 */
    assert_true(slice_equal(peer_hear(world, &both.client), SLICE("\x88\x02\x03\xf3")));
    peer_say(world, &both.client, SLICE("\x88\x82\x01\x02\x03\x04\x02\xf5")); /* 1015 */
    assert_true(slice_equal(peer_hear(world, &both.program), SLICE("\x88\x82\x01\x02\x03\x04\x02\xf1")));
    leave(&both);
}

/* Frames that go through a pipe, with others between some of them that do not. */
static void test_large_frames_pass(void **state)
{
    enum { SIZE = 1 << 20, ROUNDS = 4 };
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/plain"));
    char *bytes = memory_new(SIZE + 64);
    size_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t head = websocket_frame_head(bytes, WEBSOCKET_FRAME_BINARY, true, SIZE, NULL);
        memset(bytes + head, 'a' + round, SIZE);
        memcpy(bytes + head + SIZE, "\x81\x01x", 3);
        size_t size = head + SIZE + (round % 2 ? 3 : 0);
        peer_say(world, &both.program, slice_of(bytes, size));
        struct slice heard = peer_hear_bytes(world, &both.client, total + size);
        assert_int_equal(heard.size, total + size);
        assert_memory_equal(heard.data + total, bytes, size);
        total = heard.size;
    }
    free(bytes);
    leave(&both);
}

/* Several are there at once, and a ping finds its place behind them. */
static void test_large_frames_in_a_row_pass(void **state)
{
    enum { SIZE = 40000, FRAMES = 16 };
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    char *bytes = memory_new(FRAMES * (SIZE + 14));
    for (int masked = 0; masked <= 1; masked++) {
        size_t size = 0;
        for (int i = 0; i < FRAMES; i++) {
            size += websocket_frame_head(bytes + size, WEBSOCKET_FRAME_BINARY, true, SIZE,
                                         masked ? (const uint8_t[4]){1, 2, 3, 4} : NULL);
            for (int k = 0; k < SIZE; k++)
                bytes[size++] = (char)(k * 31 + i + k / 251);
        }
        peer_say(world, masked ? &both.client : &both.program, slice_of(bytes, size));
        struct slice heard = peer_hear_bytes(world, masked ? &both.program : &both.client, size);
        assert_int_equal(heard.size, size);
        assert_memory_equal(heard.data, bytes, size);
    }
    buffer_clear(&both.client.received);
    for (int second = 0; second < 16; second++)
        world_advance(world, 1000);
    assert_int_equal(peer_hear_bytes(world, &both.client, WEBSOCKET_EDIT_PING).size, WEBSOCKET_EDIT_PING);
    free(bytes);
    leave(&both);
}

/* Behind a large frame its mask and nonce look like the head of another: it is no frame's beginning. */
static void test_a_torn_pong_is_no_large_frame(void **state)
{
    enum { SIZE = 1 << 16 };
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both both = fixture_join(fixture, ASK("/ws"));
    for (int second = 0; second < 16; second++)
        world_advance(world, 1000);
    char pong[14], *large = memory_new(SIZE + 14);
    int at_once = 1;
    setsockopt(both.client.fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    make_pong(peer_hear(world, &both.client), pong);
    memcpy(pong + 2, "\x82\xff\0\0", 4);
    websocket_frame_mask(pong + 6, 8, (const uint8_t *)pong + 2, 0);
    size_t size = websocket_frame_head(large, WEBSOCKET_FRAME_BINARY, true, SIZE, (const uint8_t[4]){0});
    peer_say(world, &both.client, slice_of(large, size + SIZE));
    assert_int_equal(peer_hear_bytes(world, &both.program, size + SIZE).size, size + SIZE);
    peer_say(world, &both.client, slice_of(pong, 2));
    assert_int_equal(peer_hear(world, &both.program).size, size + SIZE);
    memcpy(large, pong + 2, 12);
    memcpy(large + 12, TEXT, 6);
    peer_say(world, &both.client, slice_of(large, 18));
    assert_int_equal(peer_hear_bytes(world, &both.program, size + SIZE + 6).size, size + SIZE + 6);
    free(large);
    leave(&both);
}

/* --- subprotocol --------------------------------------------------------------------------------------- */

static void test_a_subprotocol_is_asked_for_and_kept_from_the_client(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, ASK("/ws") "\r\n");
    struct peer program = program_accept(world, fixture->program);
    assert_true(says(peer_hear(world, &program), "Sec-WebSocket-Protocol: tty\r\n"));
    peer_say_text(world, &program, SWITCH "Sec-WebSocket-Protocol: tty\r\n\r\n");
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 101 ")));
    assert_false(says(answer, "Sec-WebSocket-Protocol"));
    peer_close(&client), peer_close(&program);
}

static void test_a_client_that_asks_decides(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, ASK("/ws") "Sec-WebSocket-Protocol: chat\r\n\r\n");
    struct peer program = program_accept(world, fixture->program);
    struct slice request = peer_hear(world, &program);
    assert_true(says(request, "Sec-WebSocket-Protocol: chat\r\n") && !says(request, "tty"));
    peer_say_text(world, &program, SWITCH "Sec-WebSocket-Protocol: tty\r\n\r\n"); /* which nobody asked for */
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 502 ")));
    peer_close(&client), peer_close(&program);
}

/* --- refusals ------------------------------------------------------------------------------------------ */

#define OWN_PAGE "Origin: http://localhost\r\n"

static void expect_close(struct world *world, const char *ask, const char *code)
{
    struct peer client = client_open(world);
    peer_say_text(world, &client, ask);
    struct slice answer = peer_hear(world, &client);
    const char *end = memmem(answer.data, answer.size, "\r\n\r\n", 4);
    assert_non_null(end);
    size_t head = (size_t)(end - answer.data) + 4;
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 101 ")));
    assert_true(says(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_int_equal((unsigned char)answer.data[head], 0x88);
    assert_memory_equal(answer.data + head + 2, code, 2);
    assert_true(peer_has_ended(world, &client));
    peer_close(&client);
    turn_all(world->loop);
}

static void test_a_page_of_our_own_reads_why(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    expect_close(world, ASK("/ours") OWN_PAGE "Sec-WebSocket-Protocol: a, b\r\n\r\n", "\x11\x31"); /* 4401 */
    struct target_row row = world_row("ws", TARGET_FAILED, 0);
    world_set_row(world, &row);
    expect_close(world, ASK("/ws") OWN_PAGE "\r\n", "\x11\x97"); /* 4503 */
    assert_true(program_is_left_alone(world, fixture->program));
    expect(world, ASK("/ws") "\r\n", "HTTP/1.1 503 ", NULL); /* no browser */
    expect(world, ASK("/ws") "Origin: https://app.example\r\n\r\n", "HTTP/1.1 503 ", NULL);
    expect(world, ASK("/ws") "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 ", NULL);
    expect(world, ASK("/plain") OWN_PAGE "\r\n", "HTTP/1.1 503 ", NULL);
    expect(world, GET("/ours"), "HTTP/1.1 401 ", NULL);
}

static void test_who_was_refused_and_stays_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, ASK("/ours") OWN_PAGE "\r\n");
    peer_hear(world, &client);
    world_advance(world, 1000);
    assert_int_equal(world->page->open, 1);
    world_advance(world, 2500);
    assert_int_equal(world->page->open, 0);
    peer_close(&client);
}

/* --- limits -------------------------------------------------------------------------------------------- */

static struct peer open_from(struct world *world, uint32_t address, const char *ask)
{
    struct peer client = peer_of(world_connect_from(address, world->port));
    peer_say_text(world, &client, ask);
    return client;
}

static void expect_full(struct world *world, uint32_t address, const char *limit)
{
    struct peer client = open_from(world, address, ASK("/few") "\r\n");
    struct slice answer = peer_hear(world, &client);
    assert_true(slice_starts_with(answer, SLICE("HTTP/1.1 503 ")));
    assert_true(says(answer, "Retry-After: ") && says(answer, limit));
    peer_close(&client);
    client = open_from(world, address, ASK("/few") OWN_PAGE "\r\n");
    assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 101 "))); /* and 4503 */
    peer_close(&client);
    turn_all(world->loop);
}

static void test_one_too_many_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct both first = fixture_join_client(fixture, open_from(world, 0x7f000003, ASK("/few") "\r\n"));
    struct both second = fixture_join_client(fixture, open_from(world, 0x7f000003, ASK("/few") "\r\n"));
    expect_full(world, 0x7f000003, "per_address");
    struct both other = fixture_join_client(fixture, open_from(world, 0x7f000004, ASK("/few") "\r\n"));
    expect_full(world, 0x7f000004, "limits.streams");
    assert_false(first.client.ended || second.client.ended);
    struct both elsewhere = fixture_join(fixture, ASK("/plain")); /* another route has its own */
    leave(&first);
    turn_all(world->loop);
    struct both again = fixture_join_client(fixture, open_from(world, 0x7f000003, ASK("/few") "\r\n"));
    expect_full(world, 0x7f000004, "limits.streams");
    leave(&second), leave(&other), leave(&elsewhere), leave(&again);
    turn_all(world->loop);
    for (unsigned i = 0; i < PAGE_SLOTS; i++)
        assert_int_equal(world->page->slots[i], 0);
}

/* A place is given back by a client that is refused behind it, or leaves before its 101. */
static void test_a_place_is_for_streams_that_come_to_be(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    for (int i = 0; i < 5; i++) {
        struct peer client = open_from(world, 0x7f000003, ASK("/few") "\r\n");
        struct peer program = program_accept(world, fixture->program);
        if (i % 2) {
            peer_say_text(world, &program, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            assert_true(slice_starts_with(peer_hear(world, &client), SLICE("HTTP/1.1 404 ")));
        }
        peer_close(&client);
        turn_all(world->loop);
        peer_close(&program);
    }
    struct both both = fixture_join_client(fixture, open_from(world, 0x7f000003, ASK("/few") "\r\n"));
    leave(&both);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    ignore_broken_pipes();
    const struct CMUnitTest tests[] = {
        TEST(test_a_silent_client_is_asked_and_its_pong_kept),
        TEST(test_pings_of_the_two_pass),
        TEST(test_a_client_that_does_not_answer_is_gone),
        TEST(test_a_client_is_not_gone_because_the_program_does_not_read),
        TEST(test_a_ping_waits_for_the_end_of_a_frame),
        TEST(test_without_pings_silence_is_fine),
        TEST(test_forbidden_close_codes_are_not_passed),
        TEST(test_large_frames_pass),
        TEST(test_large_frames_in_a_row_pass),
        TEST(test_a_torn_pong_is_no_large_frame),
        TEST(test_a_subprotocol_is_asked_for_and_kept_from_the_client),
        TEST(test_a_client_that_asks_decides),
        TEST(test_a_page_of_our_own_reads_why),
        TEST(test_who_was_refused_and_stays_is_cut),
        TEST(test_one_too_many_is_refused),
        TEST(test_a_place_is_for_streams_that_come_to_be),
    };
    return run_group(tests);
}
