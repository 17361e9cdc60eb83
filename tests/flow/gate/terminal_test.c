/* What passes between a terminal's client and its hold, and how it ends. */
#include "viewing.h"

static void test_ttyds_messages(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    char size[TERMINAL_SMALL_SIZE], place[TERMINAL_SMALL_SIZE];
    size_t size_size = terminal_write_size(size, TERMINAL_SIZE, 90, 30),
           place_size = terminal_write_place(place, 5);
    hold_says(fixture, TERMINAL_SIZE, slice_of(size + 1, size_size - 1)); /* ttyd knows none of these */
    hold_says(fixture, TERMINAL_PLACE, slice_of(place + 1, place_size - 1));
    hold_says(fixture, 'x', SLICE("of a later version"));
    hold_says(fixture, TERMINAL_TITLE, SLICE("vim"));
    hold_says(fixture, TERMINAL_OUTPUT, SLICE("a\xff"));
    expect_frames(fixture, SLICE("\x82\x04"
                                 "1vim"
                                 "\x82\x03"
                                 "0a\xff"));
    say(fixture, "0ls\r");
    assert_true(slice_equal(hold_hears(fixture), SLICE("0ls\r")));
    say_frame(fixture, WEBSOCKET_FRAME_TEXT, false, SLICE("0"));
    say_frame(fixture, WEBSOCKET_FRAME_PING, true, SLICE("between"));
    say_frame(fixture, WEBSOCKET_FRAME_CONTINUATION, false, SLICE("\xc3"));
    say_frame(fixture, WEBSOCKET_FRAME_CONTINUATION, true, SLICE("\xa4"));
    assert_true(slice_equal(hold_hears(fixture), SLICE("0\xc3")));
    assert_true(slice_equal(hold_hears(fixture), SLICE("0\xa4")));
    expect_frames(fixture, SLICE("\x8a\x07"
                                 "between"));
    say(fixture, "1{\"columns\": 132, \"rows\": 50}");
    expect_size(fixture, 132, 50);
    say(fixture, "2");
    say(fixture, "3");
    assert_true(slice_equal(hold_hears(fixture), SLICE("2")));
    assert_true(slice_equal(hold_hears(fixture), SLICE("3")));
    say(fixture, "0"); /* nothing typed, and what nobody knows */
    say(fixture, "");
    say(fixture, "~later");
    say(fixture, HELLO);
    assert_int_equal(hold_hears(fixture).size, 0);
    assert_int_equal(heard(fixture).size, 0);
}

static void test_our_own_messages(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, OURS);
    char size[TERMINAL_SMALL_SIZE], place[TERMINAL_SMALL_SIZE];
    size_t size_size = terminal_write_size(size, TERMINAL_SIZE, 90, 30),
           place_size = terminal_write_place(place, 5);
    hold_says(fixture, TERMINAL_SIZE, slice_of(size + 1, size_size - 1));
    hold_says(fixture, TERMINAL_PLACE, slice_of(place + 1, place_size - 1));
    say(fixture, "9");
    expect_frames(fixture, SLICE("\x82\x19"
                                 "4{\"columns\":90,\"rows\":30}"
                                 "\x82\x02"
                                 "55"
                                 "\x82\x01"
                                 "9"));
}

/* A viewer costs no more than what is on its way: who types faster than the program reads, waits. */
static void test_a_large_paste_waits_for_the_program(void **state)
{
    enum { PASTE = 16 * 1024 * 1024 };
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    char *paste = memory_resize(NULL, PASTE + 1 + WEBSOCKET_FRAME_HEAD_SIZE);
    static const uint8_t mask[4] = {0, 0, 0, 0};
    size_t head = websocket_frame_head(paste, WEBSOCKET_FRAME_BINARY, true, PASTE + 1, mask), sent = 0,
           got = 0;
    paste[head] = '0';
    for (size_t i = 0; i < PASTE; i++)
        paste[head + 1 + i] = (char)(i % 251);
    size_t all = head + 1 + PASTE, quiet = 0;
    while (quiet < 3) { /* the program reads nothing: the client is stopped soon */
        ssize_t put = send(fixture->client.fd, paste + sent, all - sent, MSG_NOSIGNAL);
        sent += put > 0 ? (size_t)put : 0;
        quiet = put > 0 ? 0 : quiet + 1;
        turn_all(fixture->world.loop);
    }
    assert_true(sent < all);
    while (got < PASTE) {
        struct slice record = hold_hears(fixture);
        if (record.size > 0) {
            assert_int_equal(record.data[0], '0');
            for (size_t i = 1; i < record.size; i++, got++)
                assert_int_equal((unsigned char)record.data[i], got % 251);
        }
        ssize_t put = sent < all ? send(fixture->client.fd, paste + sent, all - sent, MSG_NOSIGNAL) : 0;
        sent += put > 0 ? (size_t)put : 0;
    }
    assert_int_equal(got, PASTE);
    say(fixture, "0after");
    assert_true(slice_equal(hold_hears(fixture), SLICE("0after")));
    free(paste);
}

