/* One viewer of a terminal: what it says while the program takes no input, when it is shown a snapshot. */
#include "../support.h"

#include "base/buffer.h"
#include "hold/spectator.h"

struct world {
    struct fake_clock clock;
    struct loop *loop;
    int peer;
    struct spectator *viewer;
    struct buffer typed;
    size_t most; /* of `typed`, before the program takes no more; 0: it takes all */
    int resized, lost, gone;
    struct slice screen; /* of the next snapshot */
};

static void on_input(void *owner, struct spectator *viewer, struct slice bytes)
{
    struct world *world = owner;
    assert_true(bytes.size > 0);
    buffer_append(&world->typed, bytes);
    if (world->most && buffer_size(&world->typed) >= world->most)
        spectator_listen(viewer, false);
}

static void on_resize(void *owner, struct spectator *viewer)
{
    (void)viewer;
    struct world *world = owner;
    world->resized++;
}

static void on_lost(void *owner, struct spectator *viewer)
{
    struct world *world = owner;
    const struct spectator_snapshot snapshot = {
        .columns = 80, .rows = 24, .text = world->screen, .title = SLICE("title")};
    world->lost++;
    spectator_show(viewer, &snapshot);
}

static void on_gone(void *owner, struct spectator *viewer)
{
    struct world *world = owner;
    assert_ptr_equal(viewer, world->viewer);
    world->gone++;
    spectator_free(&world->viewer);
}

static void attach(struct world *world, bool view)
{
    static const struct spectator_events events = {
        .on_input = on_input, .on_resize = on_resize, .on_lost = on_lost, .on_gone = on_gone};
    const struct hold_terminal_attach attach = {.user = "ann", .view = view};
    int pair[2];
    make_pair(SOCK_SEQPACKET, pair);
    world->peer = pair[1];
    world->viewer = spectator_new(world->loop, pair[0], &attach, &events, world);
    assert_non_null(world->viewer);
    spectator_refresh(world->viewer, 0);
    turn_all(world->loop);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    world->typed = BUFFER(16 << 20);
    world->peer = -1;
    world->screen = SLICE("screen");
    *state = world;
    return 0;
}

static void leave(struct world *world)
{
    if (world->peer >= 0)
        close(world->peer);
    world->peer = -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    spectator_free(&world->viewer);
    loop_free(&world->loop);
    leave(world);
    buffer_free(&world->typed);
    free(world);
    return 0;
}

