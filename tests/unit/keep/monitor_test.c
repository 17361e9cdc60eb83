#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/monitor.h"
#include "keep/watchdog.h"

static int64_t now_ms;

static int64_t read_us(const struct clock *clock)
{
    (void)clock;
    return now_ms * 1000;
}

static int64_t read_ms(const struct clock *clock)
{
    (void)clock;
    return now_ms;
}

static const struct clock clock_by_hand = {
    .monotonic_us = read_us, .boottime_ms = read_ms, .wall_ms = read_ms};

struct world {
    struct loop *loop;
    struct monitor *monitor;
    struct monitor_member member;
    struct identity who;
    int asked, given_up, silent, settled, outputs;
    char output[64];
};

static struct world *world_of(struct monitor_member *member)
{
    return (struct world *)(void *)((char *)member - offsetof(struct world, member));
}

static void ask(struct monitor_member *member)
{
    world_of(member)->asked++;
}

static void give_up(struct monitor_member *member, const char *why)
{
    assert_non_null(strstr(why, "has not answered for"));
    world_of(member)->given_up++;
    monitor_remove(member);
}

static void on_silent(void *owner, const char *name, const json_t *evidence, const char *text)
{
    struct world *world = owner;
    assert_string_equal(name, "api");
    assert_int_equal(json_integer_value(json_object_get(evidence, "pid")), getpid());
    assert_non_null(text);
    world->silent++;
}

static void on_settled(void *owner, const char *name, bool answers)
{
    (void)name, (void)answers;
    ((struct world *)owner)->settled++;
}

static void on_give_up(void *owner, const char *name, const json_t *evidence, const char *text)
{
    (void)name, (void)text;
    assert_true(json_integer_value(json_object_get(evidence, "silent_ms")) >= WATCHDOG_SLOW_MS);
    assert_int_equal(((struct world *)owner)->given_up, 0);
}

static void on_output(void *owner, const char *name, const char *text)
{
    struct world *world = owner;
    (void)name;
    world->outputs++;
    snprintf(world->output, sizeof world->output, "%s", text ? text : "");
}

static void begin(struct world *world)
{
    static const struct monitor_events events = {
        .on_silent = on_silent, .on_settled = on_settled, .on_give_up = on_give_up, .on_output = on_output};
    *world = (struct world){0};
    now_ms = 1000;
    assert_int_equal(identity_of(getpid(), &world->who), 0);
    world->loop = loop_new(&clock_by_hand);
    world->monitor = monitor_new(world->loop);
    world->member.name = "api";
    world->member.who = &world->who;
    world->member.ask = ask;
    world->member.give_up = give_up;
    monitor_add(world->monitor, &world->member);
    monitor_start(world->monitor, &events, world);
}

static void end(struct world *world)
{
    monitor_remove(&world->member);
    monitor_stop(world->monitor);
    monitor_free(&world->monitor);
    loop_free(&world->loop);
}

static void pass(struct world *world, int64_t time_ms)
{
    for (int64_t end_ms = now_ms + time_ms; now_ms < end_ms;) {
        now_ms += 500;
        loop_step(world->loop, 0);
    }
}

static void test_who_answers_is_asked_on(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int round = 1; round <= 5; round++) {
        pass(&world, MONITOR_FASTEST_MS);
        assert_int_equal(world.asked, round);
        monitor_heard(&world.member);
    }
    assert_int_equal(world.silent + world.settled + world.given_up, 0);
    end(&world);
}

static void test_silence_is_told_once_and_then_given_up(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    pass(&world, (int64_t)2 * MONITOR_FASTEST_MS); /* asked, and looked at: within two intervals */
    assert_int_equal(world.silent, 1);
    pass(&world, WATCHDOG_SLOW_MS - MONITOR_FASTEST_MS - 500);
    assert_int_equal(world.silent, 1);
    assert_int_equal(world.given_up, 0);
    assert_int_equal(world.asked, 1);
    pass(&world, MONITOR_FASTEST_MS);
    assert_int_equal(world.given_up, 1);
    assert_int_equal(world.settled, 1);
    end(&world);
}

static void test_an_answer_settles_it(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    pass(&world, (int64_t)2 * MONITOR_FASTEST_MS);
    monitor_heard(&world.member);
    assert_int_equal(world.settled, 1);
    json_t *shown = monitor_describe(world.monitor);
    assert_int_equal(json_integer_value(json_object_get(shown, "silent")), 0);
    assert_int_equal(json_integer_value(json_object_get(shown, "watched")), 1);
    json_decref(shown);
    monitor_note_output(&world.member, "disk full");
    assert_string_equal(world.output, "disk full");
    end(&world); /* who goes has no trouble any more */
    assert_string_equal(world.output, "");
}

/* A fortieth of a percent of a core, whatever their number. */
static void test_many_are_asked_less_often(void **state)
{
    (void)state;
    assert_int_equal(monitor_interval(0), MONITOR_FASTEST_MS);
    assert_int_equal(monitor_interval(8), MONITOR_FASTEST_MS);
    assert_int_equal(monitor_interval(100), 24000);
    assert_int_equal(monitor_interval(500), 120000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_answers_is_asked_on),
        cmocka_unit_test(test_silence_is_told_once_and_then_given_up),
        cmocka_unit_test(test_an_answer_settles_it),
        cmocka_unit_test(test_many_are_asked_less_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
