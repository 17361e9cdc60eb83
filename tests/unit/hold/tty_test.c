/* A terminal and a program that asks it for more work than can be done at once. */
#include "../support.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/buffer.h"
#include "hold/tty.h"
#include "wire/terminal.h"

struct world {
    struct fake_clock clock;
    int64_t tick_us; /* that pass whenever somebody looks at the clock */
    struct loop *loop;
    struct tty *tty;
    int viewer;
    struct buffer shown;    /* output behind the first snapshot */
    uint16_t columns, rows; /* as the viewer was told last */
    int snapshots;
    char end[64];
};

static int64_t ticking_us(const struct clock *clock)
{
    struct world *world = (struct world *)(uintptr_t)clock;
    return world->clock.now_us += world->tick_us;
}

static bool on_news(void *owner, const struct hold_terminal_news *news)
{
    (void)owner;
    (void)news;
    return true;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    const struct hold_terminal terminal = {
        .columns = 1000, .rows = 500, .scrollback = 100, .rule = HOLD_TERMINAL_LAST};
    const struct tty_events events = {.on_news = on_news, .owner = world};
    struct termios modes;
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->clock.clock.monotonic_us = ticking_us;
    world->loop = loop_new(&world->clock.clock);
    world->tty = tty_new(world->loop, &terminal, &events);
    assert_non_null(world->tty);
    assert_int_equal(tcgetattr(tty_slave(world->tty), &modes), 0);
    cfmakeraw(&modes);
    assert_int_equal(tcsetattr(tty_slave(world->tty), TCSANOW, &modes), 0);
    world->shown = BUFFER(16 << 20);
    world->viewer = -1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    tty_free(&world->tty);
    loop_free(&world->loop);
    if (world->viewer >= 0)
        close(world->viewer);
    buffer_free(&world->shown);
    free(world);
    return 0;
}

