/* Several viewers of one terminal: whose size counts, who may type, who is slow, and what the keeper hears.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "watcher.h"

/* Says its size at the start and whenever it changes. */
static const char size_script[] =
    "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done";

static void start_terminal(struct world *world, enum hold_terminal_rule rule, const char *script)
{
    want_terminal(world, 100, 30, rule);
    start_script(world, script);
}

static void end(struct world *world)
{
    tell(world, MESSAGE_HOLD_STOP, json_pack("{s:i, s:i}", "signal", SIGKILL, "grace_ms", 0));
    expect_end(world);
    acknowledge(world);
}

static void test_who_typed_last_has_the_size(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, size_script);
    struct watcher ann = watch(world, "ann", false, 80, 24); /* alone: at once */
    watcher_await_size(&ann, 80, 24);
    watcher_await(&ann, "24 80");
    struct watcher ben = watch(world, "ben", false, 60, 20); /* has not typed */
    watcher_await(&ben, "ready");
    assert_int_equal(ben.columns, 80);
    watcher_type(&ben, "x");
    watcher_await_size(&ann, 60, 20);
    watcher_await_size(&ben, 60, 20);
    watcher_await(&ann, "20 60");
    watcher_resize(&ann, 90, 25); /* has typed no more than before */
    watcher_resize(&ben, 61, 21);
    watcher_await_size(&ann, 61, 21);
    watcher_leave(&ben); /* ann is alone again */
    watcher_await_size(&ann, 90, 25);
    watcher_await(&ann, "25 90");
    watcher_resize(&ann, 0, 65535);
    watcher_await_size(&ann, TERMINAL_COLUMNS_LEAST, TERMINAL_ROWS_MOST);
    watcher_leave(&ann);
    end(world);
}

static void test_the_smallest_size(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_SMALLEST, size_script);
    struct watcher ann = watch(world, "ann", false, 80, 24);
    struct watcher ben = watch(world, "ben", false, 120, 20);
    struct watcher eve = watch(world, "eve", true, 10, 10);
    watcher_await_size(&ann, 80, 20);
    watcher_await(&ann, "20 80");
    watcher_leave(&ann);
    watcher_await_size(&ben, 120, 20);
    watcher_await_size(&eve, 120, 20);
    watcher_leave(&ben);
    watcher_leave(&eve);
    end(world);
}

static void test_a_fixed_size(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_FIXED, "cat");
    struct watcher ann = watch(world, "ann", false, 80, 24);
    watcher_type(&ann, "typed\r");
    watcher_await(&ann, "typed\r\ntyped");
    watcher_resize(&ann, 50, 10);
    watcher_type(&ann, "again\r");
    watcher_await(&ann, "again\r\nagain");
    assert_int_equal(ann.columns, 100);
    watcher_leave(&ann);
    end(world);
}

static void test_who_may_only_watch(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    struct watcher eve = watch(world, "eve", true, 20, 10);
    watcher_type(&eve, "forbidden\r");
    watcher_resize(&eve, 30, 10);
    struct watcher ann = watch(world, "ann", false, 0, 0);
    watcher_type(&ann, "allowed\r");
    watcher_await(&eve, "allowed\r\nallowed");
    assert_false(watcher_saw(&eve, "forbidden"));
    assert_int_equal(eve.columns, 100);
    watcher_leave(&eve);
    watcher_leave(&ann);
    end(world);
}

static void test_a_pause(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    struct watcher ann = watch(world, "ann", false, 0, 0), ben = watch(world, "ben", false, 0, 0);
    watcher_type(&ann, "one\r");
    watcher_await(&ann, "one\r\none");
    watcher_send(&ann, SLICE("2"));
    watcher_type(&ann, "two\r");
    watcher_await(&ben, "two\r\ntwo");
    while (watcher_take(&ann, 0)) /* what was on the way before the pause */
        continue;
    assert_false(watcher_saw(&ann, "two"));
    watcher_send(&ann, SLICE("3"));
    watcher_await(&ann, "two\r\ntwo");
    watcher_leave(&ann);
    watcher_leave(&ben);
    end(world);
}

/* Clock ticks that the hold has used: the fields utime and stime of proc(5). */
static long hold_ticks(const struct world *world)
{
    enum { STATE = 3, UTIME = 14, STIME = 15 };
    char path[32], text[1024] = "";
    long ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)world->hold);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    char *at = strrchr(text, ')') + 2;
    for (int field = STATE; field <= STIME; field++, at = strchr(at, ' ') + 1)
        if (field >= UTIME)
            ticks += strtol(at, NULL, 10);
    return ticks;
}

