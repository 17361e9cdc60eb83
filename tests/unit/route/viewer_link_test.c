/* Records of all sizes arrive however many come at once, and a full link says when it has room. */
#include "../support.h"

#include "base/list.h"
#include "route/viewer_link.h"

struct fixture {
    struct fake_clock clock;
    struct loop *loop;
    struct viewer_link link;
    int hold;
    int records, rooms;
    ssize_t last;
};

static void on_record(struct viewer_link *link)
{
    struct fixture *fixture = LIST_ENTRY(link, struct fixture, link);
    char bytes[1024];
    fixture->last = viewer_link_read(link, bytes, sizeof bytes);
    fixture->records += fixture->last > 0;
    if (fixture->last == 0)
        viewer_link_close(link);
}

static void on_room(struct viewer_link *link)
{
    LIST_ENTRY(link, struct fixture, link)->rooms++;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    int pair[2];
    fixture = (struct fixture){.clock = FAKE_CLOCK(1000000)};
    fixture.loop = loop_new(&fixture.clock.clock);
    make_pair(SOCK_SEQPACKET, pair);
    fixture.link = (struct viewer_link){.on_record = on_record, .on_room = on_room};
    viewer_link_open(&fixture.link, fixture.loop, pair[0]);
    fixture.hold = pair[1];
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    viewer_link_close(&fixture->link);
    loop_free(&fixture->loop);
    if (fixture->hold >= 0)
        close(fixture->hold);
    return 0;
}

static void test_short_records_in_a_row(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(send(fixture->hold, "0x", 2, 0), 2);
    turn_all(fixture->loop);
    assert_int_equal(fixture->records, 0); /* not wanted yet */
    viewer_link_want(&fixture->link, true);
    turn_all(fixture->loop);
    assert_int_equal(fixture->records, 5);
    viewer_link_want(&fixture->link, false);
    assert_int_equal(send(fixture->hold, "0x", 2, 0), 2);
    turn_all(fixture->loop);
    assert_int_equal(fixture->records, 5);
}

/* What the hold has sent before it went is read, then its end; who does not read is not woken for it. */
static void test_the_hold_goes(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(send(fixture->hold, "6the end", 8, 0), 8);
    close(fixture->hold);
    fixture->hold = -1;
    assert_int_equal(loop_step(fixture->loop, 0), 0);
    viewer_link_want(&fixture->link, true);
    turn_all(fixture->loop);
    assert_int_equal(fixture->records, 1);
    assert_int_equal(fixture->last, 0);
    assert_int_equal(fixture->link.fd, -1);
}

static void test_room(void **state)
{
    struct fixture *fixture = *state;
    static const char data[8000];
    int sent = 0;
    while (viewer_link_send(&fixture->link, '0', slice_of(data, sizeof data)))
        sent++;
    turn_all(fixture->loop);
    assert_int_equal(fixture->rooms, 0);
    for (int i = 0; i < sent; i++) {
        char bytes[9000];
        assert_int_equal(recv(fixture->hold, bytes, sizeof bytes, 0), sizeof data + 1);
    }
    turn_all(fixture->loop);
    assert_int_equal(fixture->rooms, 1);
    assert_true(viewer_link_send(&fixture->link, '2', (struct slice){0}));
    close(fixture->hold);
    fixture->hold = -1;
    assert_true(viewer_link_send(&fixture->link, '2', (struct slice){0})); /* lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_short_records_in_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_hold_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
    };
    return run_group(tests);
}
