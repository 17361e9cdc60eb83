/* What gates are asked when somebody lists connections, and in whose answers it ends. The gates are played
 * here. */
#include "../support.h"

#include "link/memfd.h"

#include "keep/connections.h"

enum { SILENT_MS = 500, ASKED_MOST = 16 };

struct world {
    struct log log;
    struct fake_clock clock;
    struct loop *loop;
    struct operations *operations;
    struct connections *connections;
    int answers, status;
    json_t *body; /* of the last answer */
};

/* What the one gate was asked, in place of keep/gates.c. */
static uint32_t asked[ASKED_MOST];
static int asked_count;

bool gates_runs(const struct gates *gates, unsigned slot, uint64_t *generation)
{
    (void)gates;
    *generation = 7;
    return slot == 0;
}

void gates_send(struct gates *gates, unsigned slot, const struct gates_message *message)
{
    (void)gates;
    assert_int_equal(slot, 0);
    assert_int_equal(message->type, MESSAGE_GATE_STREAMS);
    assert_true(asked_count < ASKED_MOST);
    asked[asked_count++] = message->id;
    json_decref(message->body);
}

static void nothing(void *sink, const char *line, size_t size)
{
    (void)sink, (void)line, (void)size;
}

static int set_up(void **state)
{
    static struct world world;
    asked_count = 0;
    world = (struct world){.log = {.clock = &clock_system, .write = nothing}, .clock = FAKE_CLOCK(1000000)};
    world.loop = loop_new(&world.clock.clock);
    world.operations = operations_new(&(struct operations_settings){.log = &world.log});
    world.connections =
        connections_new(&(struct connections_settings){.loop = world.loop, .operations = world.operations});
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    operations_free(&world->operations);
    connections_free(&world->connections);
    loop_free(&world->loop);
    json_decref(world->body);
    return 0;
}

static void on_done(void *owner, int status, json_t *body)
{
    struct world *world = owner;
    world->answers++;
    world->status = status;
    json_decref(world->body);
    world->body = body;
}

static void list(struct world *world)
{
    const struct principal asker = {.kind = PRINCIPAL_OPERATOR};
    const struct operation_request request = {.name = "connections", .who = &asker};
    operations_ask(world->operations, &request, on_done, world);
}

/* The gate sends the list for its question `id`: one row. */
static void gate_answers(struct world *world, uint32_t id)
{
    int memfd = memfd_seal("rows", SLICE("{\"streams\":[{\"id\":3,\"age_ms\":1}],\"more\":0}"));
    struct channel_message message = {
        .type = MESSAGE_GATE_STREAMS_ANSWER, .id = id, .descriptor_count = 1, .descriptors = {memfd}};
    connections_answered(world->connections, 0, &message);
    close(memfd);
}

static size_t rows(const struct world *world)
{
    return json_array_size(json_object_get(world->body, "connections"));
}

static size_t silent(const struct world *world)
{
    return json_array_size(json_object_get(world->body, "silent"));
}

static void wait_in_vain(struct world *world)
{
    world->clock.now_us += (SILENT_MS + 1) * (int64_t)1000;
    loop_step(world->loop, 0);
}

static void test_a_list_is_asked_for_and_shown(void **state)
{
    struct world *world = *state;
    list(world);
    assert_int_equal(asked_count, 1);
    gate_answers(world, asked[0]);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, 200);
    assert_int_equal(rows(world), 1);
    assert_int_equal(silent(world), 0);
}

/* Whoever asks again and again while a gate is slow must not have it write all those lists. */
static void test_a_gate_that_owes_a_list_is_asked_for_no_other(void **state)
{
    struct world *world = *state;
    for (int i = 1; i <= 5; i++) {
        list(world);
        wait_in_vain(world);
        assert_int_equal(world->answers, i);
        assert_int_equal(silent(world), 1);
    }
    assert_int_equal(asked_count, 1);
    list(world);
    list(world);
    gate_answers(world, asked[0]); /* of the first one, which nobody waits for any more */
    assert_int_equal(world->answers, 5);
    assert_int_equal(asked_count, 2);
    gate_answers(world, asked[1]);
    assert_int_equal(world->answers, 6);
    assert_int_equal(rows(world), 1);
    assert_int_equal(asked_count, 3);
    gate_answers(world, asked[2]);
    assert_int_equal(world->answers, 7);
    assert_int_equal(rows(world), 1);
}

static void test_a_new_gate_owes_nothing(void **state)
{
    struct world *world = *state;
    list(world);
    connections_slot_gone(world->connections, 0);
    assert_int_equal(world->answers, 1);
    list(world);
    assert_int_equal(asked_count, 2);
    gate_answers(world, asked[1]);
    assert_int_equal(world->answers, 2);
    assert_int_equal(rows(world), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_list_is_asked_for_and_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_gate_that_owes_a_list_is_asked_for_no_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_gate_owes_nothing, set_up, tear_down),
    };
    return run_group(tests);
}
