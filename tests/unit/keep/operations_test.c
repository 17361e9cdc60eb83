/* Who may ask what, and what becomes of a question when its asker, its handler or the table goes first. */
#include "../support.h"

#include "keep/operations.h"

struct world {
    struct log log;
    struct operations *operations;
    struct operation *held; /* the last that a handler kept */
    int runs, forgets;
    int answers, status;
    json_t *body;
};

static void nothing(void *sink, const char *line, size_t size)
{
    (void)sink, (void)line, (void)size;
}

static void run_at_once(void *context, struct operation *operation)
{
    struct world *world = context;
    world->runs++;
    operation_answer(
        operation, 201,
        json_pack("{s:s, s:s?}", "by", operation_by(operation), "text", operation_text(operation, "text")));
}

static void run_hold(void *context, struct operation *operation)
{
    struct world *world = context;
    world->runs++;
    world->held = operation;
}

static void on_forget(struct operation *operation)
{
    struct world *world = operation->state;
    world->forgets++;
    world->held = NULL;
}

static void run_hold_with_state(void *context, struct operation *operation)
{
    run_hold(context, operation);
    operation->state = context;
    operation->on_forget = on_forget;
}

static void run_refuse(void *context, struct operation *operation)
{
    (void)context;
    operation_refuse(operation, 409, "no %s here", operation->name);
}

static const struct operation_row rows[] = {
    {"down", OPERATION_OPERATOR, run_at_once}, {"list", OPERATION_CONSOLE, run_at_once},
    {"create", OPERATION_ANYONE, run_at_once}, {"login", OPERATION_GATE, run_at_once},
    {"hold", OPERATION_CONSOLE, run_hold},     {"wait", OPERATION_CONSOLE, run_hold_with_state},
    {"refuse", OPERATION_CONSOLE, run_refuse},
};
static const char *const ops_only[] = {"group:ops"};

static void on_done(void *owner, int status, json_t *body)
{
    struct world *world = owner;
    world->answers++;
    world->status = status;
    json_decref(world->body);
    world->body = body;
}

static int set_up(void **state)
{
    static struct world world;
    world = (struct world){.log = {.clock = &clock_system, .write = nothing}};
    world.operations = operations_new(&(struct operations_settings){
        .log = &world.log, .console_allow = ops_only, .console_allow_count = 1});
    operations_add(world.operations, rows, sizeof rows / sizeof *rows, &world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    operations_free(&world->operations);
    json_decref(world->body);
    return 0;
}

static const char *const groups[] = {"ops"};
static const struct principal the_operator = {.kind = PRINCIPAL_OPERATOR, .credential = "uid 7"};
static const struct principal ann = {
    .kind = PRINCIPAL_SESSION, .user = "ann", .groups = groups, .group_count = 1, .credential = "s1"};
static const struct principal bob = {.kind = PRINCIPAL_SESSION, .user = "bob", .credential = "s2"};
static const struct principal ci = {.kind = PRINCIPAL_TOKEN, .user = "ci", .credential = "t1"};
static const struct principal nobody = {.kind = PRINCIPAL_NOBODY};

static int ask(struct world *world, const char *name, const struct principal *who, const char *arguments)
{
    json_t *parsed = arguments ? json_loads(arguments, JSON_DECODE_ANY, NULL) : NULL;
    const struct operation_request request = {.name = name, .arguments = parsed, .who = who};
    world->status = 0;
    operations_ask(world->operations, &request, on_done, world);
    json_decref(parsed);
    return world->status;
}

static const char *told(const struct world *world, const char *member)
{
    return json_string_value(json_object_get(world->body, member));
}

static void test_rights(void **state)
{
    static const struct {
        const char *name;
        const struct principal *who;
        int status;
    } cells[] = {
        {"down", &the_operator, 201},   {"down", &ann, 403},
        {"down", &nobody, 403},         {"down", &ci, 403},
        {"list", &the_operator, 201},   {"list", &ann, 201},
        {"list", &nobody, 403},         {"list", &bob, 403},
        {"create", &the_operator, 201}, {"create", &bob, 201},
        {"create", &nobody, 201},       {"create", &ci, 201},
        {"login", &the_operator, 403},  {"login", &bob, 201},
        {"login", &nobody, 201},        {"nonsense", &ann, 404},
    };
    struct world *world = *state;
    int passed = 0;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        if (ask(world, cells[i].name, cells[i].who, NULL) != cells[i].status)
            fail_msg("%s: row %zu: %d", cells[i].name, i, world->status);
        passed += cells[i].status == 201;
        assert_int_equal(world->runs, passed); /* a refused one reaches no handler */
        assert_true(cells[i].status == 201 || told(world, "text"));
    }
}

static void test_a_reload_changes_who_may(void **state)
{
    static const char *const anyone[] = {"anyone"};
    struct world *world = *state;
    assert_int_equal(ask(world, "list", &nobody, NULL), 403);
    operations_allow(world->operations, anyone, 1);
    assert_int_equal(ask(world, "list", &nobody, NULL), 201);
}

static void test_who_asked_is_told_in_words(void **state)
{
    static const struct {
        const struct principal *who;
        const char *by;
    } cells[] = {{&the_operator, "uid 7"}, {&ann, "ann"}, {&ci, "token ci"}, {&nobody, "somebody over HTTP"}};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        ask(world, "create", cells[i].who, "{\"text\": \"x\"}");
        assert_string_equal(told(world, "by"), cells[i].by);
        assert_string_equal(told(world, "text"), "x");
    }
}

static void test_arguments_are_an_object(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "list", &ann, "[1]"), 400);
    assert_int_equal(ask(world, "list", &ann, "5"), 400);
    assert_int_equal(world->runs, 0);
    assert_int_equal(ask(world, "refuse", &ann, "{}"), 409);
    assert_string_equal(told(world, "text"), "no refuse here");
}

static void test_an_answer_may_come_later(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "hold", &ann, "{\"text\": \"kept\"}"), 0);
    assert_string_equal(operation_text(world->held, "text"), "kept"); /* its own copy */
    assert_string_equal(world->held->who->user, "ann");
    operation_answer(world->held, 202, NULL);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, 202);
    assert_true(json_is_object(world->body));
}

static void test_an_asker_that_has_gone_is_not_answered(void **state)
{
    struct world *world = *state;
    ask(world, "hold", &ann, NULL);
    struct operation *held = world->held;
    ask(world, "wait", &ann, NULL);
    operations_forget(world->operations, world);
    assert_int_equal(world->forgets, 1); /* that one is over */
    operation_answer(held, 200, json_object());
    assert_int_equal(world->answers, 0);
}

static void test_nothing_is_left_at_the_end(void **state)
{
    struct world *world = *state;
    ask(world, "hold", &ann, "{\"text\": \"kept\"}");
    ask(world, "wait", &ann, NULL);
    operations_free(&world->operations);
    assert_int_equal(world->forgets, 1);
    assert_int_equal(world->answers, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_rights),
        TEST(test_a_reload_changes_who_may),
        TEST(test_who_asked_is_told_in_words),
        TEST(test_arguments_are_an_object),
        TEST(test_an_answer_may_come_later),
        TEST(test_an_asker_that_has_gone_is_not_answered),
        TEST(test_nothing_is_left_at_the_end),
    };
    return run_group(tests);
}
