/* A relay between two connections whose far ends the test plays: every byte, every end, every break. */
#include <poll.h>
#include <time.h>

#include "relay_world.h"

/* Over unix sockets and TCP, with bytes that are copied and (| 2) bytes that go through a pipe unseen. */
#define OVER_BOTH(form) for (int form = 0; form <= 3; form++)

/* What the far end i reads next; "" when it has ended. */
static void expect(struct world *world, int i, const char *text)
{
    char bytes[256] = {0};
    turn_all(world->loop);
    ssize_t count = read(world->far[i], bytes, sizeof bytes - 1);
    assert_int_equal(count, strlen(text));
    assert_string_equal(bytes, text);
}

static void say(struct world *world, int i, const char *text)
{
    assert_int_equal(write(world->far[i], text, strlen(text)), (ssize_t)strlen(text));
}

static void bytes_go_both_ways_and_half_close_passes(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){0});
        say(&world, 0, "hello");
        expect(&world, 1, "hello");
        say(&world, 1, "world!");
        expect(&world, 0, "world!");
        shutdown(world.far[0], SHUT_WR);
        expect(&world, 1, "");
        say(&world, 1, "more");
        expect(&world, 0, "more");
        assert_int_equal(world.ends, 0);
        shutdown(world.far[1], SHUT_WR);
        turn_all(world.loop);
        assert_int_equal(world.ends, 1);
        assert_int_equal(world.end, RELAY_ENDED);
        expect(&world, 0, "");
        struct relay_counts counts = relay_counts(world.relay);
        assert_int_equal(counts.bytes[RELAY_A_TO_B], 5);
        assert_int_equal(counts.bytes[RELAY_B_TO_A], 10);
        assert_int_equal(world.tapped[RELAY_B_TO_A] + world.unseen[RELAY_B_TO_A], 10);
        close_world(&world);
    }
}

static void early_bytes_come_first_and_are_tapped(void **state)
{
    (void)state;
    struct world world = {.clock = FAKE_CLOCK(1000000), .tap_hash = {1, 1}};
    int a[2], b[2];
    world.loop = loop_new(&world.clock.clock);
    make_pair(SOCK_STREAM, a);
    make_pair(SOCK_STREAM, b);
    world.far[0] = a[1], world.far[1] = b[1];
    struct stream *streams[2] = {stream_new(world.loop, a[0], NULL, NULL),
                                 stream_new(world.loop, b[0], NULL, NULL)};
    struct relay_settings settings = {.tap = tap, .on_end = on_end};
    say(&world, 0, "later");
    turn_all(world.loop);
    world.relay = relay_start(streams[0], streams[1], SLICE("early "), SLICE("back"), &settings, &world);
    assert_int_equal(world.tapped[0], 0); /* not from inside relay_start() */
    expect(&world, 1, "early later");
    expect(&world, 0, "back");
    assert_int_equal(world.tapped[0], 11);
    close_world(&world);
}

/* --- random data, splits and stalls ------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

struct talker {
    uint64_t content;  /* generator of what it sends */
    uint64_t expected; /* generator of what it must receive */
    uint64_t sent;
    uint64_t received;
    uint64_t size;
    bool ended;
};

static char byte_of(uint64_t *state)
{
    return (char)next_random(state);
}

/* Sends a random piece; the generator moves on only by what was taken. */
static void talk(struct talker *talker, int fd, uint64_t *random)
{
    static char bytes[BLOCK];
    if (talker->ended)
        return;
    uint64_t left = talker->size - talker->sent, size = 1 + next_random(random) % BLOCK,
             ahead = talker->content;
    if (next_random(random) % 4)
        size = size % 100 + 1;
    if (size > left)
        size = left;
    for (uint64_t i = 0; i < size; i++)
        bytes[i] = byte_of(&ahead);
    ssize_t count = write(fd, bytes, size);
    for (ssize_t i = 0; i < count; i++)
        byte_of(&talker->content);
    talker->sent += count > 0 ? (uint64_t)count : 0;
    if (talker->sent == talker->size && !talker->ended) {
        shutdown(fd, SHUT_WR);
        talker->ended = true;
    }
}

static void listen_to(struct talker *talker, int fd, uint64_t *random)
{
    static char bytes[BLOCK];
    ssize_t count = read(fd, bytes, 1 + next_random(random) % BLOCK);
    for (ssize_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], byte_of(&talker->expected));
    talker->received += count > 0 ? (uint64_t)count : 0;
}

