/* Questions with a keeper that answers, does not, goes, or never was there. */
#include "../support.h"

#include "base/memory.h"
#include "link/memfd.h"
#include "route/asker.h"
#include "wire/message.h"

struct asked { /* a route's object */
    struct asking asking;
    struct world *world;
    int answers, status;
    bool again, body;
};

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct asker *asker;
    bool away;
    int sent;
    uint32_t last_id;
    json_t *last;
    size_t beside; /* bytes in the memfd of the last */
    struct asked routes[ASKER_MOST + 1];
};

static bool on_send(void *owner, uint32_t id, json_t *body, int descriptor)
{
    struct world *world = owner;
    json_decref(world->last);
    world->last = body;
    world->last_id = id;
    world->beside = 0;
    if (world->away)
        return false;
    struct slice bytes = {0};
    if (descriptor >= 0) {
        assert_int_equal(memfd_map(descriptor, SIZE_MAX / 2, &bytes), 0);
        world->beside = bytes.size;
        memfd_unmap(&bytes);
    }
    world->sent++;
    return true;
}

static void ask(struct asked *asked, json_t *arguments);

static void on_answer(struct asking *asking, int status, const json_t *body)
{
    struct asked *asked = LIST_ENTRY(asking, struct asked, asking);
    asked->answers++;
    asked->status = status;
    asked->body = body != NULL;
    if (asked->again)
        ask(asked, NULL);
}

static void ask(struct asked *asked, json_t *arguments)
{
    static const struct principal ann = {.kind = PRINCIPAL_SESSION, .user = "ann", .credential = "s1"};
    asked->asking.on_answer = on_answer;
    asker_ask(asked->world->asker, &asked->asking, "targets", &ann, arguments);
}

static int set_up(void **state)
{
    struct world *world = MEMORY_NEW(struct world);
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    world->asker = asker_new(world->loop, on_send, world);
    for (size_t i = 0; i < sizeof world->routes / sizeof *world->routes; i++)
        world->routes[i].world = world;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    asker_free(&world->asker);
    loop_free(&world->loop);
    json_decref(world->last);
    free(world);
    return 0;
}

static void answer(struct world *world, uint32_t id)
{
    json_t *body = json_object();
    asker_answer(world->asker, id, 200, body);
    json_decref(body);
}

static void test_each_gets_its_own_answer(void **state)
{
    struct world *world = *state;
    struct asked *first = &world->routes[0], *second = &world->routes[1];
    ask(first, json_pack("{s:i}", "n", 5));
    uint32_t first_id = world->last_id;
    assert_string_equal(json_string_value(json_object_get(world->last, "operation")), "targets");
    assert_string_equal(json_string_value(json_object_get(json_object_get(world->last, "who"), "user")),
                        "ann");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(world->last, "arguments"), "n")), 5);
    ask(second, NULL);
    assert_true(json_is_object(json_object_get(world->last, "arguments")));
    answer(world, world->last_id);
    assert_int_equal(first->answers, 0);
    assert_int_equal(second->answers, 1);
    answer(world, first_id);
    answer(world, first_id); /* nobody waits for that */
    answer(world, 12345);
    assert_int_equal(first->answers, 1);
    assert_int_equal(first->status, 200);
    assert_true(first->body);
}

static void test_no_answer_is_one_in_the_end(void **state)
{
    struct world *world = *state;
    ask(&world->routes[0], NULL);
    world->clock.now_us += (ASKER_PATIENCE_MS - 1) * 1000LL;
    turn_all(world->loop);
    assert_int_equal(world->routes[0].answers, 0);
    world->clock.now_us += 2000;
    turn_all(world->loop);
    assert_int_equal(world->routes[0].answers, 1);
    assert_int_equal(world->routes[0].status, 503);
    assert_false(world->routes[0].body);
    answer(world, world->last_id); /* too late */
    assert_int_equal(world->routes[0].answers, 1);
}

static void test_without_a_keeper_the_answer_comes_from_the_loop(void **state)
{
    struct world *world = *state;
    world->away = true;
    ask(&world->routes[0], NULL);
    assert_int_equal(world->routes[0].answers, 0);
    turn_all(world->loop);
    assert_int_equal(world->routes[0].status, 503);
}

static void test_when_the_keeper_goes_all_are_told(void **state)
{
    struct world *world = *state;
    ask(&world->routes[0], NULL);
    ask(&world->routes[1], NULL);
    world->routes[0].again = true; /* once, not for ever */
    world->away = true;
    asker_keeper_away(world->asker);
    assert_int_equal(world->routes[0].answers, 1);
    assert_int_equal(world->routes[1].answers, 1);
    world->routes[0].again = false;
    turn_all(world->loop);
    assert_int_equal(world->routes[0].answers, 2);
}

static void test_a_cancelled_question_has_no_answer(void **state)
{
    struct world *world = *state;
    ask(&world->routes[0], NULL);
    asking_cancel(&world->routes[0].asking);
    asking_cancel(&world->routes[0].asking);
    asking_cancel(&world->routes[1].asking); /* never asked */
    answer(world, world->last_id);
    world->clock.now_us += ASKER_PATIENCE_MS * 2000LL;
    turn_all(world->loop);
    assert_int_equal(world->routes[0].answers, 0);
}

static void test_questions_are_counted(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i <= ASKER_MOST; i++)
        ask(&world->routes[i], NULL);
    assert_int_equal(world->sent, ASKER_MOST);
    turn_all(world->loop);
    assert_int_equal(world->routes[ASKER_MOST].status, 503);
    assert_int_equal(world->routes[0].answers, 0);
    asker_keeper_away(world->asker);
}

static void test_large_arguments_go_beside(void **state)
{
    struct world *world = *state;
    char *text = memory_new(MESSAGE_BODY_LARGEST + 1);
    memset(text, '"', MESSAGE_BODY_LARGEST); /* each is two bytes of JSON */
    ask(&world->routes[0], json_pack("{s:s}", "text", text));
    free(text);
    assert_null(json_object_get(world->last, "arguments"));
    assert_true(world->beside > MESSAGE_BODY_LARGEST * 2);
    answer(world, world->last_id);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_each_gets_its_own_answer),
        TEST(test_no_answer_is_one_in_the_end),
        TEST(test_without_a_keeper_the_answer_comes_from_the_loop),
        TEST(test_when_the_keeper_goes_all_are_told),
        TEST(test_a_cancelled_question_has_no_answer),
        TEST(test_questions_are_counted),
        TEST(test_large_arguments_go_beside),
    };
    return run_group(tests);
}
