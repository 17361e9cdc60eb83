/* A keeper that asks a hold for a view: holds of all ages, mute ones, and ones that lie. */
#include "../support.h"

#include "keep/viewing.h"
#include "keep/visits.h"
#include "wire/terminal.h"

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct channel *channel; /* the keeper's end */
    int hold;                /* the other end, raw */
    struct viewing *viewing;
    json_t *journal; /* what came last */
    int journalled, answers, status, changes;
    int64_t viewers; /* as told last */
    char text[256];
    int link;
};

static void on_message(void *owner, struct channel_message *message)
{
    const struct world *world = owner;
    viewing_hear(world->viewing, message);
}

static void on_end(void *owner, int error)
{
    (void)owner;
    (void)error;
}

static const struct channel_events events = {.on_message = on_message, .on_end = on_end};

static void on_journal(void *owner, json_t *evidence)
{
    struct world *world = owner;
    json_decref(world->journal);
    world->journal = evidence;
    world->journalled++;
}

static void on_change(void *owner, const struct hold_terminal_news *now)
{
    struct world *world = owner;
    world->changes++;
    world->viewers = now->viewers;
}

static void on_done(void *owner, const struct viewing_answer *answer)
{
    struct world *world = owner;
    world->answers++;
    world->status = answer->status;
    snprintf(world->text, sizeof world->text, "%s", answer->text ? answer->text : "");
    world->link = answer->link >= 0 ? dup(answer->link) : -1;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    int pair[2];
    const struct viewing_events viewing = {.on_journal = on_journal, .on_change = on_change, .owner = world};
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    make_pair(SOCK_SEQPACKET, pair);
    world->channel = channel_new(world->loop, pair[0], &events, world);
    world->hold = pair[1];
    world->viewing = viewing_new(world->loop, &viewing);
    world->link = -1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    viewing_free(&world->viewing);
    channel_close(&world->channel);
    close(world->hold);
    if (world->link >= 0)
        close(world->link);
    json_decref(world->journal);
    loop_free(&world->loop);
    free(world);
    return 0;
}

/* Asks; the id of the question that the hold got, and its end of the link in *theirs. */
static uint32_t ask(struct world *world, int *theirs)
{
    const struct hold_terminal_attach attach = {.columns = 80, .rows = 24, .user = "ann"};
    struct channel_message message;
    viewing_ask(world->viewing, world->channel, &attach, on_done, world);
    assert_int_equal(channel_receive_now(world->hold, &message, 5000), 0);
    assert_int_equal(message.type, MESSAGE_HOLD_ATTACH);
    assert_int_equal(message.descriptor_count, 1);
    assert_string_equal(json_string_value(json_object_get(message.body, "user")), "ann");
    json_decref(message.body);
    *theirs = message.descriptors[0];
    return message.id;
}

static void say(struct world *world, enum message_type type, uint32_t id, json_t *body)
{
    assert_int_equal(channel_send_now(world->hold, type, id, body, NULL, 0, 5000), 0);
    while (loop_step(world->loop, 0) > 0)
        continue;
}

static void test_a_view(void **state)
{
    struct world *world = *state;
    int theirs;
    char byte;
    uint32_t id = ask(world, &theirs);
    say(world, MESSAGE_HOLD_ATTACH, id, json_pack("{s:i}", "viewer", 3));
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, 200);
    assert_int_equal(send(world->link, "x", 1, 0), 1);
    assert_int_equal(recv(theirs, &byte, 1, 0), 1);
    close(theirs);
    assert_string_equal(json_string_value(json_object_get(world->journal, "action")), "attach");
    assert_int_equal(json_integer_value(json_object_get(world->journal, "viewer")), 3);
    say(world, MESSAGE_HOLD_ATTACH, id, json_pack("{s:i}", "viewer", 4)); /* said twice */
    assert_int_equal(world->answers, 1);
}

static void refused(struct world *world, json_t *body, int status, const char *text)
{
    int theirs, before = world->answers;
    uint32_t id = ask(world, &theirs);
    close(theirs);
    say(world, MESSAGE_ERROR, id, body);
    assert_int_equal(world->answers, before + 1);
    assert_int_equal(world->status, status);
    assert_non_null(strstr(world->text, text));
    assert_int_equal(world->journalled, 0);
}

static void test_holds_that_refuse(void **state)
{
    struct world *world = *state;
    refused(world, json_pack("{s:s}", "text", "this hold does not know that message"), 409,
            "without terminals");
    refused(world, json_pack("{s:s, s:i}", "text", "the run has no terminal", "status", 409), 409,
            "no terminal");
    refused(world, json_pack("{s:s, s:i}", "text", "over", "status", 503), 503, "over");
    refused(world, json_pack("{s:s, s:i}", "text", "many", "status", 429), 429, "many");
    refused(world, json_pack("{s:s, s:i}", "text", "odd", "status", 200), 409, "odd");
    refused(world, json_pack("{s:i}", "status", 503), 503, "without saying why");
}

static void test_a_hold_that_does_not_answer(void **state)
{
    struct world *world = *state;
    int theirs;
    uint32_t id = ask(world, &theirs);
    close(theirs);
    say(world, MESSAGE_HOLD_ATTACH, id + 1, json_pack("{s:i}", "viewer", 1)); /* to no question */
    assert_int_equal(world->answers, 0);
    world->clock.now_us += VIEWING_ANSWER_MS * 1000;
    loop_step(world->loop, 0);
    assert_int_equal(world->status, 504);
    say(world, MESSAGE_HOLD_ATTACH, id, json_pack("{s:i}", "viewer", 1)); /* too late */
    assert_int_equal(world->answers, 1);
}

