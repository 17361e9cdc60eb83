/* A terminal attached to a link: a hold that goes, a terminal that takes nothing, and both at once. */
#include "../support.h"

#include "reeve/attached.h"
#include "wire/terminal.h"

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct raw raw;
    int user; /* the other end of the terminal */
    int hold; /* the other end of the link; -1: closed */
    struct attached *attached;
    int ends;
};

static void on_end(void *owner)
{
    struct world *world = owner;
    world->ends++;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct attached_settings settings = {.raw = &world->raw, .name = "sh", .on_end = on_end, .owner = world};
    struct error error = {0};
    int terminal[2], link[2];
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    make_pair(SOCK_STREAM, terminal);
    make_pair(SOCK_SEQPACKET, link);
    world->raw.fd = terminal[0];
    world->user = terminal[1];
    world->hold = link[1];
    assert_true(keys_parse("ctrl-p,ctrl-q", &settings.keys, &error));
    world->attached = attached_new(world->loop, link[0], &settings);
    assert_non_null(world->attached);
    *state = world;
    return 0;
}

static void hold_goes(struct world *world)
{
    if (world->hold >= 0)
        close(world->hold);
    world->hold = -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    attached_free(&world->attached);
    loop_free(&world->loop);
    hold_goes(world);
    close(world->user);
    close(world->raw.fd);
    free(world);
    return 0;
}