static void run_random(uint64_t seed, bool tcp, size_t high_water, bool moves)
{
    enum { SIZE = RANDOM_SIZE };
    struct world world;
    uint64_t random = seed;
    open_world(&world, tcp,
               &(struct relay_settings){.high_water = high_water, .pipes = moves ? pipes_new() : NULL});
    world.random = seed;
    world.holds_back = moves;
    struct talker talkers[2] = {{.content = seed + 1, .expected = seed + 2, .size = SIZE},
                                {.content = seed + 2, .expected = seed + 1, .size = SIZE}};
    bool stalled[2] = {false, false};
    for (int step = 0; world.ends == 0; step++) {
        assert_true(step < 3000000);
        int i = (int)(next_random(&random) % 2);
        if (next_random(&random) % 500 == 0)
            stalled[i] = !stalled[i];
        if (next_random(&random) % 2)
            talk(&talkers[i], world.far[i], &random);
        else if (!stalled[i] || (talkers[0].ended && talkers[1].ended))
            listen_to(&talkers[i], world.far[i], &random);
        if (next_random(&random) % 3 == 0)
            loop_step(world.loop, 0);
    }
    assert_int_equal(world.end, RELAY_ENDED);
    for (int i = 0; i < 2; i++) {
        while (talkers[i].received < SIZE) { /* what the kernel still holds for us */
            uint64_t before = talkers[i].received;
            struct pollfd more = {.fd = world.far[i], .events = POLLIN};
            assert_int_equal(poll(&more, 1, PATIENCE_MS), 1);
            listen_to(&talkers[i], world.far[i], &random);
            assert_true(talkers[i].received > before);
        }
        assert_int_equal(world.tapped[i] + world.unseen[i], SIZE);
        assert_true(!moves || world.unseen[i] > SIZE / 20);
        assert_int_equal(relay_counts(world.relay).bytes[i], SIZE);
        uint64_t content = seed + 1 + (uint64_t)i, hash = 1;
        for (int k = 0; k < SIZE; k++) {
            char byte = byte_of(&content);
            hash = hash_of(hash, &byte, 1);
        }
        assert_true(moves || world.tap_hash[i] == hash);
    }
    close_world(&world);
}

static void no_byte_is_lost_torn_or_doubled(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    for (int tcp = 0; tcp <= 1; tcp++) {
        run_random(seed + 10 * (uint64_t)tcp, tcp, 0, false);
        run_random(seed + 100 + 10 * (uint64_t)tcp, tcp, 1000, false);
        run_random(seed + 200 + 10 * (uint64_t)tcp, tcp, 0, true);
    }
}

/* The rest of what was foreseen comes later, and goes past the tap even so; when there is no pipe then, it is
 * copied, and the tap sees what follows it. */
static void foreseen_bytes_may_come_in_pieces(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        struct pipe *taken[PIPES_MOST] = {NULL};
        bool starved = form & 2;
        open_world(&world, form & 1, &(struct relay_settings){.pipes = pipes_new()});
        world.foreseen = 20;
        say(&world, 0, "a head of");
        expect(&world, 1, "a head of");
        assert_int_equal(world.unseen[0], 0);
        assert_int_equal(relay_insert(world.relay, RELAY_A_TO_B, SLICE("not in here")), -EAGAIN);
        for (int i = 0; starved && i < PIPES_MOST; i++)
            taken[i] = pipes_take(world.pipes);
        say(&world, 0, " 20 bytes: span, and the rest");
        expect(&world, 1, " 20 bytes: span, and the rest");
        assert_int_equal(world.unseen[0], starved ? 0 : 5);
        assert_int_equal(world.tapped[0], starved ? 38 : 33);
        assert_int_equal(relay_insert(world.relay, RELAY_A_TO_B, SLICE("but here")), 0);
        expect(&world, 1, "but here");
        for (int i = 0; i < PIPES_MOST; i++)
            pipes_give(world.pipes, &taken[i], 0);
        close_world(&world);
    }
}

/* --- blocked sides ------------------------------------------------------------------------------- */

static size_t say_until_blocked(struct world *world, int i)
{
    static char block[BLOCK];
    size_t total = 0;
    for (int quiet = 0; quiet < 3;) {
        ssize_t count = write(world->far[i], block, sizeof block);
        turn_all(world->loop);
        total += count > 0 ? (size_t)count : 0;
        quiet = count > 0 ? 0 : quiet + 1;
    }
    return total;
}

/* So many bytes, or all to the end. Of much the kernel may keep the rest back until it repeats what it
 * dropped. */
static size_t hear_all(struct world *world, int i, size_t most, bool *ended)
{
    static char block[BLOCK];
    struct pollfd more = {.fd = world->far[i], .events = POLLIN};
    size_t total = 0;
    for (int waited_ms = 0; waited_ms < PATIENCE_MS && total < most && !*ended;) {
        ssize_t count = read(world->far[i], block, sizeof block);
        turn_all(world->loop);
        *ended = count == 0;
        total += count > 0 ? (size_t)count : 0;
        if (count < 0 && poll(&more, 1, 20) == 0)
            waited_ms += 20;
    }
    return total;
}

