#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
    (void)state;
    struct streams *streams = streams_new();
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

static void test_expiry(void **state)
{
    (void)state;
    struct streams *streams = streams_new();
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_credential), cmocka_unit_test(test_expiry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