/* Takes what has come over the viewer's link. */
static void look(struct world *world)
{
    static char bytes[TERMINAL_RECORD_LARGEST];
    ssize_t size;
    while ((size = recv(world->viewer, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        struct terminal_record record;
        assert_int_equal(terminal_read_from_hold(slice_of(bytes, (size_t)size), &record), TERMINAL_FINE);
        if (record.type == TERMINAL_OUTPUT)
            assert_true(buffer_append(&world->shown, record.data));
        if (record.type == TERMINAL_SIZE) {
            world->columns = record.columns;
            world->rows = record.rows;
        }
        if (record.type == TERMINAL_PLACE && world->snapshots++ == 0)
            buffer_clear(&world->shown);
        if (record.type == TERMINAL_END)
            snprintf(world->end, sizeof world->end, SLICE_FORMAT, SLICE_ARGUMENTS(record.data));
    }
}

static void attach(struct world *world)
{
    const struct hold_terminal_attach attach = {.user = "ann"};
    int pair[2];
    make_pair(SOCK_SEQPACKET, pair);
    world->viewer = pair[1];
    assert_int_equal(tty_attach(world->tty, pair[0], &attach), 1);
    turn_all(world->loop);
    look(world);
    assert_int_equal(world->snapshots, 1);
}

/* The hold's end of the only terminal of this process. */
static int find_master(void)
{
    char path[64], target[64] = "";
    for (int fd = 3; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        if (size > 0 && strstr(target, "ptmx"))
            return fd;
    }
    fail_msg("no terminal is open");
    return -1;
}

/* Writes, and waits until the kernel has brought it to the other end: it takes its own time for that. */
static void program_writes(const struct world *world, const char *text, size_t times)
{
    int master = find_master(), before = 0, there = 0;
    assert_int_equal(ioctl(master, FIONREAD, &before), 0);
    int wanted = before + (int)(times * strlen(text));
    int64_t end = clock_system.monotonic_us(&clock_system) + PATIENCE_MS * 1000LL;
    for (size_t i = 0; i < times; i++)
        assert_int_equal(write(tty_slave(world->tty), text, strlen(text)), (ssize_t)strlen(text));
    for (; there < wanted; assert_int_equal(ioctl(master, FIONREAD, &there), 0)) {
        assert_true(clock_system.monotonic_us(&clock_system) < end);
        poll(NULL, 0, 1);
    }
}

static void await_input(const struct world *world)
{
    struct pollfd poller = {.fd = tty_slave(world->tty), .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
}

static void await_shown(struct world *world, size_t size)
{
    int64_t end = clock_system.monotonic_us(&clock_system) + PATIENCE_MS * 1000LL;
    while (buffer_size(&world->shown) < size) {
        assert_true(clock_system.monotonic_us(&clock_system) < end);
        loop_step(world->loop, 10);
        look(world);
    }
}

/* Each fills the screen: half a million cells for three bytes. */
static const char fill[] = "\x1b#8";
enum { FILLS = 60, FILLS_AT_ONCE = 4 };

static void test_others_get_their_turn(void **state)
{
    struct world *world = *state;
    char typed[8];
    attach(world);
    program_writes(world, fill, FILLS);
    size_t turns = 0;
    do {
        size_t before = buffer_size(&world->shown);
        assert_int_equal(send(world->viewer, "0x", 2, 0), 2);
        loop_step(world->loop, 0);
        look(world);
        /* In one turn the program gets this much, and a key is heard. */
        assert_true(buffer_size(&world->shown) - before <= 2 * FILLS_AT_ONCE * strlen(fill));
        await_input(world);
        assert_int_equal(read(tty_slave(world->tty), typed, sizeof typed), 1);
        turns++;
        world->clock.now_us += 1000000; /* while there is something left, it is not idle */
    } while (buffer_size(&world->shown) < FILLS * strlen(fill));
    assert_true(turns >= FILLS / (2 * FILLS_AT_ONCE));
    for (size_t at = 0; at < FILLS * strlen(fill); at += strlen(fill))
        assert_memory_equal(world->shown.data + world->shown.start + at, fill, strlen(fill));
}

/* More than one read of the kernel's, and what is behind it comes behind it. */
static void test_order_of_much(void **state)
{
    enum { LINES = 80 };
    struct world *world = *state;
    const char *line = "a line of forty characters, or about so\r\n";
    attach(world);
    program_writes(world, line, LINES);
    program_writes(world, fill, FILLS);
    await_shown(world, LINES * strlen(line) + FILLS * strlen(fill));
    program_writes(world, "after", 1);
    await_shown(world, LINES * strlen(line) + FILLS * strlen(fill) + strlen("after"));
    struct slice shown = buffer_slice(&world->shown);
    assert_true(slice_starts_with(shown, slice_of_text(line)));
    assert_memory_equal(shown.data + shown.size - 8, "\x1b#8after", 8);
}

static void resize(const struct world *world, uint16_t columns, uint16_t rows)
{
    char record[TERMINAL_SMALL_SIZE];
    size_t size = terminal_write_size(record, TERMINAL_RESIZE, columns, rows);
    assert_int_equal(send(world->viewer, record, size, 0), (ssize_t)size);
}

/* What comes while something is left waits for that. */
static void test_order_of_what_comes_meanwhile(void **state)
{
    struct world *world = *state;
    attach(world);
    program_writes(world, fill, FILLS);
    loop_step(world->loop, 0);
    program_writes(world, "after", 1);
    await_shown(world, FILLS * strlen(fill) + strlen("after"));
    struct slice shown = buffer_slice(&world->shown);
    assert_memory_equal(shown.data + shown.size - 8, "\x1b#8after", 8);
}

/* Whether one who comes now sees it at once. */
static bool comer_sees(struct world *world, const char *text)
{
    static char bytes[TERMINAL_RECORD_LARGEST];
    const struct hold_terminal_attach attach = {.user = "eve", .view = true};
    struct buffer seen = BUFFER(16 << 20);
    int pair[2];
    ssize_t size;
    make_pair(SOCK_SEQPACKET, pair);
    assert_true(tty_attach(world->tty, pair[0], &attach) > 0);
    while ((size = recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        buffer_append(&seen, slice_of(bytes, (size_t)size));
    struct slice all = buffer_slice(&seen);
    bool sees = memmem(all.data, all.size, text, strlen(text));
    buffer_free(&seen);
    close(pair[1]);
    turn_all(world->loop);
    return sees;
}

/* One snapshot serves several viewers, as long as it is true. */
static void test_who_comes_sees_what_is(void **state)
{
    struct world *world = *state;
    attach(world);
    program_writes(world, "one", 1);
    await_shown(world, 3);
    assert_true(comer_sees(world, "one"));
    assert_true(comer_sees(world, "one"));
    program_writes(world, "\rtwo\x1b[1;30Hfar", 1);
    await_shown(world, 3 + 4 + 7 + 3);
    assert_true(comer_sees(world, "two"));
    assert_true(comer_sees(world, "far"));
    resize(world, 20, 10); /* the cursor's row is cut */
    turn_all(world->loop);
    assert_true(comer_sees(world, "two"));
    assert_false(comer_sees(world, "far"));
}

/* The program ends: what it has written is shown, if that is done within moments. */
static void test_the_end_in_the_middle(void **state)
{
    struct world *world = *state;
    struct buffer rows = BUFFER(1 << 20);
    attach(world);
    program_writes(world, fill, FILLS);
    program_writes(world, "\x1b[2J\x1b[Hlast words", 1);
    loop_step(world->loop, 0);
    tty_finish(world->tty, "it exited with 0", &rows);
    turn_all(world->loop);
    look(world);
    assert_string_equal(world->end, "it exited with 0");
    assert_true(slice_equal(buffer_slice(&rows), SLICE("last words\n")));
    buffer_free(&rows);
}

static void test_it_goes_in_the_middle(void **state)
{
    struct world *world = *state;
    attach(world);
    program_writes(world, fill, FILLS);
    loop_step(world->loop, 0);
    tty_free(&world->tty);
    turn_all(world->loop);
}

static void pass(struct world *world, int64_t ms)
{
    world->clock.now_us += ms * 1000;
    turn_all(world->loop);
    look(world);
}

/* Changes of size come no faster than they are done, with room for others. */
static void test_a_storm_of_sizes(void **state)
{
    struct world *world = *state;
    attach(world);
    world->tick_us = 100000; /* so it takes 100 ms */
    resize(world, 80, 24);
    loop_step(world->loop, 0);
    world->tick_us = 0;
    look(world);
    assert_int_equal(world->columns, 80);
    resize(world, 81, 25);
    pass(world, 60);
    assert_int_equal(world->columns, 80);
    pass(world, 60);
    assert_int_equal(world->columns, 80);
    resize(world, 82, 26);
    pass(world, 400);
    assert_int_equal(world->columns, 82);
    pass(world, 400); /* for the snapshot */
    resize(world, 83, 27);
    pass(world, 1); /* that before took no time */
    assert_int_equal(world->columns, 83);
    int snapshots = world->snapshots;
    pass(world, 400); /* and behind each comes one, since emulators differ in wrapping */
    assert_int_equal(world->snapshots, snapshots + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_others_get_their_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_much, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_what_comes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_comes_sees_what_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_goes_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_storm_of_sizes, set_up, tear_down),
    };
    return run_group(tests);
}