static bool say(const struct world *world, char type, const char *text, size_t size)
{
    char record[TERMINAL_RECORD_LARGEST] = {type};
    memcpy(record + 1, text, size);
    return send(world->hold, record, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

/* Output until nothing takes any more: neither the terminal nor attached nor the link. Returns its size. */
static size_t flood(struct world *world)
{
    static char text[TERMINAL_DATA_LARGEST];
    size_t size = 0;
    memset(text, 'x', sizeof text);
    for (bool said = true; said; turn_all(world->loop))
        for (said = false; say(world, TERMINAL_OUTPUT, text, sizeof text); said = true)
            size += sizeof text;
    return size;
}

/* What the terminal is shown, until nothing more comes; its last bytes in `last`. */
static size_t read_shown(struct world *world, char *last, size_t room)
{
    static char text[65536];
    size_t all = 0;
    ssize_t size;
    for (bool read = true; read; turn_all(world->loop))
        for (read = false; (size = recv(world->user, text, sizeof text, 0)) > 0; read = true) {
            all += (size_t)size;
            if ((size_t)size >= room)
                memcpy(last, text + size - room, room);
        }
    return all;
}

static char heard(const struct world *world, char *text, size_t room)
{
    char record[TERMINAL_RECORD_LARGEST];
    ssize_t size = recv(world->hold, record, sizeof record, 0);
    if (size <= 0)
        return 0;
    snprintf(text, room, "%.*s", (int)size - 1, record + 1);
    return record[0];
}

static void test_both_ways(void **state)
{
    struct world *world = *state;
    char text[64] = "";
    assert_true(say(world, TERMINAL_OUTPUT, "shown", 5));
    turn_all(world->loop);
    assert_int_equal(recv(world->user, text, sizeof text, 0), 5);
    assert_int_equal(send(world->user, "typed", 5, 0), 5);
    turn_all(world->loop);
    assert_int_equal(heard(world, text, sizeof text), TERMINAL_INPUT);
    assert_string_equal(text, "typed");
    assert_int_equal(send(world->user, "\x10\x11", 2, 0), 2);
    turn_all(world->loop);
    assert_int_equal(attached_end(world->attached), ATTACHED_DETACHED);
    assert_int_equal(world->ends, 1);
}

static void test_the_hold_goes_while_the_terminal_takes_nothing(void **state)
{
    struct world *world = *state;
    size_t said = flood(world);
    hold_goes(world);
    turn_all(world->loop); /* what is reported again and again never comes to rest */
    assert_int_equal(world->ends, 0);
    assert_true(read_shown(world, NULL, SIZE_MAX) == said);
    assert_int_equal(world->ends, 1);
    assert_int_equal(attached_end(world->attached), ATTACHED_LOST);
}

static void test_the_last_screen_is_shown_whole(void **state)
{
    struct world *world = *state;
    char last[4];
    size_t said = flood(world);
    read_shown(world, last, sizeof last);
    said = flood(world);
    while (!say(world, TERMINAL_OUTPUT, "last", 4))
        said -= (size_t)recv(world->user, (char[65536]){0}, 65536, 0), turn_all(world->loop);
    while (!say(world, TERMINAL_END, "it exited with 0", 16))
        said -= (size_t)recv(world->user, (char[65536]){0}, 65536, 0), turn_all(world->loop);
    hold_goes(world);
    turn_all(world->loop);
    assert_int_equal(world->ends, 0);
    assert_true(read_shown(world, last, sizeof last) == said + 4);
    assert_memory_equal(last, "last", 4);
    assert_int_equal(attached_end(world->attached), ATTACHED_ENDED);
    assert_string_equal(attached_sentence(world->attached), "it exited with 0");
    assert_int_equal(world->ends, 1);
}

static void test_the_program_ended_and_the_terminal_takes_nothing(void **state)
{
    struct world *world = *state;
    static char text[TERMINAL_DATA_LARGEST];
    do /* the terminal is full, and attached is not */
        assert_true(say(world, TERMINAL_OUTPUT, text, sizeof text));
    while (turn_all(world->loop), send(world->raw.fd, "x", 1, MSG_DONTWAIT) == 1);
    assert_true(say(world, TERMINAL_END, "over", 4));
    hold_goes(world);
    turn_all(world->loop);
    assert_int_equal(world->ends, 0);
    world->clock.now_us += (ATTACHED_LAST_MS - 1) * 1000;
    turn_all(world->loop);
    assert_int_equal(world->ends, 0);
    world->clock.now_us += 1000;
    turn_all(world->loop);
    assert_int_equal(world->ends, 1);
    assert_int_equal(attached_end(world->attached), ATTACHED_ENDED);
}

static void test_it_can_be_left_while_the_last_screen_waits(void **state)
{
    struct world *world = *state;
    flood(world);
    hold_goes(world);
    turn_all(world->loop);
    assert_int_equal(send(world->user, "\x10\x11", 2, 0), 2);
    turn_all(world->loop);
    assert_int_equal(world->ends, 1);
    assert_int_equal(attached_end(world->attached), ATTACHED_DETACHED);
}

/* The program reads nothing for a while: what was typed waits, and is passed on in its order. */
static void test_the_hold_takes_nothing(void **state)
{
    struct world *world = *state;
    char byte = 'a', text[8192], expected = 'a';
    size_t typed = 0, got = 0;
    for (; send(world->user, &byte, 1, 0) == 1; turn_all(world->loop), typed++)
        byte = byte == 'z' ? 'a' : (char)(byte + 1);
    for (char type; (type = heard(world, text, sizeof text)); turn_all(world->loop)) {
        assert_int_equal(type, TERMINAL_INPUT);
        for (const char *at = text; *at; at++, got++) {
            assert_int_equal(*at, expected);
            expected = expected == 'z' ? 'a' : (char)(expected + 1);
        }
    }
    assert_int_equal(got, typed);
}

static void test_a_terminal_that_goes(void **state)
{
    struct world *world = *state;
    shutdown(world->user, SHUT_RDWR);
    turn_all(world->loop);
    assert_int_equal(world->ends, 1);
    assert_int_equal(attached_end(world->attached), ATTACHED_HUNG_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_hold_goes_while_the_terminal_takes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_screen_is_shown_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_program_ended_and_the_terminal_takes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_it_can_be_left_while_the_last_screen_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_hold_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_terminal_that_goes, set_up, tear_down),
    };
    return run_group(tests);
}
