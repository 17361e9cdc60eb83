/* Who came how often, as rows of the journal. */
#include "../support.h"

#include "keep/visits.h"

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct visits *visits;
    json_t *rows;
};

static void on_row(void *owner, json_t *evidence)
{
    const struct world *world = owner;
    assert_non_null(evidence);
    json_array_append_new(world->rows, evidence);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    world->rows = json_array();
    world->visits = visits_new(world->loop, on_row, world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    visits_free(&world->visits);
    loop_free(&world->loop);
    json_decref(world->rows);
    free(world);
    return 0;
}

static void add(const struct world *world, enum visit_action action, const char *user, int64_t viewer)
{
    int64_t now_ms = fake_ms(&world->clock.clock);
    const struct visit visit = {.action = action,
                                .user = user,
                                .viewer = viewer,
                                .bytes = action == VISIT_INPUT ? 7 : 0,
                                .first_ms = now_ms - 10,
                                .last_ms = now_ms - 5};
    visits_add(world->visits, &visit);
}

static void pass(struct world *world, int64_t ms)
{
    world->clock.now_us += ms * 1000;
    loop_step(world->loop, 0);
}

static size_t rows(const struct world *world)
{
    return json_array_size(world->rows);
}

static void expect_last(const struct world *world, const char *wanted)
{
    json_t *row = json_loads(wanted, 0, NULL);
    assert_non_null(row);
    const json_t *last = json_array_get(world->rows, rows(world) - 1);
    char *text = json_dumps(last, JSON_COMPACT | JSON_SORT_KEYS);
    if (!json_equal(row, last))
        print_message("%s\n", text);
    assert_true(json_equal(row, last));
    free(text);
    json_decref(row);
}

static void test_what_is_few_is_told_at_once(void **state)
{
    struct world *world = *state;
    add(world, VISIT_ATTACH, "ann", 1);
    expect_last(world, "{\"action\":\"attach\",\"user\":\"ann\",\"viewer\":1,\"view\":false}");
    add(world, VISIT_WATCH, "eve", 2);
    expect_last(world, "{\"action\":\"attach\",\"user\":\"eve\",\"viewer\":2,\"view\":true}");
    add(world, VISIT_INPUT, "ann", 1);
    expect_last(world, "{\"action\":\"input\",\"user\":\"ann\",\"viewer\":1,\"bytes\":7,\"first_ms\":990,"
                       "\"last_ms\":995}");
    add(world, VISIT_DETACH, "ann", 1);
    expect_last(world, "{\"action\":\"detach\",\"user\":\"ann\",\"viewer\":1}");
    pass(world, 2 * VISITS_PERIOD_MS); /* nothing is left to be told */
    assert_int_equal(rows(world), 4);
}

static void test_more_is_summed(void **state)
{
    struct world *world = *state;
    for (int i = 1; i <= VISITS_EACH + 3; i++, pass(world, 1000)) {
        add(world, VISIT_ATTACH, "ann", i);
        add(world, VISIT_INPUT, "ann", i);
    }
    assert_int_equal(rows(world), 2 * VISITS_EACH);
    add(world, VISIT_ATTACH, "ben", 50); /* others are told of as before */
    assert_int_equal(rows(world), 2 * VISITS_EACH + 1);
    pass(world, VISITS_PERIOD_MS - 9000);
    assert_int_equal(rows(world), 2 * VISITS_EACH + 1);
    pass(world, 1000);
    assert_int_equal(rows(world), 2 * VISITS_EACH + 3);
    expect_last(world, "{\"action\":\"input\",\"user\":\"ann\",\"viewer\":8,\"times\":3,\"bytes\":21,"
                       "\"first_ms\":5990,\"last_ms\":7995}");
    json_array_remove(world->rows, rows(world) - 1);
    expect_last(world, "{\"action\":\"attach\",\"user\":\"ann\",\"viewer\":8,\"view\":false,\"times\":3,"
                       "\"first_ms\":6000,\"last_ms\":8000}");
    size_t before = rows(world);
    add(world, VISIT_ATTACH, "ann", 51); /* another minute, as at first */
    assert_int_equal(rows(world), before + 1);
    pass(world, 2 * VISITS_PERIOD_MS);
    assert_int_equal(rows(world), before + 1);
}

static void test_sums_are_told_when_it_ends(void **state)
{
    struct world *world = *state;
    for (int i = 1; i <= VISITS_EACH + 2; i++)
        add(world, VISIT_DETACH, "ann", i);
    visits_tell(world->visits);
    expect_last(world, "{\"action\":\"detach\",\"user\":\"ann\",\"viewer\":7,\"times\":2,\"first_ms\":1000,"
                       "\"last_ms\":1000}");
    visits_tell(world->visits);
    assert_int_equal(rows(world), VISITS_EACH + 1);
    add(world, VISIT_DETACH, "ann", 8);
    visits_free(&world->visits);
    expect_last(world, "{\"action\":\"detach\",\"user\":\"ann\",\"viewer\":8,\"times\":1,\"first_ms\":1000,"
                       "\"last_ms\":1000}");
}

static void test_many_names(void **state)
{
    enum { NAMES = 10000 };
    struct world *world = *state;
    char name[32];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "user%d", i);
        add(world, VISIT_ATTACH, name, i + 1);
    }
    assert_int_equal(rows(world), VISITS_USERS);
    pass(world, VISITS_PERIOD_MS);
    assert_int_equal(rows(world), VISITS_USERS + 1);
    expect_last(world, "{\"action\":\"attach\",\"user\":null,\"viewer\":10000,\"view\":false,\"times\":9936,"
                       "\"first_ms\":1000,\"last_ms\":1000}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_few_is_told_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_is_summed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums_are_told_when_it_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_names, set_up, tear_down),
    };
    return run_group(tests);
}
