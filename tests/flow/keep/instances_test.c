/* Instances with real holds: they come, are taken over, end, expire and go. */
#include "world.h"

static const char config[] =
    "  api: {command: [$APP, serve], listen: tcp, start: demand}\n"
    "templates:\n"
    "  shell: {command: [$APP, serve], listen: tcp, max_instances: 2, restart: never,\n"
    "    allow: [\"user:${id}\"], parameters: {word: {pattern: \"[a-z]+\"}}}\n"
    "  job: {command: [$APP, exit, \"3\"], restart: never}\n"
    "  brief: {command: [$APP, exit, \"0\"], retention: 10ms}\n";

static struct instances_answer create_as(struct world *world, const char *template, const char *id,
                                         const struct principal *who)
{
    const struct instances_request request = {.template = template, .id = id, .who = who, .by = "uid 0"};
    struct instances_answer answer;
    instances_create(world->instances, &request, &answer);
    json_decref(answer.errors);
    return answer;
}

static int create(struct world *world, const char *template, const char *id)
{
    static const struct principal operator= {.kind = PRINCIPAL_OPERATOR};
    return create_as(world, template, id, &operator).status;
}

static bool exists(const struct world *world, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", world->state, name);
    return access(path, F_OK) == 0;
}

static void on_removed(void *owner)
{
    struct world *world = owner;
    world->calls++;
}

static void remove_one(struct world *world, const char *name)
{
    unsigned calls = world->calls;
    assert_true(instances_remove(world->instances, name, "uid 0", on_removed, world));
    UNTIL(world, world->calls == calls + 1);
}

