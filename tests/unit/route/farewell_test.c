#include "../support.h"

#include "route/farewell.h"

enum { MANY = 5000, SPREAD_MS = 10000, TIMES_MOST = 2 * MANY };

struct crowd {
    struct farewell farewell;
    struct fake_clock clock;
    struct loop *loop;
    int64_t began_us, told_us[TIMES_MOST];
    size_t told;
};

static void tell_next(struct farewell *farewell)
{
    struct crowd *crowd = LIST_ENTRY(farewell, struct crowd, farewell);
    crowd->told_us[crowd->told++] = loop_now_us(crowd->loop) - crowd->began_us;
    farewell->waiting--;
}

static void begin(struct crowd *crowd, size_t waiting)
{
    *crowd = (struct crowd){.clock = FAKE_CLOCK(1000), .farewell.waiting = waiting};
    crowd->loop = loop_new(&crowd->clock.clock);
    crowd->began_us = loop_now_us(crowd->loop);
    farewell_begin(&crowd->farewell, crowd->loop, SPREAD_MS, tell_next);
}

/* Turns so far apart for so long. */
static void turn(struct crowd *crowd, int64_t step_ms, int64_t until_ms)
{
    while (crowd->clock.now_us - crowd->began_us < until_ms * 1000) {
        loop_step(crowd->loop, 0);
        crowd->clock.now_us += step_ms * 1000;
    }
    loop_step(crowd->loop, 0);
}

/* The most in any second, wherever it begins. */
static size_t most_in_a_second(const struct crowd *crowd)
{
    size_t most = 0;
    for (size_t first = 0, last = 0; first < crowd->told; first++) {
        while (last < crowd->told && crowd->told_us[last] < crowd->told_us[first] + 1000000)
            last++;
        most = last - first > most ? last - first : most;
    }
    return most;
}

static void end(struct crowd *crowd)
{
    assert_int_equal(crowd->farewell.waiting, 0);
    farewell_stop(&crowd->farewell);
    loop_free(&crowd->loop);
}

static void test_evenly(void **state)
{
    (void)state;
    static const size_t counts[] = {101, 150, 499, 5000, 5100, 9999};
    static struct crowd crowd;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t mean = counts[i] / (SPREAD_MS / 1000);
        begin(&crowd, counts[i]);
        turn(&crowd, 10, SPREAD_MS);
        assert_int_equal(crowd.told, counts[i]);
        assert_in_range(most_in_a_second(&crowd), mean, mean + mean / 8 + 2);
        assert_in_range(crowd.told_us[counts[i] / 2], SPREAD_MS * 400, SPREAD_MS * 600);
        end(&crowd);
    }
}

static void test_few_at_once(void **state)
{
    (void)state;
    static struct crowd crowd;
    begin(&crowd, FAREWELL_AT_ONCE);
    loop_step(crowd.loop, 0);
    assert_int_equal(crowd.told, FAREWELL_AT_ONCE);
    end(&crowd);
    begin(&crowd, 0);
    end(&crowd);
}

/* A process that stands still does not tell at once all those whom it should have told meanwhile. */
static void test_what_was_missed_is_spread(void **state)
{
    (void)state;
    static const struct {
        int64_t from_ms, to_ms;
    } stalls[] = {{1000, 2000}, {4000, 6500}, {9000, 9500}, {9000, 11000}};
    static struct crowd crowd;
    for (size_t i = 0; i < sizeof stalls / sizeof *stalls; i++) {
        begin(&crowd, MANY);
        turn(&crowd, 10, stalls[i].from_ms);
        crowd.clock.now_us = crowd.began_us + stalls[i].to_ms * 1000;
        turn(&crowd, 10, SPREAD_MS + 1000);
        assert_int_equal(crowd.told, MANY);
        assert_true(most_in_a_second(&crowd) <= 2 * MANY / (SPREAD_MS / 1000));
        end(&crowd);
    }
}

/* Turns that are all slow: as even, up to the last. */
static void test_slow_turns(void **state)
{
    (void)state;
    static struct crowd crowd;
    for (int64_t step_ms = 50; step_ms <= 250; step_ms += 50) {
        begin(&crowd, MANY);
        turn(&crowd, step_ms, SPREAD_MS);
        assert_int_equal(crowd.told, MANY);
        assert_true(most_in_a_second(&crowd) <= 3 * MANY / (SPREAD_MS / 1000) / 2);
        end(&crowd);
    }
}

static void test_due(void **state)
{
    (void)state;
    static const struct {
        size_t waiting;
        int64_t passed_ms, left_ms, due;
    } rows[] = {
        {0, 20, 1000, 0},     {100, 0, 1000, 0},  {100, 100, 900, 10},        {100, 250, 750, 25},
        {100, 1000, 750, 25}, /* held up */
        {100, 20, 0, 100},    {100, 20, -5, 100}, {1000000, 250, 0, 1000000}, {1000000, 250, 250, 500000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(farewell_due(rows[i].waiting, rows[i].passed_ms * 1000, rows[i].left_ms * 1000),
                         rows[i].due * FAREWELL_PARTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evenly),
        cmocka_unit_test(test_few_at_once),
        cmocka_unit_test(test_what_was_missed_is_spread),
        cmocka_unit_test(test_slow_turns),
        cmocka_unit_test(test_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
