#include "../support.h"

#include "route/streams.h"

struct stream {
    struct stream_member member;
    int closed;
    enum streams_reason reason;
};

static struct principal principal_of(const char *credential, int64_t expires_ms)
{
    return (struct principal){
        .kind = PRINCIPAL_SESSION, .user = "ann", .credential = credential, .expires_ms = expires_ms};
}

static void on_close(struct stream_member *member, enum streams_reason reason)
{
    struct stream *stream = LIST_ENTRY(member, struct stream, member);
    stream->closed++;
    stream->reason = reason;
}

static void on_close_and_leave(struct stream_member *member, enum streams_reason reason)
{
    on_close(member, reason);
    streams_remove(member);
}

static void test_by_credential(void **state)
{
    struct loop *loop = *state;
    struct streams *streams = streams_new(loop);
    struct stream a = {0}, b = {0}, c = {0}, nobody = {0};
    const struct principal first = principal_of("s1", 0), second = principal_of("s2", 0);
    streams_add(streams, &a.member, &first, on_close);
    streams_add(streams, &b.member, &second, on_close);
    streams_add(streams, &c.member, &first, on_close_and_leave);
    streams_add(streams, &nobody.member, &principal_nobody, on_close);
    assert_ptr_not_equal(a.member.principal, &first);
    assert_string_equal(a.member.principal->user, "ann");
    streams_close_credential(streams, "s1", STREAMS_FORBIDDEN);
    assert_int_equal(a.closed, 1);
    assert_int_equal(a.reason, STREAMS_FORBIDDEN);
    assert_int_equal(b.closed, 0);
    assert_int_equal(c.closed, 1);
    streams_close_credential(streams, "s1", STREAMS_SIGNED_OUT); /* it has been told */
    assert_int_equal(a.closed, 1);
    assert_int_equal(nobody.closed, 0);
    streams_remove(&a.member);
    streams_remove(&b.member);
    streams_remove(&c.member); /* twice does nothing */
    streams_remove(&nobody.member);
    streams_free(&streams);
}

static bool is_s1(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    int *asked = owner;
    const char *credential = member->principal->credential;
    (*asked)++;
    *reason = STREAMS_FORBIDDEN;
    return credential && strcmp(credential, "s1") == 0;
}

static void test_who_has_just_come_is_asked_for_once(void **state)
{
    struct loop *loop = *state;
    struct streams *streams = streams_new(loop);
    struct stream a = {0}, b = {0}, nobody = {0};
    const struct principal first = principal_of("s1", 0), second = principal_of("s2", 0);
    int asked = 0;
    streams_add(streams, &a.member, &first, on_close_and_leave);
    streams_add(streams, &b.member, &second, on_close);
    streams_add(streams, &nobody.member, &principal_nobody, on_close);
    streams_review_fresh(streams, is_s1, &asked);
    streams_review_fresh(streams, is_s1, &asked);
    assert_int_equal(asked, 3);
    assert_int_equal(a.closed, 1);
    assert_int_equal(a.reason, STREAMS_FORBIDDEN);
    streams_review_all(streams, is_s1, &asked);
    assert_int_equal(asked, 5);
    assert_int_equal(b.closed + nobody.closed, 0);
    streams_remove(&b.member);
    streams_remove(&nobody.member);
    streams_free(&streams);
}

static void test_expiry(void **state)
{
    struct loop *loop = *state;
    struct streams *streams = streams_new(loop);
    struct stream early = {0}, late = {0}, never = {0};
    const struct principal soon = principal_of("s1", 1000), later = principal_of("s2", 5000),
                           forever = principal_of("s3", 0);
    streams_add(streams, &late.member, &later, on_close_and_leave);
    streams_add(streams, &early.member, &soon, on_close_and_leave);
    streams_add(streams, &never.member, &forever, on_close);
    streams_expire(streams, 999);
    assert_int_equal(early.closed, 0);
    streams_expire(streams, 1000);
    assert_int_equal(early.closed, 1);
    assert_int_equal(early.reason, STREAMS_SIGNED_OUT);
    assert_int_equal(late.closed, 0);
    streams_expire(streams, 4999);
    assert_int_equal(late.closed, 0);
    streams_expire(streams, 6000);
    assert_int_equal(late.closed, 1);
    assert_int_equal(never.closed, 0);
    streams_remove(&never.member);
    streams_free(&streams);
}

