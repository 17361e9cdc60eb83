/* Gates that somebody has taken over: this program is the keeper, and started once more it is the gate. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "keep/gates.h"
#include "keep/questions.h"
#include "link/channel.h"
#include "link/memfd.h"
#include "link/page.h"

#include "world.h"

/* Numbers that gates.c has never heard of. */
enum { QUESTION = 79, ANSWER = 47 };
enum { CHANNEL_FD = 3, STRAY_FD = 40, TICK_MS = 100, PROBES = 600 };

/* --- the gate ----------------------------------------------------------------------------------- */

struct hostile {
    const char *manner; /* the value of LC_ALL, which gates inherit */
    json_int_t generation;
    json_int_t prepared;
    bool told; /* what on_slot_start sends */
    struct page *page;
};

static void hostile_tick(const struct hostile *hostile)
{
    int64_t now_us = clock_system.monotonic_us(&clock_system);
    if (hostile->page)
        atomic_store_explicit(&hostile->page->tick_ms, (uint64_t)(now_us / 1000), memory_order_relaxed);
}

/* A question whose answer must have this status; leaves when it has not. */
static void hostile_ask(json_t *body, int descriptor, int status)
{
    struct channel_message answer;
    if (channel_send_now(CHANNEL_FD, MESSAGE_GATE_ASK, 9, body, &descriptor, descriptor >= 0, PATIENCE_MS) <
            0 ||
        channel_receive_now(CHANNEL_FD, &answer, PATIENCE_MS) < 0)
        _exit(1);
    json_int_t told = json_integer_value(json_object_get(answer.body, "status"));
    if (answer.type != MESSAGE_GATE_ANSWER || answer.id != 9 || told != status)
        _exit(1);
    json_decref(answer.body);
}

static json_t *hostile_question(const char *operation, const char *kind)
{
    return json_pack("{s:s, s:{s:s, s:n, s:[], s:n}}", "operation", operation, "who", "kind", kind, "user",
                     "groups", "credential");
}

static void hostile_ask_sealed(const char *arguments, int status)
{
    int memfd = memfd_seal("reeve-test", slice_of_text(arguments));
    hostile_ask(hostile_question("echo", "nobody"), memfd, status);
    close(memfd);
}

static void hostile_ask_everything(void)
{
    char deep[100];
    hostile_ask(hostile_question("echo", "operator"), -1, 403);
    hostile_ask(hostile_question("down", "nobody"), -1, 403);
    hostile_ask(hostile_question("nonsense", "nobody"), -1, 404);
    hostile_ask(json_pack("{s:s}", "operation", "echo"), -1, 400);
    hostile_ask(json_pack("{s:i}", "operation", 5), -1, 400);
    hostile_ask(hostile_question("echo", "king"), -1, 400);
    json_t *question = hostile_question("echo", "nobody");
    json_object_set_new(question, "arguments", json_array());
    hostile_ask(question, -1, 400);
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    hostile_ask_sealed(deep, 400);
    hostile_ask_sealed("{\"a\": 1, \"a\": 2}", 400);
    hostile_ask_sealed("", 400);
    hostile_ask(hostile_question("echo", "nobody"), STDERR_FILENO, 400); /* not sealed */
    hostile_ask_sealed("{\"a\": 1}", 200);
    for (int i = 0; i < QUESTIONS_MOST; i++)
        channel_send_now(CHANNEL_FD, MESSAGE_GATE_ASK, 8, hostile_question("hold", "nobody"), NULL, 0,
                         PATIENCE_MS);
    hostile_ask(hostile_question("echo", "nobody"), -1, 503);
    channel_send_now(CHANNEL_FD, MESSAGE_GATE_WANT, 0, json_pack("{s:s}", "target", "api"), NULL, 0,
                     PATIENCE_MS);
}

/* As a real gate: a commit of anything but what was prepared last is not understood. */
static void hostile_commit(const struct hostile *hostile, json_int_t number)
{
    bool first = hostile->generation == 1;
    if (number != hostile->prepared)
        _exit(1);
    if (strcmp(hostile->manner, "asks") == 0) {
        if (!hostile->told)
            _exit(1);
        channel_send_now(CHANNEL_FD, (enum message_type)QUESTION, 7, NULL, NULL, 0, PATIENCE_MS);
    }
    if (strcmp(hostile->manner, "refuses") == 0 && first)
        _exit(0);
    if (strcmp(hostile->manner, "hangs up") == 0 && first)
        shutdown(CHANNEL_FD, SHUT_RDWR);
    if (strcmp(hostile->manner, "pries") == 0 && first)
        hostile_ask_everything();
    if (strcmp(hostile->manner, "dies") == 0 && number == 2)
        channel_send_now(CHANNEL_FD, MESSAGE_GATE_WANT, 0, json_pack("{s:s}", "target", "api"), NULL, 0,
                         PATIENCE_MS);
}