/* All that the hold hears: `inputs` of one byte, and one other record. */
static void expect_with_inputs(struct viewing *fixture, int inputs, struct slice other)
{
    int typed = 0, others = 0, quiet = 0;
    while (quiet < 2) {
        struct slice record = hold_hears(fixture);
        quiet = record.size ? 0 : quiet + 1;
        typed += slice_equal(record, SLICE("0x"));
        others += slice_equal(record, other);
    }
    assert_int_equal(typed, inputs);
    assert_int_equal(others, 1);
}

/* A resume that is lost leaves the client's screen as it is for ever. */
static void test_nothing_is_lost_on_a_full_link(void **state)
{
    enum { INPUTS_MOST = 40 };
    struct viewing *fixture = *state;
    char size[TERMINAL_SMALL_SIZE];
    size_t length = terminal_write_size(size, TERMINAL_RESIZE, 70, 20);
    fixture->link_room = 1; /* as little as there can be */
    open_terminal(fixture, HELLO);
    for (int inputs = 1; inputs < INPUTS_MOST; inputs++) { /* the link takes fewer */
        for (int i = 0; i < inputs; i++)
            say(fixture, "0x");
        say(fixture, "3");
        expect_with_inputs(fixture, inputs, SLICE("3"));
        for (int i = 0; i < inputs; i++)
            say(fixture, "0x");
        say(fixture, "1{\"columns\": 70, \"rows\": 20}");
        expect_with_inputs(fixture, inputs, slice_of(size, length));
    }
}

/* A client that does not read stops the reading of its link, and loses nothing of what was read. */
static void test_a_slow_client_stops_its_link(void **state)
{
    enum { RECORDS_MOST = 4000, DATA = 20000 };
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    char *record = memory_resize(NULL, DATA + 1);
    int records = 0, quiet = 0;
    while (quiet < 3 && records < RECORDS_MOST) {
        memset(record, 'a' + records % 26, DATA + 1);
        record[0] = '0';
        if (send(fixture->hold, record, DATA + 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            records++, quiet = 0;
        else
            quiet++;
        turn_all(fixture->world.loop);
    }
    assert_in_range(records, 2, RECORDS_MOST - 1);
    size_t size = (size_t)records * (DATA + 1 + 4);
    struct slice all = peer_hear_bytes(&fixture->world, &fixture->client, size);
    assert_int_equal(all.size, size);
    for (int i = 0; i < records; i++)
        assert_int_equal(all.data[(size_t)i * (DATA + 5) + 100], 'a' + i % 26);
    buffer_clear(&fixture->client.received);
    hold_says(fixture, TERMINAL_OUTPUT, SLICE("on"));
    expect_frames(fixture, SLICE("\x82\x03"
                                 "0on"));
    free(record);
}

static void test_the_end_of_the_program(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, OURS);
    hold_says(fixture, TERMINAL_END, SLICE("exited with 3"));
    struct slice got = heard(fixture);
    assert_true(says(got, "\r\n[exited with 3]\r\n") && says(got, "\x82\x0e"
                                                                  "6exited with 3"));
    expect_close(fixture, 4503);
    say_frame(fixture, WEBSOCKET_FRAME_CLOSE, true, SLICE("\x11\x97"));
    heard(fixture);
    assert_true(peer_has_ended(&fixture->world, &fixture->client));
    assert_true(target_is_idle(&fixture->world, 0));
}

static void test_who_does_not_close_is_cut(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    hold_says(fixture, TERMINAL_END, SLICE("exited with 3"));
    assert_false(says(heard(fixture), "6exited with 3")); /* ttyd knows no such message */
    say(fixture, "0typed too late");
    expect_close(fixture, 4503);
    world_advance(&fixture->world, 1900);
    heard(fixture);
    assert_false(fixture->client.ended);
    world_advance(&fixture->world, 200);
    heard(fixture);
    assert_true(peer_has_ended(&fixture->world, &fixture->client));
}

static void test_a_hold_that_has_gone(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    close(fixture->hold);
    fixture->hold = -1;
    turn_all(fixture->world.loop);
    expect_close(fixture, 1011);
}

static void test_the_client_leaves(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    say_frame(fixture, WEBSOCKET_FRAME_CLOSE, true, SLICE("\x03\xe9"));
    expect_frames(fixture, SLICE("\x88\x02\x03\xe9"));
    assert_true(peer_has_ended(&fixture->world, &fixture->client));
    char byte;
    assert_int_equal(recv(fixture->hold, &byte, 1, MSG_DONTWAIT), 0);
    open_terminal(fixture, HELLO);
    peer_close(&fixture->client); /* without a word */
    assert_true(target_is_idle(&fixture->world, 0));
    assert_int_equal(recv(fixture->hold, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_pings_find_who_has_gone(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    open_terminal(fixture, HELLO);
    for (int i = 0; i < 5; i++) {
        world_advance(world, 30000);
        expect_frames(fixture, SLICE("\x89\x00"));
        say_frame(fixture, WEBSOCKET_FRAME_PONG, true, (struct slice){0});
    }
    world_advance(world, 30000);
    world_advance(world, 30000);
    expect_frames(fixture, SLICE("\x89\x00\x89\x00"));
    assert_false(fixture->client.ended);
    world_advance(world, 30000);
    heard(fixture);
    assert_true(peer_has_ended(&fixture->world, &fixture->client));
}

static void test_what_no_client_says(void **state)
{
    static const struct {
        struct slice bytes;
        unsigned code;
    } rows[] = {
        {{"\x82\x01x", 3}, 1002},         /* not masked */
        {{"\xf2\x81\0\0\0\0x", 7}, 1002}, /* reserved bits */
        {{"\x80\x81\0\0\0\0x", 7}, 1002}, /* a continuation of nothing */
        {{"\x88\x81\0\0\0\0x", 7}, 1002}, /* half a close code */
        {{"\x82\x82\0\0\0\0"
          "1x",
          8},
         1002}, /* a resize that is no JSON */
        {{"\x82\x83\0\0\0\0"
          "1{}",
          9},
         1002},
    };
    struct viewing *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_terminal(fixture, HELLO);
        peer_say(&fixture->world, &fixture->client, rows[i].bytes);
        expect_close(fixture, rows[i].code);
    }
    char large[8192];
    memset(large, ' ', sizeof large);
    large[0] = '1';
    open_terminal(fixture, HELLO);
    say_frame(fixture, WEBSOCKET_FRAME_BINARY, true, slice_of(large, sizeof large));
    expect_close(fixture, 1009);
}

static void test_the_first_message(void **state)
{
    static const char *const wrong[] = {"0ls\r", "[]", "{\"columns\": \"wide\"}", "{\"columns\": 80"};
    struct viewing *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        shake(fixture, SHAKE("/t/a1/ws") "\r\n");
        give_link(fixture);
        heard(fixture);
        buffer_clear(&fixture->client.received);
        say(fixture, wrong[i]);
        expect_close(fixture, 1002);
        assert_int_equal(hold_hears(fixture).size, 0);
    }
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    give_link(fixture);
    heard(fixture);
    world_advance(&fixture->world, 10100); /* none comes */
    expect_close(fixture, 1002);
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    give_link(fixture);
    say(fixture, "{\"AuthToken\": \"anything\"}"); /* without a size: it has none of its own */
    assert_int_equal(hold_hears(fixture).size, 0);
}

static void test_early_frames(void **state)
{
    struct viewing *fixture = *state;
    shake(fixture, "");
    peer_say(&fixture->world, &fixture->client,
             SLICE(SHAKE("/t/a1") "\r\n"
                                  "\x82\xa7\0\0\0\0" HELLO "\x82\x83\0\0\0\0"
                                  "0ls"));
    give_link(fixture);
    expect_size(fixture, 90, 30);
    assert_true(slice_equal(hold_hears(fixture), SLICE("0ls")));
}

static void test_goodbyes(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    open_terminal(fixture, HELLO);
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 10000));
    world_advance(world, 1);
    expect_frames(fixture, SLICE("\x88\x02\x03\xf4"));
    say_frame(fixture, WEBSOCKET_FRAME_CLOSE, true, SLICE("\x03\xf4"));
    heard(fixture);
    assert_true(peer_has_ended(world, &fixture->client) && world_has_ended(world));
}

