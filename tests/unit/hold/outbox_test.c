/* Records that wait for one viewer: order, joining, the limit, and what a drop leaves. */
#include "../support.h"

#include "hold/outbox.h"
#include "wire/terminal.h"

struct world {
    struct outbox outbox;
    int pair[2];
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->outbox = outbox_new();
    make_pair(SOCK_SEQPACKET, world->pair);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    outbox_free(&world->outbox);
    close(world->pair[0]);
    close(world->pair[1]);
    free(world);
    return 0;
}

static void expect_record(const struct world *world, const char *expected)
{
    static char found[TERMINAL_RECORD_LARGEST + 1];
    ssize_t size = recv(world->pair[1], found, sizeof found, MSG_DONTWAIT);
    assert_int_equal(size, (ssize_t)strlen(expected));
    assert_memory_equal(found, expected, strlen(expected));
}

static void test_records_come_in_their_order(void **state)
{
    struct world *world = *state;
    assert_true(outbox_is_empty(&world->outbox));
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("one ")));
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("and one"))); /* joins it */
    assert_true(outbox_add(&world->outbox, TERMINAL_TITLE, SLICE("")));
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("two")));
    assert_int_equal(outbox_send(&world->outbox, world->pair[0]), 0);
    assert_true(outbox_is_empty(&world->outbox));
    expect_record(world, "0one and one");
    expect_record(world, "1");
    expect_record(world, "0two");
    assert_true(
        outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("three"))); /* joins nothing that has left */
    assert_int_equal(outbox_send(&world->outbox, world->pair[0]), 0);
    expect_record(world, "0three");
}

static void test_much_is_cut_into_records(void **state)
{
    struct world *world = *state;
    enum { MUCH = 2 * TERMINAL_DATA_LARGEST + 1 };
    static char much[MUCH], found[TERMINAL_RECORD_LARGEST + 1];
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)('a' + i % 26);
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, slice_of(much, 5)));
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, slice_of(much + 5, MUCH - 5)));
    size_t place = 0;
    while (place < MUCH) {
        int code = outbox_send(&world->outbox, world->pair[0]);
        assert_true(code == 0 || code == -EAGAIN);
        ssize_t size = recv(world->pair[1], found, sizeof found, MSG_DONTWAIT);
        assert_in_range(size, 2, TERMINAL_RECORD_LARGEST);
        assert_int_equal(found[0], TERMINAL_OUTPUT);
        assert_memory_equal(found + 1, much + place, (size_t)size - 1);
        place += (size_t)size - 1;
    }
    assert_int_equal(place, MUCH);
}

static void test_what_is_live_has_a_limit_and_a_snapshot_has_none(void **state)
{
    struct world *world = *state;
    static char large[2 * OUTBOX_LIVE_MOST];
    memset(large, 'x', sizeof large);
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, slice_of(large, OUTBOX_LIVE_MOST / 2)));
    assert_false(outbox_add(&world->outbox, TERMINAL_OUTPUT, slice_of(large, OUTBOX_LIVE_MOST)));
    outbox_drop_live(&world->outbox);
    assert_true(outbox_is_empty(&world->outbox));
    outbox_keep(&world->outbox, TERMINAL_OUTPUT, slice_of(large, sizeof large));
    size_t kept = buffer_size(&world->outbox.records);
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("live")));
    outbox_drop_live(&world->outbox);
    assert_int_equal(buffer_size(&world->outbox.records), kept);
    outbox_drop(&world->outbox);
    assert_true(outbox_is_empty(&world->outbox));
    assert_true(outbox_add(&world->outbox, TERMINAL_OUTPUT, SLICE("again")));
    assert_int_equal(outbox_send(&world->outbox, world->pair[0]), 0);
    expect_record(world, "0again");
}

static void test_a_peer_that_does_not_read_and_one_that_has_gone(void **state)
{
    struct world *world = *state;
    static char large[OUTBOX_LIVE_MOST - 1024];
    outbox_keep(&world->outbox, TERMINAL_OUTPUT, slice_of(large, sizeof large));
    for (int i = 0; i < 100 && outbox_send(&world->outbox, world->pair[0]) == 0; i++)
        outbox_keep(&world->outbox, TERMINAL_OUTPUT, slice_of(large, sizeof large));
    assert_int_equal(outbox_send(&world->outbox, world->pair[0]), -EAGAIN);
    assert_false(outbox_is_empty(&world->outbox));
    close(world->pair[1]);
    int code = outbox_send(&world->outbox, world->pair[0]);
    assert_true(code == -EPIPE || code == -ECONNRESET);
    world->pair[1] = dup(world->pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_come_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_much_is_cut_into_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_live_has_a_limit_and_a_snapshot_has_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_that_does_not_read_and_one_that_has_gone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