static void an_end_waits_for_the_megabyte_in_front_of_it(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){0});
        int large = 1024 * 1024;
        setsockopt(world.far[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
        size_t sent = say_until_blocked(&world, 0);
        assert_true(sent >= 300000);
        shutdown(world.far[0], SHUT_WR);
        turn_all(world.loop);
        say(&world, 1, "the other way is open");
        expect(&world, 0, "the other way is open");
        bool ended = false;
        assert_int_equal(hear_all(&world, 1, SIZE_MAX, &ended), sent);
        assert_true(ended);
        assert_int_equal(world.ends, 0);
        say(&world, 1, "still");
        expect(&world, 0, "still");
        close_far(&world, 1);
        expect(&world, 0, "");
        assert_int_equal(world.ends, 1);
        close_world(&world);
    }
}

/* The client is killed while the backend does not read: nothing is being read from the client, yet the
 * backend's end must come. */
static void a_client_lost_behind_a_blocked_backend_is_noticed(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){0});
        say_until_blocked(&world, 0);
        reset_far(&world, 0);
        turn_all(world.loop);
        assert_int_equal(world.ends, 0);                  /* the backend may still take what was sent */
        for (int i = 0; world.ends == 0 && i < 10; i++) { /* a busy kernel may still be at it for a while */
            world.clock.now_us += 500000;
            turn_all(world.loop);
        }
        assert_int_equal(world.ends, 1);
        assert_int_equal(world.end, RELAY_ENDED); /* nothing failed that we tried: it closed whole */
        bool ended = false;
        hear_all(&world, 1, SIZE_MAX, &ended);
        assert_true(ended);
        close_world(&world);
    }
}

static void what_a_lost_client_had_sent_is_delivered_while_it_moves(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false, &(struct relay_settings){0});
    size_t sent = say_until_blocked(&world, 0), got = 0;
    close_far(&world, 0);
    while (got < sent) { /* slowly, but never still for half a second */
        static char block[BLOCK];
        turn_all(world.loop);
        world.clock.now_us += 400000;
        turn_all(world.loop);
        ssize_t count = read(world.far[1], block, sizeof block);
        assert_true(count > 0);
        got += (size_t)count;
    }
    expect(&world, 1, "");
    close_world(&world);
}

/* --- breaks ---------------------------------------------------------------------------------------- */

/* The backend's last words arrive although the relay cannot write to it any more. */
static void last_words_of_a_broken_backend_reach_the_client(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){0});
        turn_all(world.loop);
        say(&world, 0, "unread by the backend"); /* so that its close is a reset on TCP */
        turn_all(world.loop);
        say(&world, 1, "last words");
        close_far(&world, 1);
        expect(&world, 0, "last words");
        expect(&world, 0, ""); /* at once, not after the linger */
        say(&world, 0, "dropped");
        turn_all(world.loop);
        assert_int_equal(world.ends, 0);
        shutdown(world.far[0], SHUT_WR);
        turn_all(world.loop);
        assert_int_equal(world.ends, 1);
        assert_int_equal(world.end, RELAY_B_BROKEN);
        close_world(&world);
    }
}

/* The same when the failing write comes before the backend's own event: both are in one batch. */
static void last_words_survive_a_write_that_fails_first(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){0});
        turn_all(world.loop);
        say(&world, 0, "nobody will read this");
        say(&world, 1, "last words");
        reset_far(&world, 1);
        expect(&world, 0, "last words");
        expect(&world, 0, "");
        for (int i = 0; i < 2; i++) { /* the client's reading counts as progress once */
            world.clock.now_us += 500000;
            turn_all(world.loop);
        }
        assert_int_equal(world.ends, 1);
        bool whole = !(form & 1) && world.end == RELAY_ENDED; /* its event came first after all */
        assert_true(world.end == RELAY_B_BROKEN || whole);
        close_world(&world);
    }
}

static void a_reset_idle_side_ends_the_other_within_the_linger(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world;
        open_world(&world, true, &(struct relay_settings){0});
        world.destroy_at_end = true;
        turn_all(world.loop);
        reset_far(&world, i);
        expect(&world, 1 - i, "");
        world.clock.now_us += 500000;
        turn_all(world.loop);
        assert_int_equal(world.ends, 1);
        assert_int_equal(world.end, i == 0 ? RELAY_A_BROKEN : RELAY_B_BROKEN);
        assert_null(world.relay);
        close_world(&world);
    }
}

static void the_other_side_may_outlive_its_peer_for_half_close_ms(void **state)
{
    (void)state;
    OVER_BOTH(form)
    {
        struct world world;
        open_world(&world, form, &(struct relay_settings){.half_close_ms = 3000});
        shutdown(world.far[1], SHUT_WR);
        expect(&world, 0, "");
        world.clock.now_us += 2999000;
        say(&world, 0, "x");
        expect(&world, 1, "x");
        assert_int_equal(world.ends, 0);
        world.clock.now_us += 1000;
        turn_all(world.loop);
        assert_int_equal(world.ends, 1);
        assert_int_equal(world.end, RELAY_HALF_CLOSE);
        close_world(&world);
    }
}