/* A pause comes when much is under way: what has room then is not asked for before the pause is over. */
static void test_a_pause_while_its_socket_is_full(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "yes flood | head -c 3000000; echo; echo over; cat");
    struct watcher ann = watch(world, "ann", false, 0, 0), ben = watch(world, "ben", false, 0, 0);
    watcher_await(&ben, "over");
    watcher_send(&ann, SLICE("2"));
    watcher_type(&ben, "heard\r"); /* and so was the pause before it */
    watcher_await(&ben, "heard\r\nheard");
    while (watcher_take(&ann, 100))
        continue;
    long before = hold_ticks(world);
    assert_false(watcher_take(&ann, 1000));
    assert_true(hold_ticks(world) - before < sysconf(_SC_CLK_TCK) / 10);
    watcher_send(&ann, SLICE("3"));
    watcher_await(&ann, "heard\r\nheard");
    watcher_leave(&ann);
    watcher_leave(&ben);
    end(world);
}

/* `yes` would go on for ever: it ends only when somebody's ^C is heard. One never reads, one paused. */
static void test_a_flood_and_viewers_that_do_not_read(void **state)
{
    struct world *world = *state;
    start_terminal(
        world, HOLD_TERMINAL_LAST,
        "trap : INT; echo begin; yes 'a flood of output that nobody can read'; echo; echo over; cat");
    struct watcher mute = watch(world, "mute", false, 0, 0), paused = watch(world, "paused", false, 0, 0);
    struct watcher ann = watch(world, "ann", false, 0, 0);
    watcher_send(&paused, SLICE("2"));
    watcher_await(&ann, "flood");
    for (int i = 0; i < 200; i++) /* read for a while, and less than there is */
        assert_true(watcher_take(&ann, PATIENCE_MS));
    watcher_type(&ann, "\003");
    watcher_await(&ann, "over");
    watcher_send(&paused, SLICE("3"));
    watcher_await(&paused, "over");
    while (paused.places < 2) /* it lost something, so it got a new snapshot */
        assert_true(watcher_take(&paused, PATIENCE_MS));
    watcher_await(&mute, "over"); /* and so does this one when it reads at last */
    watcher_type(&mute, "alive\r");
    watcher_await(&mute, "alive\r\nalive");
    watcher_leave(&mute);
    watcher_leave(&paused);
    watcher_leave(&ann);
    end(world);
}

/* Types until nobody takes any more for a while. */
static void fill(const struct watcher *watcher)
{
    static char record[TERMINAL_RECORD_LARGEST];
    int sent = 0, waited = 0;
    memset(record, 'x', sizeof record);
    record[0] = TERMINAL_INPUT;
    while (waited < 500 && sent < 200) {
        struct pollfd poller = {.fd = watcher->fd, .events = POLLOUT};
        if (poll(&poller, 1, 50) == 1 &&
            send(watcher->fd, record, sizeof record, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            sent++, waited = 0;
        else
            waited += 50;
    }
    assert_true(sent < 200);
}

/* The program never reads: its viewer has to wait, and may leave. */
static void test_a_program_that_does_not_read(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "stty raw -echo; echo ready; exec sleep 1000");
    struct watcher ann = watch(world, "ann", false, 0, 0), ben = watch(world, "ben", false, 80, 24);
    watcher_await(&ann, "ready");
    fill(&ann);
    watcher_leave(&ann);
    json_t *news = NULL;
    do {
        json_decref(news);
        news = expect(world, MESSAGE_HOLD_TERMINAL);
    } while (!json_object_get(news, "action") ||
             strcmp(json_string_value(json_object_get(news, "action")), "detach") != 0);
    assert_int_equal(json_integer_value(json_object_get(news, "viewer")), ann.number);
    json_decref(news);
    watcher_leave(&ben);
    end(world);
}

/* One has typed all that is kept; another, who paused, is heard none the less, behind a key of its own too.
 */
static void test_a_resume_while_the_program_does_not_read(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST,
                   "trap 'echo signalled' USR1; stty raw -echo; echo ready; while :; do sleep 0.05; done");
    struct watcher ann = watch(world, "ann", false, 0, 0), ben = watch(world, "ben", false, 0, 0);
    watcher_await(&ann, "ready");
    watcher_send(&ann, SLICE("2"));
    fill(&ben);
    watcher_type(&ann, "x");
    watcher_send(&ann, SLICE("3"));
    tell(world, MESSAGE_HOLD_SIGNAL, json_pack("{s:i}", "signal", SIGUSR1));
    watcher_await(&ann, "signalled");
    watcher_leave(&ann);
    watcher_leave(&ben);
    end(world);
}

static void test_nonsense_ends_one_viewer_only(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    struct watcher ann = watch(world, "ann", false, 0, 0), eve = watch(world, "eve", false, 0, 0);
    watcher_send(&eve, SLICE("9of a later version"));
    watcher_type(&eve, "fine\r");
    watcher_await(&ann, "fine\r\nfine");
    watcher_send(&eve, SLICE("1xxxxxxxxx"));
    while (watcher_take(&eve, PATIENCE_MS))
        continue;
    assert_true(eve.gone);
    watcher_type(&ann, "still here\r");
    watcher_await(&ann, "still here\r\nstill here");
    watcher_leave(&ann);
    watcher_leave(&eve);
    end(world);
}