/* --- routes that have gone --- */

enum { ROUTE_KEPT = 7, ROUTE_GONE = 8, CROWD = 300, SPREAD_MS = 10000 };

static bool is_kept(void *owner, const struct stream_member *member)
{
    (void)owner;
    return !member->route || member->route == ROUTE_KEPT;
}

static void add_through(struct streams *streams, struct stream *stream, uint64_t route)
{
    streams_add(streams, &stream->member, &principal_nobody, on_close_and_leave);
    stream->member.route = route;
}

static void test_few_leave_at_once(void **state)
{
    struct loop *loop = *state;
    struct streams *streams = streams_new(loop);
    struct stream kept = {0}, gone = {0}, told = {0}, ours = {0};
    const struct principal ann = principal_of("s1", 0);
    add_through(streams, &kept, ROUTE_KEPT);
    add_through(streams, &gone, ROUTE_GONE);
    add_through(streams, &ours, 0);
    streams_add(streams, &told.member, &ann, on_close);
    told.member.route = ROUTE_GONE;
    streams_close_credential(streams, "s1", STREAMS_SIGNED_OUT);
    streams_judge(streams, is_kept, NULL);
    streams_leave_moved(streams, SPREAD_MS);
    turn_here(loop);
    assert_int_equal(gone.closed, 1);
    assert_int_equal(gone.reason, STREAMS_MOVED);
    assert_int_equal(kept.closed + ours.closed, 0);
    assert_int_equal(told.closed, 1);
    assert_int_equal(told.reason, STREAMS_SIGNED_OUT);
    streams_remove(&kept.member);
    streams_remove(&ours.member);
    streams_remove(&told.member);
    streams_free(&streams);
}

/* No second has more than twice the mean, some leave by themselves, and all have been told in the end. */
static void test_many_leave_spread(void **state)
{
    (void)state;
    static struct stream crowd[CROWD];
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct streams *streams = streams_new(loop);
    int told = 0;
    for (int i = 0; i < CROWD; i++)
        add_through(streams, &crowd[i], ROUTE_GONE);
    loop_step(loop, 0);
    streams_judge(streams, is_kept, NULL);
    streams_leave_moved(streams, SPREAD_MS);
    for (int second = 0; second < SPREAD_MS / 1000; second++) {
        for (int step = 0; step < 100; step++) {
            clock.now_us += 10000;
            turn_here(loop);
        }
        int now = 0;
        for (int i = 0; i < CROWD; i++)
            now += crowd[i].closed;
        assert_in_range(now - told, 0, 2 * CROWD / (SPREAD_MS / 1000));
        told = now;
        streams_remove(&crowd[CROWD - 1 - second].member);
    }
    clock.now_us += 1000000;
    turn_here(loop);
    for (int i = 0; i < CROWD; i++)
        assert_true(crowd[i].closed == 1 || crowd[i].member.principal == NULL);
    streams_free(&streams);
    loop_free(&loop);
}

static int make_loop(void **state)
{
    *state = loop_new(&clock_system);
    return *state ? 0 : -1;
}

static int drop_loop(void **state)
{
    struct loop *loop = *state;
    loop_free(&loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_credential, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(test_who_has_just_come_is_asked_for_once, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(test_expiry, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(test_few_leave_at_once, make_loop, drop_loop),
        cmocka_unit_test(test_many_leave_spread),
    };
    return run_group(tests);
}