static void hostile_answer(struct hostile *hostile, const struct channel_message *message)
{
    bool refuses = strcmp(hostile->manner, "refuses") == 0, dies = strcmp(hostile->manner, "dies") == 0;
    json_int_t number = json_integer_value(json_object_get(message->body, "snapshot"));
    switch ((int)message->type) {
    case MESSAGE_GATE_HELLO:
        hostile->page = page_map(message->descriptors[0], 1);
        hostile->generation = json_integer_value(json_object_get(message->body, "generation"));
        channel_send_now(CHANNEL_FD, MESSAGE_GATE_READY, 0, json_pack("{s:i}", "slot", 0), NULL, 0,
                         PATIENCE_MS);
        break;
    case MESSAGE_GATE_PREPARE:
        if (dies && hostile->generation == 1 && number == 2)
            _exit(0);
        hostile->prepared = number;
        channel_send_now(
            CHANNEL_FD, MESSAGE_GATE_PREPARED, 0,
            json_pack("{s:I, s:b}", "snapshot", number, "ok", !refuses || hostile->generation != 2), NULL, 0,
            PATIENCE_MS);
        break;
    case MESSAGE_GATE_COMMIT:
        hostile_commit(hostile, number);
        break;
    case ANSWER:
        if (message->id == 0)
            hostile->told = true;
        else
            channel_send_now(CHANNEL_FD, MESSAGE_GATE_WANT, 0, json_pack("{s:s}", "target", "api"), NULL, 0,
                             PATIENCE_MS);
        break;
    default: /* a probe is never answered */
        break;
    }
}

static int hostile_gate(void)
{
    struct hostile hostile = {.manner = getenv("LC_ALL")};
    if (fcntl(STRAY_FD, F_GETFD) >= 0)
        return 1;
    for (;;) {
        struct channel_message message;
        hostile_tick(&hostile);
        int error = channel_receive_now(CHANNEL_FD, &message, TICK_MS);
        if (!error) {
            hostile_answer(&hostile, &message);
            json_decref(message.body);
        } else if (error == -EPIPE) {
            if (strcmp(hostile.manner, "hangs up") != 0)
                return 0;
            poll(NULL, 0, TICK_MS);
        }
    }
}

/* --- the keeper --------------------------------------------------------------------------------- */

struct keeper {
    struct world *world;
    struct gates *gates;
    struct operations *operations;
    struct questions *questions;
    int held, forgotten; /* questions */
    struct log log;
    bool served;
    int probed;
    int killed;
    int wanted;
};

static void on_want(void *owner, const char *target, unsigned slot)
{
    struct keeper *keeper = owner;
    (void)target, (void)slot;
    keeper->wanted++;
}

static void on_slot_start(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    gates_send(keeper->gates, slot, &(struct gates_message){.type = (enum message_type)ANSWER});
}

static void on_slot_gone(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    questions_forget(keeper->questions, slot);
}

static bool on_message(void *owner, unsigned slot, struct channel_message *message)
{
    struct keeper *keeper = owner;
    if (message->type == MESSAGE_GATE_ASK)
        questions_ask(keeper->questions, slot, message);
    else if ((int)message->type == QUESTION)
        gates_send(keeper->gates, slot,
                   &(struct gates_message){.type = (enum message_type)ANSWER, .id = message->id});
    else
        return false;
    return true;
}

static void run_echo(void *context, struct operation *operation)
{
    (void)context;
    operation_answer(operation, 200, json_object());
}

static void on_forget(struct operation *operation)
{
    struct keeper *keeper = operation->state;
    keeper->forgotten++;
}

static void run_hold(void *context, struct operation *operation)
{
    struct keeper *keeper = context;
    keeper->held++;
    operation->state = keeper;
    operation->on_forget = on_forget;
}

static const struct operation_row operation_rows[] = {
    {"echo", OPERATION_ANYONE, run_echo},
    {"hold", OPERATION_ANYONE, run_hold},
    {"down", OPERATION_OPERATOR, run_echo},
};

static void on_probed(void *owner, uint32_t tag, bool ok, const char *text)
{
    struct keeper *keeper = owner;
    (void)tag;
    assert_false(ok);
    assert_string_equal(text, "the gate that asked did not answer");
    keeper->probed++;
}

static void on_journal(void *owner, const char *event, const json_t *evidence)
{
    struct keeper *keeper = owner;
    (void)evidence;
    keeper->killed += strcmp(event, "gate-killed") == 0;
}

static void on_served(void *owner, bool ok, const char *text)
{
    struct keeper *keeper = owner;
    if (!ok)
        fail_msg("%s", text);
    keeper->served = true;
}

static void on_ended(void *owner)
{
    (void)owner;
}

static void log_nowhere(void *sink, const char *line, size_t size)
{
    (void)sink, (void)line, (void)size;
}

static json_int_t generation(const struct keeper *keeper)
{
    json_t *rows = gates_describe(keeper->gates);
    const json_t *row = json_array_get(rows, 0);
    bool runs = strcmp(json_string_value(json_object_get(row, "state")), "running") == 0;
    json_int_t number = runs ? json_integer_value(json_object_get(row, "generation")) : 0;
    json_decref(rows);
    return number;
}

static void serve_snapshot(struct keeper *keeper, uint64_t number)
{
    struct snapshot *snapshot = MEMORY_NEW(struct snapshot);
    snapshot->number = number;
    snapshot->memfd = memfd_seal("reeve-test", slice_of_text("{}"));
    keeper->served = false;
    gates_serve(keeper->gates, snapshot);
}

