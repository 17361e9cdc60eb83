/* Loops with real holds: what a reload does to those that run, and answers that come when nobody waits any
 * more. */
#include "keep/loops.h"

#include "world.h"

struct watch {
    struct world *world;
    struct job_shared jobs;
    struct loops *loops;
    struct prober_question question; /* the last one */
    unsigned asked, results;
    bool stopped;
};

static char program[] = "sleep", seconds[] = "1000", root[] = "/";
static char *sleeping[] = {program, seconds};

static struct config_loop loop_of(const char *name, int64_t timeout_ms)
{
    return (struct config_loop){
        .name = (char *)(uintptr_t)name,
        .every_ms = 60000,
        .directory = root,
        .command = {.items = sleeping, .count = 2},
        .timeout_ms = timeout_ms,
    };
}

static void on_result(void *owner, const char *name, unsigned failures, const char *text)
{
    struct watch *watch = owner;
    (void)name, (void)failures, (void)text;
    watch->results++;
}

static void on_change(void *owner)
{
    (void)owner;
}

static void on_ask(void *owner, const struct prober_question *question)
{
    struct watch *watch = owner;
    watch->question = *question;
    watch->asked++;
}

static void on_journal(void *owner, const char *name, const char *event, const json_t *evidence)
{
    (void)owner, (void)name, (void)event, (void)evidence;
}

static void on_stopped(void *owner)
{
    struct watch *watch = owner;
    watch->stopped = true;
}

static const char *lookup(void *owner, struct slice name)
{
    (void)owner, (void)name;
    return NULL;
}

static void start(struct watch *watch, struct world *world, const struct config_loops *config)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    static const struct loops_events events = {
        .on_result = on_result, .on_change = on_change, .on_ask = on_ask, .on_journal = on_journal};
    char *run = memory_format("%s/run", world->state);
    *watch = (struct watch){
        .world = world,
        .jobs = {.targets = {.loop = world->loop,
                             .config = world->config,
                             .state_directory = world->state,
                             .runtime_directory = world->runtime,
                             .socket_directory = world->sockets,
                             .hold_program = world->program,
                             .environment = environment},
                 .run_directory = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                 .services = lookup},
    };
    free(run);
    const struct loops_settings settings = {
        .jobs = &watch->jobs, .config = config, .targets = world->targets, .events = &events, .owner = watch};
    watch->loops = loops_new(&settings);
    loops_start(watch->loops);
}

static void finish(struct watch *watch)
{
    loops_stop(watch->loops, on_stopped, watch);
    UNTIL(watch->world, watch->stopped);
    loops_free(&watch->loops);
    close(watch->jobs.run_directory);
    stop_all(watch->world, true);
}

/* Of the run under way; 0: none, -1: no such loop. */
static int pid_of(const struct watch *watch, const char *name)
{
    json_t *rows = loops_describe(watch->loops);
    int pid = -1;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *loop = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(loop, "name")), name) == 0)
            pid = (int)json_integer_value(json_object_get(json_object_get(loop, "run"), "pid"));
    }
    json_decref(rows);
    return pid;
}

static void test_a_reload_touches_only_what_has_changed(void **state)
{
    struct watch watch;
    struct world *world = *state;
    struct config_loop before[] = {loop_of("same", 60000), loop_of("changed", 60000), loop_of("gone", 60000)};
    struct config_loop after[] = {loop_of("new", 60000), loop_of("changed", 50000), loop_of("same", 60000)};
    const struct config_loops first = {before, 3}, second = {after, 3};
    keep(world, "  api: {command: [$APP]}\n");
    start(&watch, world, &first);
    UNTIL(world, pid_of(&watch, "same") > 0 && pid_of(&watch, "changed") > 0 && pid_of(&watch, "gone") > 0);
    int same = pid_of(&watch, "same"), changed = pid_of(&watch, "changed"), gone = pid_of(&watch, "gone");
    loops_reload(watch.loops, &second);
    memset(before, 0xee, sizeof before); /* nothing may point there any more */
    assert_int_equal(pid_of(&watch, "gone"), -1);
    UNTIL(world, pid_of(&watch, "new") > 0);
    UNTIL(world, pid_of(&watch, "changed") > 0 && pid_of(&watch, "changed") != changed);
    assert_int_equal(pid_of(&watch, "same"), same);
    UNTIL(world, kill(gone, 0) < 0);
    assert_int_equal(kill(same, 0), 0);
    assert_int_equal(watch.results, 1); /* that the one which has gone is no trouble any more */
    finish(&watch);
}

static void test_an_answer_for_a_loop_that_has_gone(void **state)
{
    struct watch watch;
    struct world *world = *state;
    struct config_loop asking = loop_of("ask", 60000);
    asking.command.count = 0;
    asking.http = (struct config_loop_http){
        .to = (char[]){"nas"}, .path = (char[]){"/tick"}, .method = (char[]){"POST"}};
    const struct config_loops first = {&asking, 1}, none = {0};
    keep(world, "  nas: {address: \"127.0.0.1:9\"}\n");
    start(&watch, world, &first);
    UNTIL(world, watch.asked == 1);
    assert_string_equal(watch.question.method, "POST");
    assert_string_equal(watch.question.address, "127.0.0.1:9");
    loops_reload(watch.loops, &none);
    assert_int_equal(pid_of(&watch, "ask"), -1);
    watch.question.on_done(watch.question.owner, watch.question.tag, true, "it answered 200");
    loop_step(world->loop, 0);
    assert_int_equal(watch.results, 1);
    finish(&watch);
}

static void test_an_answer_counts_once_and_the_next_run_comes(void **state)
{
    struct watch watch;
    struct world *world = *state;
    struct config_loop asking = loop_of("ask", 60000);
    asking.command.count = 0;
    asking.every_ms = 20;
    asking.http =
        (struct config_loop_http){.to = (char[]){"nas"}, .path = (char[]){"/"}, .method = (char[]){"GET"}};
    const struct config_loops config = {&asking, 1};
    keep(world, "  nas: {address: \"127.0.0.1:9\"}\n");
    start(&watch, world, &config);
    UNTIL(world, watch.asked == 1);
    watch.question.on_done(watch.question.owner, watch.question.tag, false, "it answered 500");
    assert_int_equal(watch.results, 1);
    UNTIL(world, watch.asked == 2);
    loops_stop(watch.loops, on_stopped, &watch); /* a question does not keep anybody */
    UNTIL(world, watch.stopped);
    watch.question.on_done(watch.question.owner, watch.question.tag, false, "it answered 500");
    assert_int_equal(watch.results, 1);
    finish(&watch);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_reload_touches_only_what_has_changed),
        TEST(test_an_answer_for_a_loop_that_has_gone),
        TEST(test_an_answer_counts_once_and_the_next_run_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