/* --- tap and insert ---------------------------------------------------------------------------------- */

static void a_tap_may_refuse(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false, &(struct relay_settings){0});
    world.tap_refuses_at = 4;
    say(&world, 1, "abc");
    expect(&world, 0, "abc");
    say(&world, 1, "bad");
    turn_all(world.loop);
    assert_int_equal(world.ends, 1);
    assert_int_equal(world.end, RELAY_B_BROKEN);
    expect(&world, 0, "");
    close_world(&world);
}

static void inserted_bytes_go_between_and_are_not_counted(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false, &(struct relay_settings){0});
    turn_all(world.loop);
    assert_int_equal(relay_insert(world.relay, RELAY_B_TO_A, SLICE("[ping]")), 0);
    say(&world, 1, "data");
    expect(&world, 0, "[ping]data");
    world.tap_inserts = SLICE("[tap]");
    say(&world, 0, "up");
    expect(&world, 1, "[tap]up");
    assert_int_equal(relay_counts(world.relay).bytes[RELAY_B_TO_A], 4);
    assert_int_equal(relay_counts(world.relay).bytes[RELAY_A_TO_B], 2);
    size_t sent = say_until_blocked(&world, 0);
    assert_int_equal(relay_insert(world.relay, RELAY_A_TO_B, SLICE("no")), -EAGAIN);
    assert_int_equal(relay_insert(world.relay, RELAY_B_TO_A, SLICE("yes")), 0);
    bool ended = false;
    assert_int_equal(hear_all(&world, 1, sent, &ended), sent);
    assert_int_equal(relay_counts(world.relay).bytes[RELAY_A_TO_B], 2 + sent);
    expect(&world, 0, "yes");
    shutdown(world.far[0], SHUT_WR);
    turn_all(world.loop);
    assert_int_equal(relay_insert(world.relay, RELAY_A_TO_B, SLICE("late")), -EPIPE);
    close_world(&world);
}

/* What was put in last is the last thing that the sink gets; the other direction goes on. */
static void a_dropped_direction_passes_its_end_alone(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, true, &(struct relay_settings){0});
    turn_all(world.loop);
    assert_int_equal(relay_insert(world.relay, RELAY_B_TO_A, SLICE("last")), 0);
    relay_drop(world.relay, RELAY_B_TO_A);
    say(&world, 1, "too late");
    expect(&world, 0, "last");
    say(&world, 0, "answer");
    expect(&world, 1, "answer");
    assert_int_equal(relay_counts(world.relay).bytes[RELAY_B_TO_A], 0);
    assert_int_equal(world.ends, 0);
    close_far(&world, 1);
    expect(&world, 0, "");
    close_far(&world, 0);
    turn_all(world.loop);
    assert_int_equal(world.ends, 1);
    relay_drop(world.relay, RELAY_A_TO_B); /* nothing happens any more */
    close_world(&world);
}

static void destroy_closes_both_without_a_callback(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, false, &(struct relay_settings){0});
    relay_destroy(&world.relay);
    assert_null(world.relay);
    turn_all(world.loop);
    expect(&world, 0, "");
    expect(&world, 1, "");
    assert_int_equal(world.ends, 0);
    close_world(&world);
}

int main(void)
{
    ignore_broken_pipes(); /* splice(2) knows no MSG_NOSIGNAL */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_and_half_close_passes),
        cmocka_unit_test(early_bytes_come_first_and_are_tapped),
        cmocka_unit_test(no_byte_is_lost_torn_or_doubled),
        cmocka_unit_test(foreseen_bytes_may_come_in_pieces),
        cmocka_unit_test(an_end_waits_for_the_megabyte_in_front_of_it),
        cmocka_unit_test(a_client_lost_behind_a_blocked_backend_is_noticed),
        cmocka_unit_test(what_a_lost_client_had_sent_is_delivered_while_it_moves),
        cmocka_unit_test(last_words_of_a_broken_backend_reach_the_client),
        cmocka_unit_test(last_words_survive_a_write_that_fails_first),
        cmocka_unit_test(a_reset_idle_side_ends_the_other_within_the_linger),
        cmocka_unit_test(the_other_side_may_outlive_its_peer_for_half_close_ms),
        cmocka_unit_test(a_tap_may_refuse),
        cmocka_unit_test(inserted_bytes_go_between_and_are_not_counted),
        cmocka_unit_test(a_dropped_direction_passes_its_end_alone),
        cmocka_unit_test(destroy_closes_both_without_a_callback),
    };
    return run_group(tests);
}