static void test_a_run_that_cannot_be_asked_or_ends(void **state)
{
    struct world *world = *state;
    const struct hold_terminal_attach attach = {.user = "ann"};
    int theirs;
    viewing_ask(world->viewing, NULL, &attach, on_done, world);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, 503);
    ask(world, &theirs);
    close(theirs);
    viewing_free(&world->viewing);
    assert_int_equal(world->answers, 2);
    assert_int_equal(world->status, 503);
}

/* A gate may name whom it likes; a name that is too long is cut, in the middle of a character too. */
static void test_a_name_that_was_cut(void **state)
{
    struct world *world = *state;
    struct hold_terminal_attach attach = {0};
    struct channel_message asked;
    size_t last = sizeof attach.user - 2;
    memset(attach.user, 'x', last);
    attach.user[last] = '\xc3';
    viewing_ask(world->viewing, world->channel, &attach, on_done, world);
    assert_int_equal(channel_receive_now(world->hold, &asked, 5000), 0);
    close(asked.descriptors[0]);
    json_decref(asked.body);
    say(world, MESSAGE_HOLD_ATTACH, asked.id, json_pack("{s:i}", "viewer", 3));
    assert_int_equal(world->status, 200);
    assert_non_null(world->journal); /* the keeper ends over none */
    const char *user = json_string_value(json_object_get(world->journal, "user"));
    assert_int_equal(strlen(user), last + 1);
    assert_int_equal(user[last], '?');
}

static void test_news(void **state)
{
    struct world *world = *state;
    struct hold_terminal_news news = {.columns = 80, .rows = 24, .viewers = 2};
    say(world, MESSAGE_HOLD_TERMINAL, 0, hold_terminal_news_encode(&news));
    say(world, MESSAGE_HOLD_TERMINAL, 0, hold_terminal_news_encode(&news)); /* nothing new */
    assert_int_equal(world->viewers, 2);
    assert_int_equal(world->changes, 1);
    assert_int_equal(world->journalled, 0);
    news = (struct hold_terminal_news){
        .columns = 80, .rows = 24, .action = HOLD_TERMINAL_INPUT, .viewer = 1, .user = "ann", .bytes = 7};
    say(world, MESSAGE_HOLD_TERMINAL, 0, hold_terminal_news_encode(&news));
    assert_int_equal(json_integer_value(json_object_get(world->journal, "bytes")), 7);
    assert_int_equal(world->viewers, 0);
    assert_int_equal(world->changes, 2);
    say(world, MESSAGE_HOLD_TERMINAL, 0, json_pack("{s:s}", "columns", "wide"));
    assert_int_equal(world->journalled, 1);
}

/* Asks so often as it likes; how many of these questions the hold got. */
static int ask_often(struct world *world, int times)
{
    const struct hold_terminal_attach attach = {.user = "ann"};
    struct channel_message message;
    int asked = 0;
    for (int i = 0; i < times; i++)
        viewing_ask(world->viewing, world->channel, &attach, on_done, world);
    while (channel_receive_now(world->hold, &message, 0) == 0) {
        close(message.descriptors[0]);
        json_decref(message.body);
        asked++;
    }
    return asked;
}

/* A gate may have 64 questions open: one hold that is mute must leave some for others. */
static void test_a_mute_hold_is_not_waited_for_by_all(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask_often(world, 100), VIEWING_MOST);
    assert_int_equal(world->answers, 100 - VIEWING_MOST);
    assert_int_equal(world->status, 503);
    world->clock.now_us += VIEWING_ANSWER_MS * 1000;
    loop_step(world->loop, 0);
    assert_int_equal(world->answers, 100);
    assert_int_equal(world->status, 504);
    assert_int_equal(ask_often(world, 100), VIEWING_MUTE_MOST);
    assert_int_equal(world->answers, 200 - VIEWING_MUTE_MOST);
    assert_string_equal(world->text, "its hold does not answer");
    struct hold_terminal_news news = {.columns = 80, .rows = 24};
    say(world, MESSAGE_HOLD_TERMINAL, 0, hold_terminal_news_encode(&news)); /* it speaks again */
    assert_int_equal(ask_often(world, 100), VIEWING_MOST - VIEWING_MUTE_MOST);
}

/* A client that comes back in a loop: the first rows are its own, the others one that says how often. */
static void test_a_client_in_a_loop_does_not_fill_the_journal(void **state)
{
    enum { LOOPS = 500 };
    struct world *world = *state;
    int theirs;
    for (int i = 1; i <= LOOPS; i++) {
        uint32_t id = ask(world, &theirs);
        say(world, MESSAGE_HOLD_ATTACH, id, json_pack("{s:i}", "viewer", i));
        close(theirs);
        close(world->link);
        struct hold_terminal_news news = {
            .columns = 80, .rows = 24, .action = HOLD_TERMINAL_DETACH, .viewer = i, .user = "ann"};
        say(world, MESSAGE_HOLD_TERMINAL, 0, hold_terminal_news_encode(&news));
    }
    world->link = -1;
    assert_int_equal(world->journalled, 2 * VISITS_EACH);
    world->clock.now_us += VISITS_PERIOD_MS * 1000;
    loop_step(world->loop, 0);
    assert_int_equal(world->journalled, 2 * VISITS_EACH + 2);
    assert_string_equal(json_string_value(json_object_get(world->journal, "user")), "ann");
    assert_int_equal(json_integer_value(json_object_get(world->journal, "times")), LOOPS - VISITS_EACH);
    assert_int_equal(json_integer_value(json_object_get(world->journal, "viewer")), LOOPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holds_that_refuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hold_that_does_not_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_run_that_cannot_be_asked_or_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_that_was_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mute_hold_is_not_waited_for_by_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_in_a_loop_does_not_fill_the_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_news, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
