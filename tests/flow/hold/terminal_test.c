/* A program with a terminal: what it gets, what one viewer of it gets, what is left of it at the end. */
#include "watcher.h"

static void start_terminal(struct world *world, const char *script)
{
    want_terminal(world, 100, 30, HOLD_TERMINAL_LAST);
    start_script(world, script);
}

static void end(struct world *world)
{
    tell(world, MESSAGE_HOLD_STOP, json_pack("{s:i, s:i}", "signal", SIGKILL, "grace_ms", 0));
    expect_end(world);
    acknowledge(world);
}

static void test_the_program_has_a_terminal(void **state)
{
    struct world *world = *state;
    start_terminal(world,
                   "read -r begin; test -t 0 && test -t 1 && test -t 2 && echo three; stty size; stty -a | "
                   "tr ';' '\\n' | grep -o -w -e '-\\?iutf8' -e '-\\?icanon'; (: >/dev/tty) && echo "
                   "controlling; echo ready; read -r line; echo \"got $line\"");
    struct watcher watcher = watch(world, "ann", false, 0, 0);
    watcher_type(&watcher, "\r");
    watcher_await(&watcher, "ready");
    assert_true(watcher_saw(&watcher, "three\r\n30 100\r\n"));
    assert_true(watcher_saw(&watcher, "icanon\r\n"));
    assert_true(watcher_saw(&watcher, "iutf8\r\n"));
    assert_false(watcher_saw(&watcher, "-icanon"));
    assert_false(watcher_saw(&watcher, "-iutf8"));
    assert_true(watcher_saw(&watcher, "controlling\r\n"));
    watcher_type(&watcher, "hello\r");
    watcher_await(&watcher, "got hello");
    watcher_await_end(&watcher);
    assert_string_equal(watcher.end, "the program exited with 0");
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    watcher_leave(&watcher);
}

static void test_who_comes_later_sees_what_was(void **state)
{
    struct world *world = *state;
    start_terminal(world,
                   "printf '\\033]0;a title\\007first'; read -r line; printf \" $line\"; read -r line");
    struct watcher first = watch(world, "ann", false, 0, 0);
    watcher_await(&first, "first");
    watcher_leave(&first);
    struct watcher second = watch(world, "ann", false, 0, 0);
    watcher_await(&second, "first");
    while (second.places == 0)
        assert_true(watcher_take(&second, PATIENCE_MS));
    assert_string_equal(second.title, "a title");
    assert_int_equal(second.columns, 100);
    assert_int_equal(second.rows, 30);
    assert_true(second.place >= strlen("\033]0;a title\007first"));
    watcher_type(&second, "second\r");
    watcher_await(&second, " second");
    watcher_leave(&second);
    end(world);
}

static void test_what_is_left_of_it_goes_to_the_log(void **state)
{
    struct world *world = *state;
    start_terminal(world, "seq 1000; printf '\\033[1mlast words\\033[m\\n'; exit 3");
    assert_int_equal(expect_end(world).code, 3);
    const char *log = read_output(world);
    assert_non_null(strstr(log, "terminal:1000|terminal:last words|"));
    assert_non_null(strstr(log, "terminal:990|"));
    assert_null(strstr(log, "terminal:900|"));
    assert_null(strstr(log, "stdout"));
    acknowledge(world);
}

static void test_a_program_that_does_not_start(void **state)
{
    struct world *world = *state;
    want_terminal(world, 80, 24, HOLD_TERMINAL_LAST);
    command(world, "/nowhere/program", NULL, NULL);
    spawn(world);
    struct hold_end failure = expect_end(world);
    assert_true(failure.failed);
    assert_string_equal(failure.stage, "exec");
    acknowledge(world);
}

static void test_nobody_watches_and_much_is_written(void **state)
{
    struct world *world = *state;
    start_terminal(world, "seq 200000; echo done; read -r line");
    struct watcher watcher;
    for (;;) { /* each looks at once and leaves */
        watcher = watch(world, "ann", false, 0, 0);
        while (watcher.places == 0)
            assert_true(watcher_take(&watcher, PATIENCE_MS));
        if (watcher_saw(&watcher, "done"))
            break;
        watcher_leave(&watcher);
    }
    assert_true(watcher_saw(&watcher, "200000"));
    watcher_type(&watcher, "\r");
    watcher_await_end(&watcher);
    expect_end(world);
    acknowledge(world);
    watcher_leave(&watcher);
}