static void serve(struct keeper *keeper, struct world *world, const char *manner)
{
    static const struct gates_events events = {.on_want = on_want,
                                               .on_unwant = on_want,
                                               .on_slot_start = on_slot_start,
                                               .on_slot_gone = on_slot_gone,
                                               .on_message = on_message,
                                               .on_journal = on_journal,
                                               .on_served = on_served,
                                               .on_ended = on_ended};
    struct error error;
    keep(world, "  api: {address: \"127.0.0.1:9\"}\n");
    *keeper = (struct keeper){.world = world, .log = {.clock = &clock_system, .write = log_nowhere}};
    const struct gates_settings settings = {
        .loop = world->loop,
        .log = &keeper->log,
        .name = "test",
        .state_directory = world->state,
        .runtime_directory = world->runtime,
        .workers = 1,
        .user = {.uid = getuid(), .gid = getgid()},
        .targets = world->targets,
        .events = &events,
        .owner = keeper,
    };
    setenv("LC_ALL", manner, 1);
    keeper->gates = gates_new(&settings, &error);
    assert_non_null(keeper->gates);
    keeper->operations = operations_new(&(struct operations_settings){.log = &keeper->log});
    operations_add(keeper->operations, operation_rows, sizeof operation_rows / sizeof *operation_rows,
                   keeper);
    keeper->questions = questions_new(keeper->operations, keeper->gates);
    serve_snapshot(keeper, 1);
    UNTIL(world, keeper->served);
}

static void finish(struct keeper *keeper)
{
    questions_free(&keeper->questions);
    operations_free(&keeper->operations);
    gates_free(&keeper->gates);
    stop_all(keeper->world, true);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void test_probes_without_answers_take_nothing_down(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "mute");
    UNTIL(world, generation(&keeper) == 1);
    for (uint32_t tag = 1; tag <= PROBES; tag++) {
        const struct prober_question question = {.target = "api",
                                                 .address = "127.0.0.1:9",
                                                 .socket = -1,
                                                 .path = "/",
                                                 .timeout_ms = 1,
                                                 .on_done = on_probed,
                                                 .owner = &keeper,
                                                 .tag = tag};
        gates_probe(keeper.gates, &question);
    }
    assert_int_equal(keeper.probed, 0);
    UNTIL(world, keeper.probed == PROBES);
    finish(&keeper);
}

static void test_a_gate_that_hangs_up_and_lives_on_is_replaced(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "hangs up");
    UNTIL(world, generation(&keeper) == 2);
    assert_int_equal(keeper.killed, 1);
    finish(&keeper);
}

static void test_a_gate_that_refuses_what_is_served_is_replaced(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "refuses");
    UNTIL(world, generation(&keeper) == 3);
    assert_int_equal(keeper.killed, 1);
    finish(&keeper);
}

/* Of whoever started the keeper, and not meant for gates. */
static void test_no_stray_descriptor_comes_to_a_gate(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    assert_int_equal(dup2(STDERR_FILENO, STRAY_FD), STRAY_FD);
    serve(&keeper, world, "mute");
    UNTIL(world, generation(&keeper) == 1);
    close(STRAY_FD);
    finish(&keeper);
}

static void test_a_gate_that_dies_between_prepare_and_commit_misses_nothing(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "dies");
    UNTIL(world, generation(&keeper) == 1);
    serve_snapshot(&keeper, 2);
    UNTIL(world, keeper.served);
    UNTIL(world, keeper.wanted); /* said behind the commit of the second */
    assert_int_equal(generation(&keeper), 2);
    finish(&keeper);
}

/* A new gate knows what it must know when it begins to serve, and gets an answer to what it asks. */
static void test_questions_of_others_are_passed_on(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "asks");
    UNTIL(world, keeper.wanted);
    assert_int_equal(generation(&keeper), 1);
    finish(&keeper);
}

static void test_a_gate_that_asks_for_more_than_it_may_gets_errors(void **state)
{
    struct keeper keeper;
    struct world *world = *state;
    serve(&keeper, world, "pries");
    UNTIL(world, keeper.wanted); /* all answers were as they have to be */
    assert_int_equal(keeper.held, QUESTIONS_MOST);
    assert_int_equal(keeper.forgotten, 0);
    assert_int_equal(generation(&keeper), 1);
    questions_forget(keeper.questions, 0);
    assert_int_equal(keeper.forgotten, QUESTIONS_MOST);
    finish(&keeper);
}

int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "__gate") == 0)
        return hostile_gate();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_probes_without_answers_take_nothing_down),
        TEST(test_a_gate_that_hangs_up_and_lives_on_is_replaced),
        TEST(test_a_gate_that_refuses_what_is_served_is_replaced),
        TEST(test_no_stray_descriptor_comes_to_a_gate),
        TEST(test_a_gate_that_asks_for_more_than_it_may_gets_errors),
        TEST(test_a_gate_that_dies_between_prepare_and_commit_misses_nothing),
        TEST(test_questions_of_others_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