static void test_goodbye_when_reeve_stops(void **state)
{
    struct viewing *fixture = *state;
    struct world *world = &fixture->world;
    open_terminal(fixture, HELLO);
    world_send(world, MESSAGE_GATE_PHASE, json_pack("{s:s}", "phase", "stopping"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 10000));
    world_advance(world, 1);
    expect_frames(fixture, SLICE("\x88\x02\x03\xe9"));
    assert_false(world->ended);
    world_advance(world, 2100);
    assert_true(world_has_ended(world));
}

static void test_a_route_that_is_gone(void **state)
{
    struct viewing *fixture = *state;
    open_terminal(fixture, HELLO);
    world_serve(&fixture->world, ROUTES);
    world_advance(&fixture->world, 100);
    assert_int_equal(heard(fixture).size, 0);
    world_serve(&fixture->world, "[]");
    world_advance(&fixture->world, 100);
    expect_frames(fixture, SLICE("\x88\x02\x03\xf4"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ttyds_messages),
        TEST(test_our_own_messages),
        TEST(test_a_large_paste_waits_for_the_program),
        TEST(test_nothing_is_lost_on_a_full_link),
        TEST(test_a_slow_client_stops_its_link),
        TEST(test_the_end_of_the_program),
        TEST(test_who_does_not_close_is_cut),
        TEST(test_a_hold_that_has_gone),
        TEST(test_the_client_leaves),
        TEST(test_pings_find_who_has_gone),
        TEST(test_what_no_client_says),
        TEST(test_the_first_message),
        TEST(test_early_frames),
        TEST(test_goodbyes),
        TEST(test_goodbye_when_reeve_stops),
        TEST(test_a_route_that_is_gone),
    };
    return run_group(tests);
}