static void test_a_query_is_answered_and_not_shown(void **state)
{
    struct world *world = *state;
    start_terminal(world,
                   "stty raw -echo; printf 'ask\\033[c'; head -c 3 | od -An -c | tr -d ' \\n'; stty sane; "
                   "echo; echo over; read -r line");
    struct watcher watcher = watch(world, "ann", false, 0, 0);
    watcher_await(&watcher, "over");
    assert_true(watcher_saw(&watcher, "033[?"));
    assert_false(watcher_saw(&watcher, "\033[c"));
    watcher_leave(&watcher);
    end(world);
}

static void test_an_interactive_shell_stops(void **state)
{
    struct world *world = *state;
    want_terminal(world, 80, 24, HOLD_TERMINAL_LAST);
    command(world, "/bin/bash", "--norc", "-i");
    start(world);
    struct watcher watcher = watch(world, "ann", false, 0, 0);
    watcher_type(&watcher, "echo up$((1)); sleep 1000\r");
    watcher_await(&watcher, "up1");
    tell(world, MESSAGE_HOLD_STOP, json_pack("{s:i, s:i}", "signal", SIGTERM, "grace_ms", PATIENCE_MS));
    struct hold_end how = expect_end(world);
    assert_true(how.after_ms < PATIENCE_MS); /* it ignores SIGTERM */
    assert_int_not_equal(how.signal, SIGKILL);
    watcher_await_end(&watcher);
    acknowledge(world);
    watcher_leave(&watcher);
}

/* As bash is for a moment while it starts a job. */
static void test_who_ignores_it_only_later_stops(void **state)
{
    struct world *world = *state;
    want_terminal(world, 80, 24, HOLD_TERMINAL_LAST);
    command(world, "/bin/bash", "-c",
            "trap 'trap \"\" TERM' TERM; echo up$((1)); while :; do sleep 0.05; done");
    start(world);
    struct watcher watcher = watch(world, "ann", false, 0, 0);
    watcher_await(&watcher, "up1");
    tell(world, MESSAGE_HOLD_STOP, json_pack("{s:i, s:i}", "signal", SIGTERM, "grace_ms", PATIENCE_MS));
    struct hold_end how = expect_end(world);
    assert_int_equal(how.signal, SIGHUP);
    watcher_await_end(&watcher);
    acknowledge(world);
    watcher_leave(&watcher);
}

static void test_a_run_without_a_terminal(void **state)
{
    struct world *world = *state;
    struct hold_terminal_attach attach = {.user = "ann"};
    int fd;
    start_script(world, "sleep 1000");
    json_t *answer = ask_to_attach(world, &attach, &fd);
    assert_int_equal(json_integer_value(json_object_get(answer, "type")), MESSAGE_ERROR);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 409);
    json_decref(answer);
    close(fd);
    end(world);
}

static void test_a_run_that_has_ended(void **state)
{
    struct world *world = *state;
    struct hold_terminal_attach attach = {.user = "ann"};
    int fd;
    start_terminal(world, "exit 0");
    expect_end(world);
    json_t *answer = ask_to_attach(world, &attach, &fd);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 503);
    json_decref(answer);
    close(fd);
    acknowledge(world);
}

static void test_a_link_that_is_none(void **state)
{
    struct world *world = *state;
    start_terminal(world, "sleep 1000");
    json_t *answer = ask(world, MESSAGE_HOLD_STATUS, NULL);
    json_decref(answer);
    assert_int_equal(channel_send_now(world->channel, MESSAGE_HOLD_ATTACH, 77, NULL, NULL, 0, PATIENCE_MS),
                     0);
    answer = expect(world, MESSAGE_ERROR);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 400);
    json_decref(answer);
    assert_int_equal(
        channel_send_now(world->channel, MESSAGE_HOLD_ATTACH, 77, NULL, &world->log, 1, PATIENCE_MS), 0);
    answer = expect(world, MESSAGE_ERROR);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 400);
    json_decref(answer);
    end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_the_program_has_a_terminal),
        HOLD_TEST(test_who_comes_later_sees_what_was),
        HOLD_TEST(test_what_is_left_of_it_goes_to_the_log),
        HOLD_TEST(test_a_program_that_does_not_start),
        HOLD_TEST(test_nobody_watches_and_much_is_written),
        HOLD_TEST(test_a_query_is_answered_and_not_shown),
        HOLD_TEST(test_an_interactive_shell_stops),
        HOLD_TEST(test_who_ignores_it_only_later_stops),
        HOLD_TEST(test_a_run_without_a_terminal),
        HOLD_TEST(test_a_run_that_has_ended),
        HOLD_TEST(test_a_link_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