static bool say(const struct world *world, char type, struct slice data)
{
    char record[TERMINAL_RECORD_LARGEST] = {type};
    if (data.size)
        memcpy(record + 1, data.data, data.size);
    bool said = send(world->peer, record, 1 + data.size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    turn_all(world->loop);
    return said;
}

static bool say_size(const struct world *world, uint16_t columns, uint16_t rows)
{
    char record[TERMINAL_SMALL_SIZE];
    size_t size = terminal_write_size(record, TERMINAL_RESIZE, columns, rows);
    return say(world, record[0], slice_of(record + 1, size - 1));
}

/* The types of all records that came. */
static const char *heard(const struct world *world, char types[32])
{
    char record[TERMINAL_RECORD_LARGEST];
    size_t count = 0;
    while (recv(world->peer, record, sizeof record, MSG_DONTWAIT) > 0)
        if (count < 31)
            types[count++] = record[0];
    types[count] = '\0';
    return types;
}

/* The program does not read: what was typed waits, and what is no input is heard all the same. */
static void test_a_resume_behind_input_that_nobody_takes(void **state)
{
    struct world *world = *state;
    char types[32];
    attach(world, false);
    assert_string_equal(heard(world, types), "4105");
    assert_true(say(world, TERMINAL_PAUSE, SLICE("")));
    spectator_output(world->viewer, SLICE("while it paused"));
    spectator_flush(world->viewer);
    spectator_listen(world->viewer, false);
    assert_true(say(world, TERMINAL_INPUT, SLICE("typed ")));
    assert_true(say_size(world, 70, 20));
    assert_true(say(world, TERMINAL_INPUT, SLICE("and more")));
    assert_string_equal(heard(world, types), "");
    assert_true(say(world, TERMINAL_RESUME, SLICE("")));
    assert_string_equal(heard(world, types), "0");
    assert_int_equal(world->resized, 1);
    assert_int_equal(spectator_columns(world->viewer), 70);
    assert_int_equal(buffer_size(&world->typed), 0);
    spectator_listen(world->viewer, true);
    turn_all(world->loop);
    assert_true(slice_equal(buffer_slice(&world->typed), SLICE("typed and more")));
}

/* A little is held; then its peer has to wait, and nothing is lost or out of order. */
static void test_a_paste_that_nobody_takes(void **state)
{
    struct world *world = *state;
    static char paste[TERMINAL_DATA_LARGEST];
    size_t said = 0, quiet = 0;
    attach(world, false);
    spectator_listen(world->viewer, false);
    for (; quiet < 3; paste[0]++)
        if (say(world, TERMINAL_INPUT, slice_of(paste, sizeof paste)))
            said++, quiet = 0;
        else
            quiet++;
    assert_in_range(said, 3, 63);
    world->most = 1;
    for (size_t i = 0; i < 200 && buffer_size(&world->typed) < said * sizeof paste; i++) {
        world->most = buffer_size(&world->typed) + 1; /* the program takes one piece, and stops again */
        spectator_listen(world->viewer, true);
        turn_all(world->loop);
    }
    struct slice all = buffer_slice(&world->typed);
    assert_int_equal(all.size, said * sizeof paste);
    for (size_t i = 0; i < said; i++)
        assert_int_equal(all.data[i * sizeof paste], (char)i);
    world->most = 0;
    spectator_listen(world->viewer, true);
    assert_true(say(world, TERMINAL_INPUT, SLICE("after")));
    assert_int_equal(buffer_size(&world->typed), said * sizeof paste + 5);
}

/* What is typed behind what is held waits for that, though the program takes input again. */
static void test_the_order_of_what_is_typed(void **state)
{
    struct world *world = *state;
    attach(world, false);
    spectator_listen(world->viewer, false);
    assert_true(say(world, TERMINAL_INPUT, SLICE("one ")));
    assert_int_equal(send(world->peer, "0two ", 5, 0), 5);
    spectator_listen(world->viewer, true);
    assert_int_equal(send(world->peer, "0three", 6, 0), 6);
    turn_all(world->loop);
    assert_true(slice_equal(buffer_slice(&world->typed), SLICE("one two three")));
}

static void test_who_leaves_while_the_program_takes_nothing(void **state)
{
    struct world *world = *state;
    attach(world, false);
    spectator_listen(world->viewer, false);
    assert_true(say(world, TERMINAL_INPUT, SLICE("never taken")));
    spectator_listen(world->viewer, true); /* and it goes before that is passed on */
    spectator_free(&world->viewer);
    turn_all(world->loop);
    assert_int_equal(buffer_size(&world->typed), 0);
    leave(world);
    attach(world, false);
    spectator_listen(world->viewer, false);
    leave(world);
    turn_all(world->loop);
    assert_int_equal(world->gone, 1);
}

/* Who only watches types nothing that could be in its way. */
static void test_who_only_watches_is_heard(void **state)
{
    struct world *world = *state;
    static char paste[TERMINAL_DATA_LARGEST];
    char types[32];
    attach(world, true);
    heard(world, types);
    spectator_listen(world->viewer, false);
    for (int i = 0; i < 100; i++)
        assert_true(say(world, TERMINAL_INPUT, slice_of(paste, sizeof paste)));
    assert_true(say_size(world, 70, 20));
    assert_true(say(world, TERMINAL_PAUSE, SLICE("")));
    spectator_output(world->viewer, SLICE("x"));
    spectator_flush(world->viewer);
    assert_string_equal(heard(world, types), "");
    assert_true(say(world, TERMINAL_RESUME, SLICE("")));
    assert_string_equal(heard(world, types), "0");
    spectator_listen(world->viewer, true);
    turn_all(world->loop);
    assert_int_equal(buffer_size(&world->typed), 0);
    assert_int_equal(world->resized, 0);
    assert_int_equal(spectator_columns(world->viewer), 0);
}

/* A pause counts no more when the program has ended: the last words are told. */
static void test_the_end_while_it_pauses(void **state)
{
    struct world *world = *state;
    char types[32];
    attach(world, false);
    heard(world, types);
    assert_true(say(world, TERMINAL_PAUSE, SLICE("")));
    spectator_output(world->viewer, SLICE("last"));
    spectator_flush(world->viewer);
    assert_string_equal(heard(world, types), "");
    assert_false(spectator_is_told(world->viewer));
    spectator_end(world->viewer, SLICE("it exited with 0"));
    assert_string_equal(heard(world, types), "06");
    assert_true(spectator_is_told(world->viewer));
    assert_true(say(world, TERMINAL_INPUT, SLICE("too late")));
    spectator_listen(world->viewer, true);
    turn_all(world->loop);
    assert_int_equal(buffer_size(&world->typed), 0);
}

/* A flood for one that does not read becomes snapshots, and no more than ten of them in a second. */
static void test_snapshots_are_apart(void **state)
{
    enum { BETWEEN_MS = 100 };
    struct world *world = *state;
    static char flood[65536];
    char types[32];
    attach(world, false);
    heard(world, types);
    assert_int_equal(world->lost, 1);
    for (int i = 0; i < 50; i++) {
        spectator_output(world->viewer, slice_of(flood, sizeof flood));
        spectator_flush(world->viewer);
        turn_all(world->loop);
        heard(world, types);
    }
    assert_false(spectator_is_lost(world->viewer)); /* it reads all of it */
    for (int i = 0; i < 50; i++)
        spectator_output(world->viewer, slice_of(flood, sizeof flood));
    assert_true(spectator_is_lost(world->viewer));
    spectator_flush(world->viewer);
    turn_all(world->loop);
    heard(world, types);
    turn_all(world->loop);
    assert_int_equal(world->lost, 1);
    world->clock.now_us += (BETWEEN_MS - 1) * 1000;
    turn_all(world->loop);
    assert_int_equal(world->lost, 1);
    world->clock.now_us += 1000;
    turn_all(world->loop);
    assert_int_equal(world->lost, 2);
    assert_string_equal(heard(world, types), "4105");
    assert_false(spectator_is_lost(world->viewer));
}

/* It is given up, whatever its size; who reads again gets another one. */
static void test_a_snapshot_that_nobody_reads(void **state)
{
    enum { STUCK_MS = 5000 };
    static const char large[4 << 20];
    struct world *world = *state;
    char types[32];
    world->screen = slice_of(large, sizeof large);
    attach(world, false);
    assert_int_equal(world->lost, 1);
    world->clock.now_us += (STUCK_MS - 1) * 1000;
    turn_all(world->loop);
    assert_false(spectator_is_lost(world->viewer));
    world->clock.now_us += 1000;
    turn_all(world->loop);
    assert_true(spectator_is_lost(world->viewer));
    assert_int_equal(world->lost, 1);
    world->screen = SLICE("screen");
    heard(world, types);
    turn_all(world->loop);
    world->clock.now_us += 1000000;
    turn_all(world->loop);
    assert_int_equal(world->lost, 2);
    assert_string_equal(heard(world, types), "4105");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_resume_behind_input_that_nobody_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_paste_that_nobody_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_order_of_what_is_typed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_leaves_while_the_program_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_only_watches_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_while_it_pauses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshots_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_snapshot_that_nobody_reads, set_up, tear_down),
    };
    return run_group(tests);
}