static void test_only_so_many_watch(void **state)
{
    struct world *world = *state;
    struct hold_terminal_attach attach = {.user = "ann"};
    struct watcher all[64];
    int fd;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    for (size_t i = 0; i < 64; i++)
        all[i] = watch(world, "ann", true, 0, 0);
    json_t *answer = ask_to_attach(world, &attach, &fd);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 429);
    json_decref(answer);
    close(fd);
    for (size_t i = 0; i < 64; i++)
        watcher_leave(&all[i]);
    end(world);
}

/* --- what the keeper hears ------------------------------------------------------------------------------ */

static json_t *await_action(struct world *world, const char *action)
{
    for (;;) {
        json_t *news = expect(world, MESSAGE_HOLD_TERMINAL);
        const char *found = json_string_value(json_object_get(news, "action"));
        if (found && strcmp(found, action) == 0)
            return news;
        json_decref(news);
    }
}

static void test_the_keeper_hears_who_typed_how_much(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    struct watcher ann = watch(world, "ann", false, 80, 24);
    watcher_type(&ann, "secret\r");
    watcher_await(&ann, "secret\r\nsecret");
    watcher_leave(&ann);
    json_t *news = await_action(world, "input");
    assert_int_equal(json_integer_value(json_object_get(news, "bytes")), 7);
    assert_string_equal(json_string_value(json_object_get(news, "user")), "ann");
    assert_int_equal(json_integer_value(json_object_get(news, "viewer")), ann.number);
    char *text = json_dumps(news, 0);
    assert_null(strstr(text, "secret"));
    free(text);
    json_decref(news);
    news = await_action(world, "detach");
    assert_int_equal(json_integer_value(json_object_get(news, "viewers")), 0);
    assert_int_equal(json_integer_value(json_object_get(news, "columns")), 80);
    json_decref(news);
    end(world);
}

static void connect_again(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", world->socket);
    world->channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(world->channel >= 0);
    assert_int_equal(connect(world->channel, (const struct sockaddr *)&address, sizeof address), 0);
    tell(world, MESSAGE_HOLD_HELLO, NULL);
    json_t *hello = expect(world, MESSAGE_HOLD_HELLO);
    json_decref(hello);
}

static void test_what_no_keeper_heard_waits_for_the_next(void **state)
{
    struct world *world = *state;
    start_terminal(world, HOLD_TERMINAL_LAST, "cat");
    struct watcher ann = watch(world, "ann", false, 80, 24), ben = watch(world, "ben", false, 0, 0);
    watcher_await_size(&ben, 80, 24);
    leave(world);
    watcher_type(&ann, "nobody hears\r"); /* viewers stay when the keeper goes */
    watcher_await(&ben, "nobody hears\r\nnobody hears");
    watcher_leave(&ann);
    watcher_type(&ben, "gone?\r");
    watcher_await(&ben, "gone?\r\ngone?");
    connect_again(world);
    json_t *news = expect(world, MESSAGE_HOLD_TERMINAL); /* how it is comes first */
    assert_int_equal(json_integer_value(json_object_get(news, "columns")), 80);
    json_decref(news);
    news = await_action(world, "input");
    assert_int_equal(json_integer_value(json_object_get(news, "bytes")), strlen("nobody hears\r"));
    json_decref(news);
    news = await_action(world, "detach");
    assert_string_equal(json_string_value(json_object_get(news, "user")), "ann");
    json_decref(news);
    struct watcher eve = watch(world, "eve", true, 0, 0); /* the same screen */
    watcher_await(&eve, "nobody hears\r\nnobody hears");
    watcher_leave(&eve);
    watcher_leave(&ben);
    end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_who_typed_last_has_the_size),
        HOLD_TEST(test_the_smallest_size),
        HOLD_TEST(test_a_fixed_size),
        HOLD_TEST(test_who_may_only_watch),
        HOLD_TEST(test_a_pause),
        HOLD_TEST(test_a_pause_while_its_socket_is_full),
        HOLD_TEST(test_a_flood_and_viewers_that_do_not_read),
        HOLD_TEST(test_a_program_that_does_not_read),
        HOLD_TEST(test_a_resume_while_the_program_does_not_read),
        HOLD_TEST(test_nonsense_ends_one_viewer_only),
        HOLD_TEST(test_only_so_many_watch),
        HOLD_TEST(test_the_keeper_hears_who_typed_how_much),
        HOLD_TEST(test_what_no_keeper_heard_waits_for_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
