#include "../support.h"

#include "base/memory.h"
#include "route/event_group.h"

enum { MANY = 5000, DRAIN_MS = 10000, STEP_US = 10000 };

struct stream {
    struct event_member member;
    int64_t told_us;
};

static void on_goodbye(struct event_member *member)
{
    struct stream *stream = LIST_ENTRY(member, struct stream, member);
    stream->told_us = loop_now_us(event_group_loop(member->group));
    event_group_remove(member);
}

/* Any second, wherever it begins, has at most twice the mean. */
static void test_many_are_spread(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct event_group *group = event_group_new(loop);
    struct stream *streams = MEMORY_ARRAY(struct stream, MANY);
    for (size_t i = 0; i < MANY; i++)
        event_group_add(group, &streams[i].member, on_goodbye);
    int64_t began_us = loop_now_us(loop);
    event_group_say_goodbye(group, DRAIN_MS);
    size_t by_step[DRAIN_MS * 1000 / STEP_US + 2] = {0}, steps = sizeof by_step / sizeof *by_step, told = 0;
    for (size_t step = 0; step < steps; step++) {
        loop_step(loop, 0);
        clock.now_us += STEP_US;
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(streams[i].told_us > 0);
        size_t step = (size_t)((streams[i].told_us - began_us) / STEP_US);
        assert_true(step < steps);
        by_step[step]++;
    }
    for (size_t first = 0, second = 1000000 / STEP_US; first + second <= steps; first++) {
        size_t sum = 0;
        for (size_t step = first; step < first + second; step++)
            sum += by_step[step];
        assert_true(sum <= 2 * MANY / (DRAIN_MS / 1000));
        told += first == 0 ? sum : 0;
    }
    assert_true(told > 0);
    free(streams);
    event_group_free(&group);
    loop_free(&loop);
}

static void test_few_and_late_ones_at_once(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct event_group *group = event_group_new(loop);
    struct stream streams[FAREWELL_AT_ONCE + 2] = {0};
    for (size_t i = 0; i < FAREWELL_AT_ONCE; i++)
        event_group_add(group, &streams[i].member, on_goodbye);
    event_group_remove(&streams[0].member);
    event_group_remove(&streams[0].member); /* twice does nothing */
    event_group_say_goodbye(group, DRAIN_MS);
    loop_step(loop, 0);
    event_group_add(group, &streams[FAREWELL_AT_ONCE].member, on_goodbye);
    loop_step(loop, 0);
    assert_int_equal(streams[0].told_us, 0);
    for (size_t i = 1; i <= FAREWELL_AT_ONCE; i++)
        assert_true(streams[i].told_us > 0);
    event_group_free(&group);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_are_spread),
        cmocka_unit_test(test_few_and_late_ones_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