static void test_one_comes_and_goes(void **state)
{
    struct world *world = *state;
    keep(world, config);
    targets_boot(world->targets);
    assert_int_equal(create(world, "shell", "a1"), 201);
    assert_true(row(world, "shell/a1")->instance && row(world, "shell/a1")->demand);
    assert_true(exists(world, "instances/shell/a1/parameters.json"));
    assert_true(targets_want(world->targets, "shell/a1", 3));
    until_state(world, "shell/a1", TARGET_READY);
    pid_t pid = row(world, "shell/a1")->pid;
    assert_true(exists(world, "run/shell@a1.1") && exists(world, "log/shell@a1"));
    remove_one(world, "shell/a1");
    assert_true(kill(pid, 0) < 0);
    assert_null(targets_find(world->targets, "shell/a1"));
    assert_string_equal(world->gone, "shell/a1 ");
    static const char *const left[] = {"instances/shell/a1", "instances/shell/.a1.json", "log/shell@a1",
                                       "run/shell@a1.1", "run/shell@a1.1.json"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (exists(world, left[i]))
            fail_msg("%s is left", left[i]);
    assert_false(targets_want(world->targets, "shell/a1", 3));
    assert_int_equal(create(world, "shell", "a1"), 201); /* the name is free again */
    assert_int_equal(row(world, "shell/a1")->generation, 0);
}

static void test_who_waits_for_a_verb_is_told_when_it_goes(void **state)
{
    struct world *world = *state;
    keep(world, config);
    assert_int_equal(create(world, "shell", "a1"), 201);
    verb(world, "shell/a1", TARGETS_START);
    assert_true(world->ok);
    assert_true(instances_remove(world->instances, "shell/a1", "uid 0", on_removed, world));
    const struct targets_order order = {.name = "shell/a1", .verb = TARGETS_START, .by = "uid 0"};
    assert_false(targets_do(world->targets, &order, NULL, NULL));
    assert_false(targets_is_kept(world->targets, "shell/a1"));
    assert_int_equal(create(world, "shell", "a1"), 409); /* not before it has gone */
    UNTIL(world, world->gone[0] != '\0');
    instances_forget_owner(world->instances, world);
}

static void test_its_end_is_kept(void **state)
{
    struct world *world = *state;
    keep(world, config);
    targets_boot(world->targets);
    assert_int_equal(create(world, "job", "j1"), 201);
    assert_true(row(world, "job/j1")->wanted); /* the answer says so already */
    assert_int_equal(row(world, "job/j1")->state, TARGET_STARTING);
    until_state(world, "job/j1", TARGET_FAILED);
    int64_t since_ms = row(world, "job/j1")->since_ms;
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    loop_step(world->loop, 0);
    const struct target_row *found = row(world, "job/j1");
    assert_int_equal(found->state, TARGET_FAILED);
    assert_int_equal(found->cause.code, 3);
    assert_int_equal(found->since_ms, since_ms);
    assert_int_equal(found->generation, 1);
    assert_int_equal(starts(world), 1);
    verb(world, "job/j1", TARGETS_RESTART); /* only by hand */
    assert_int_equal(row(world, "job/j1")->generation, 2);
}

static void test_one_that_was_up_is_taken_over(void **state)
{
    struct world *world = *state;
    keep(world, config);
    assert_int_equal(create(world, "shell", "a1"), 201);
    assert_int_equal(create(world, "shell", "b2"), 201);
    assert_int_equal(create(world, "shell", "c3"), 429);
    verb(world, "shell/a1", TARGETS_START);
    verb(world, "shell/b2", TARGETS_START);
    verb(world, "shell/b2", TARGETS_STOP);
    pid_t pid = row(world, "shell/a1")->pid;
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    until_state(world, "shell/a1", TARGET_READY);
    assert_int_equal(row(world, "shell/a1")->pid, pid);
    assert_int_equal(row(world, "shell/b2")->state, TARGET_DOWN);
    assert_false(row(world, "shell/b2")->demand);
    stop_all(world, false); /* the end of reeve is nobody's wish */
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    until_state(world, "shell/a1", TARGET_READY);
    assert_int_equal(row(world, "shell/b2")->state, TARGET_DOWN);
}

static void test_a_removal_goes_on_after_a_crash(void **state)
{
    struct world *world = *state;
    keep(world, config);
    assert_int_equal(create(world, "shell", "a1"), 201);
    verb(world, "shell/a1", TARGETS_START);
    pid_t pid = row(world, "shell/a1")->pid;
    assert_true(instances_remove(world->instances, "shell/a1", "uid 0", on_removed, world));
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    UNTIL(world, world->gone[0] != '\0');
    assert_true(kill(pid, 0) < 0);
    assert_false(exists(world, "instances/shell/a1"));
    assert_false(exists(world, "instances/shell/.a1.json"));
}

static void test_ended_ones_expire(void **state)
{
    struct world *world = *state;
    keep(world, config);
    targets_boot(world->targets);
    assert_int_equal(create(world, "brief", "b1"), 201);
    UNTIL(world, strcmp(world->gone, "brief/b1 ") == 0);
    assert_false(exists(world, "instances/brief/b1"));
    assert_int_equal(journalled(world, "brief/b1 instance-removed"), 1);
}

static void test_who_may(void **state)
{
    struct world *world = *state;
    static const struct principal ann = {.kind = PRINCIPAL_TOKEN, .user = "ann"};
    keep(world, config);
    assert_int_equal(create_as(world, "shell", "bob", &ann).status, 403);
    assert_int_equal(create_as(world, "shell", "ann", &principal_nobody).status, 403);
    assert_false(exists(world, "instances/shell/bob") || exists(world, "instances/shell/ann"));
    assert_int_equal(create_as(world, "shell", "ann", &ann).status, 201);
    assert_string_equal(row(world, "shell/ann")->owner, "ann");
    assert_true(instances_may_steer(world->instances, "shell/ann", &ann));
    assert_false(instances_may_steer(world->instances, "shell/ann", &principal_nobody));
    assert_false(instances_may_steer(world->instances, "shell/bob", &ann));
    assert_false(targets_is_leaving(world->targets, "shell/ann"));
    assert_true(instances_remove(world->instances, "shell/ann", "uid 0", on_removed, world));
    assert_true(targets_is_leaving(world->targets, "shell/ann"));
    assert_true(instances_may_steer(world->instances, "shell/ann", &ann)); /* the same while it goes */
    assert_false(instances_may_steer(world->instances, "shell/ann", &principal_nobody));
    UNTIL(world, world->gone[0] != '\0');
    assert_false(instances_may_steer(world->instances, "shell/ann", &ann));
}

static void test_a_broken_record_is_moved_aside(void **state)
{
    struct world *world = *state;
    char path[256];
    keep(world, config);
    assert_int_equal(create(world, "shell", "a1"), 201);
    crash(world);
    snprintf(path, sizeof path, "%s/instances/shell/.a1.json", world->state);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("{\"id\": \"b2\"}", file);
    fclose(file);
    keep_again(world);
    assert_null(targets_find(world->targets, "shell/a1"));
    assert_int_equal(journalled(world, "- record-moved"), 1);
    assert_true(exists(world, "instances/shell/.a1.json.corrupt"));
    assert_int_equal(create(world, "shell", "a1"), 201); /* what is in the way goes */
}

static void test_another_configuration(void **state)
{
    struct world *world = *state;
    keep(world, config);
    assert_int_equal(create(world, "shell", "a1"), 201);
    struct config *fewer = world->config;
    struct config_templates all = fewer->templates;
    fewer->templates.count = 0;
    instances_reload(world->instances, fewer);
    UNTIL(world, strcmp(world->gone, "shell/a1 ") == 0);
    assert_true(exists(world, "instances/shell/a1/parameters.json"));
    fewer->templates = all;
    instances_reload(world->instances, fewer);
    assert_int_equal(row(world, "shell/a1")->state, TARGET_DOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_comes_and_goes),
        TEST(test_who_waits_for_a_verb_is_told_when_it_goes),
        TEST(test_its_end_is_kept),
        TEST(test_one_that_was_up_is_taken_over),
        TEST(test_a_removal_goes_on_after_a_crash),
        TEST(test_ended_ones_expire),
        TEST(test_who_may),
        TEST(test_a_broken_record_is_moved_aside),
        TEST(test_another_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
