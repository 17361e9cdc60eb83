/* A run's middle and end: exit, signals, stop, leftovers, a keeper that goes and another that comes. */
#include "world.h"

static struct hold_hello decode_hello(json_t *body)
{
    struct hold_hello hello;
    struct error error = {0};
    assert_true(hold_hello_decode(body, &hello, &error));
    json_decref(body);
    return hello;
}

static void stop(struct world *world, int signo, int64_t grace_ms)
{
    tell(world, MESSAGE_HOLD_STOP,
         json_pack("{s:i, s:I}", "signal", signo, "grace_ms", (json_int_t)grace_ms));
}

static pid_t pid_in_output(struct world *world, const char *name)
{
    char *mark = memory_format("%s=", name);
    await_output(world, mark);
    const char *found = strstr(read_output(world), mark);
    pid_t pid = (pid_t)strtol(found + strlen(mark), NULL, 10);
    free(mark);
    assert_true(pid > 1);
    return pid;
}

/* --- how it ends --- */

static void test_an_exit_code(void **state)
{
    struct world *world = *state;
    struct hold_end end = run_to_end(world, "exit 7");
    assert_false(end.failed);
    assert_int_equal(end.code, 7);
    assert_int_equal(end.signal, 0);
    assert_int_equal(end.generation, 3);
    assert_string_equal(end.nonce, "0123456789abcdef");
    assert_true(end.started_ms > 0 && end.ended_ms >= end.started_ms);
    assert_int_equal(end.after_ms, end.ended_ms - end.started_ms);
    assert_int_equal(end.leftovers, 0);
    assert_int_equal(end.remaining, 0);
}

static void test_a_signal_that_kills(void **state)
{
    struct hold_end end = run_to_end(*state, "kill -KILL $$");
    assert_int_equal(end.code, -1);
    assert_int_equal(end.signal, SIGKILL);
    assert_false(end.core);
}

static void test_the_end_is_on_disk_before_it_is_told(void **state)
{
    struct world *world = *state;
    start_script(world, "exit 5");
    struct hold_end told = expect_end(world), read;
    struct buffer file = read_file(world->run, "exit.json");
    json_t *json = json_loadb(file.data, buffer_size(&file), 0, NULL);
    struct error error = {0};
    assert_true(hold_end_decode(json, &read, &error));
    assert_memory_equal(&told, &read, sizeof told);
    assert_int_equal(faccessat(world->run, "exit.json.new", F_OK, 0), -1);
    json_decref(json);
    buffer_free(&file);
    acknowledge(world);
}

static void test_a_failure_is_on_disk_too(void **state)
{
    struct world *world = *state;
    command(world, "/nowhere", NULL, NULL);
    spawn(world);
    struct hold_end told = decode_end(expect(world, MESSAGE_HOLD_FAILED)), read;
    json_t *json;
    struct buffer file = read_file(world->run, "exit.json");
    json = json_loadb(file.data, buffer_size(&file), 0, NULL);
    assert_true(hold_end_decode(json, &read, NULL));
    assert_memory_equal(&told, &read, sizeof told);
    json_decref(json);
    buffer_free(&file);
    acknowledge(world);
}

/* --- signals and stop --- */

static void test_a_signal_is_passed_to_the_program(void **state)
{
    struct world *world = *state;
    start_script(world, "trap 'echo hup' HUP; trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done");
    await_output(world, "ready");
    tell(world, MESSAGE_HOLD_SIGNAL, json_pack("{s:i}", "signal", SIGHUP));
    await_output(world, "hup");
    tell(world, MESSAGE_HOLD_SIGNAL, json_pack("{s:i, s:b}", "signal", SIGUSR1, "group", 0));
    assert_int_equal(expect_end(world).code, 3);
    acknowledge(world);
}

static void test_a_stop_reaches_the_group(void **state)
{
    struct world *world = *state;
    start_script(world,
                 "sh -c 'trap \"echo inner; exit 0\" TERM; echo inner=$$; while :; do sleep 0.01; done' &\n"
                 "trap 'echo outer' TERM; echo outer=$$; wait; wait; exit 4");
    pid_t inner = pid_in_output(world, "inner");
    pid_in_output(world, "outer");
    stop(world, SIGTERM, 20000);
    struct hold_end end = expect_end(world);
    assert_int_equal(end.code, 4);
    acknowledge(world);
    assert_false(process_lives(inner));
    const char *found = read_output(world);
    assert_non_null(strstr(found, "stdout:inner|"));
    assert_non_null(strstr(found, "stdout:outer|"));
}

static void test_a_program_that_ignores_the_stop_is_killed_after_the_grace(void **state)
{
    struct world *world = *state;
    start_script(world, "trap '' TERM; echo ready; while :; do sleep 0.01; done");
    await_output(world, "ready");
    stop(world, SIGTERM, 100);
    struct hold_end end = expect_end(world);
    assert_int_equal(end.signal, SIGKILL);
    assert_true(end.after_ms >= 100);
    acknowledge(world);
}

static void test_a_second_stop_shortens_the_first(void **state)
{
    struct world *world = *state;
    start_script(world, "trap '' TERM; echo ready; while :; do sleep 0.01; done");
    await_output(world, "ready");
    stop(world, SIGTERM, 3600 * 1000);
    stop(world, SIGTERM, 0);
    assert_int_equal(expect_end(world).signal, SIGKILL);
    acknowledge(world);
}

static void test_a_stop_at_once_after_the_start_is_not_lost(void **state)
{
    struct world *world = *state;
    world->spec.stop_grace_ms = 3600 * 1000;
    for (int i = 0; i < 20; i++) {
        command(world, "/bin/sleep", "1000", NULL);
        spawn(world);
        tell(world, MESSAGE_HOLD_STOP, NULL); /* before, during or after exec */
        json_decref(expect(world, MESSAGE_HOLD_STARTED));
        assert_int_equal(expect_end(world).signal, SIGTERM);
        acknowledge(world);
    }
}

static void test_a_hold_ignores_what_ends_programs(void **state)
{
    struct world *world = *state;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGALRM, SIGTSTP};
    start_script(world, "exec sleep 1000");
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_int_equal(kill(world->hold, signals[i]), 0);
    json_t *status = ask(world, MESSAGE_HOLD_STATUS, NULL);
    assert_string_equal(json_string_value(json_object_get(status, "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(status, "pid")), world->pid);
    json_decref(status);
    stop(world, SIGTERM, 20000);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

/* --- what it leaves behind --- */

/* Forks twice, makes a session of its own, ignores what asks it to end, and tells its pid. Returns when all
 * that is done. */
static int leave_behind(bool stubborn)
{
    int ready[2];
    char byte;
    if (pipe(ready))
        return 1;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            on_signal(SIGTERM, stubborn ? SIG_IGN : SIG_DFL);
            printf("left=%d\n", (int)getpid());
            fflush(stdout);
            close(ready[0]);
            close(ready[1]);
            for (;;)
                pause();
        }
        _exit(0);
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 0 && waitpid(-1, NULL, 0) > 0 ? 0 : 1;
}

static void test_a_stubborn_grandchild_is_gone_after_the_stop(void **state)
{
    struct world *world = *state;
    start_mode(world, "leave-and-stay");
    pid_t left = pid_in_output(world, "left");
    pid_in_output(world, "settled"); /* the process between the two is gone */
    stop(world, SIGTERM, 200);
    struct hold_end end = expect_end(world);
    assert_int_equal(end.signal, SIGTERM);
    assert_int_equal(end.leftovers, 1);
    assert_int_equal(end.remaining, 0);
    assert_false(process_lives(left));
    acknowledge(world);
}

static void test_what_the_program_leaves_behind_ends_with_it(void **state)
{
    struct world *world = *state;
    world->spec.stop_grace_ms = 60 * 1000;
    start_mode(world, "leave");
    json_t *news = expect(world, MESSAGE_HOLD_STATUS); /* told at once, not after the grace */
    assert_string_equal(json_string_value(json_object_get(news, "state")), "ending");
    json_decref(news);
    struct hold_end end = expect_end(world);
    assert_int_equal(end.code, 0);
    assert_int_equal(end.leftovers, 1);
    assert_false(process_lives(pid_in_output(world, "left")));
    acknowledge(world);
}

static void test_a_stubborn_leftover_is_killed_after_the_grace(void **state)
{
    struct world *world = *state;
    world->spec.stop_grace_ms = 100;
    start_mode(world, "leave-stubborn");
    struct hold_end end = expect_end(world);
    assert_int_equal(end.leftovers, 1);
    assert_int_equal(end.remaining, 0);
    assert_false(process_lives(pid_in_output(world, "left")));
    acknowledge(world);
}

/* Every process forks another and ends, so that no pid lives long. */
static int fork_for_ever(void)
{
    on_signal(SIGTERM, SIG_IGN);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        pid_t pid = fork();
        if (pid > 0)
            _exit(0);
        setsid();
        poll(NULL, 0, 1);
    }
}

static void test_a_chain_of_forks_is_caught(void **state)
{
    struct world *world = *state;
    world->spec.stop_grace_ms = 50;
    start_mode(world, "fork-for-ever");
    struct hold_end end = expect_end(world);
    assert_int_equal(end.remaining, 0);
    acknowledge(world);
}

static void test_a_killed_hold_takes_the_program_along(void **state)
{
    struct world *world = *state;
    start_script(world, "exec sleep 1000");
    assert_int_equal(kill(world->hold, SIGKILL), 0);
    char byte;
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    assert_int_equal(read(world->channel, &byte, 1), 0);
    leave(world);
    world->hold = 0;
    reap_all(world); /* returns only when the program has ended, too */
    assert_false(process_lives(world->pid));
}

/* --- keepers come and go --- */

static void connect_again(struct world *world)
{
    pid_t pid;
    uid_t uid;
    leave(world);
    world->channel = spawn_connect(world->socket, &pid, &uid);
    assert_true(world->channel >= 0);
    assert_int_equal(pid, world->hold);
    assert_int_equal(uid, getuid());
}

static void test_a_new_keeper_finds_the_run(void **state)
{
    struct world *world = *state;
    start_script(world, "exec sleep 1000");
    connect_again(world);
    struct hold_hello hello = decode_hello(ask(world, MESSAGE_HOLD_HELLO, json_pack("{s:i}", "version", 1)));
    assert_int_equal(hello.state, HOLD_RUNNING);
    assert_int_equal(hello.generation, 3);
    assert_int_equal(hello.hold_pid, world->hold);
    assert_int_equal(hello.pid, world->pid);
    assert_true(hello.start_time > 0 && hello.started_ms > 0 && hello.hold_start_time > 0);
    stop(world, SIGTERM, 20000);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

static void test_a_new_keeper_hears_of_the_end(void **state)
{
    struct world *world = *state;
    start_script(world, "echo done; exit 9");
    leave(world); /* nobody is there to be told */
    for (int waited = 0; faccessat(world->run, "exit.json", F_OK, 0); waited++) {
        assert_true(waited < PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    connect_again(world);
    struct hold_hello hello = decode_hello(ask(world, MESSAGE_HOLD_HELLO, json_pack("{s:i}", "version", 1)));
    assert_int_equal(hello.state, HOLD_EXITED);
    assert_int_equal(hello.end.code, 9);
    assert_int_equal(hello.pid, 0);
    connect_again(world); /* unacknowledged: it is still there for the next */
    hello = decode_hello(ask(world, MESSAGE_HOLD_HELLO, NULL));
    assert_int_equal(hello.end.code, 9);
    acknowledge(world);
    pid_t pid;
    uid_t uid;
    assert_int_equal(spawn_connect(world->socket, &pid, &uid), -ECONNREFUSED);
}

static void test_the_newest_keeper_is_the_keeper(void **state)
{
    struct world *world = *state;
    start_script(world, "exec sleep 1000");
    int old = world->channel;
    world->channel = -1;
    connect_again(world);
    decode_hello(ask(world, MESSAGE_HOLD_HELLO, NULL));
    char byte;
    struct pollfd poller = {.fd = old, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    assert_int_equal(read(old, &byte, 1), 0);
    close(old);
    stop(world, SIGKILL, 20000);
    assert_int_equal(expect_end(world).signal, SIGKILL);
    acknowledge(world);
}

static void test_nonsense_ends_the_conversation_and_not_the_run(void **state)
{
    struct world *world = *state;
    start_script(world, "exec sleep 1000");
    assert_int_equal(write(world->channel, "nonsense", 8), 8);
    char byte;
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    assert_int_equal(read(world->channel, &byte, 1), 0);
    connect_again(world);
    assert_int_equal(channel_send_now(world->channel, (enum message_type)4711, 5, NULL, NULL, 0, PATIENCE_MS),
                     0);
    json_decref(expect(world, MESSAGE_ERROR)); /* a question of a later version is answered */
    tell(world, MESSAGE_HOLD_ACK, NULL);       /* nothing to acknowledge yet */
    tell(world, MESSAGE_HOLD_SIGNAL, json_pack("{s:i}", "signal", 4711));
    stop(world, SIGTERM, 20000);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

static void test_strangers_are_not_heard(void **state)
{
    struct world *world = *state;
    assert_int_equal(getuid(), geteuid());
    world->spec.keeper_uid = getuid();
    start_script(world, "exec sleep 1000");
    assert_int_equal(chmod(world->socket, 0777), 0);
    pid_t stranger = fork();
    if (stranger == 0) {
        pid_t pid;
        uid_t uid;
        char byte;
        bool other = getuid() == 0 && setgid(65533) == 0 && setuid(65533) == 0;
        int fd = spawn_connect(world->socket, &pid, &uid);
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        /* Without another account to be a stranger with, we are no stranger: the line stays open. */
        bool closed = poll(&poller, 1, other ? PATIENCE_MS : 0) == 1 && read(fd, &byte, 1) == 0;
        _exit(fd >= 0 && closed == other ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(stranger, &status, 0), stranger);
    assert_int_equal(status, 0);
    if (getuid() != 0)
        connect_again(world);
    stop(world, SIGTERM, 20000);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

int main(int count, char **words)
{
    const char *mode = count == 2 ? words[1] : "";
    if (strcmp(mode, "leave-and-stay") == 0) {
        leave_behind(true);
        printf("settled=%d\n", (int)getpid());
        fflush(stdout);
        for (;;)
            pause();
    }
    if (strcmp(mode, "leave") == 0 || strcmp(mode, "leave-stubborn") == 0)
        return leave_behind(strcmp(mode, "leave-stubborn") == 0);
    if (strcmp(mode, "fork-for-ever") == 0)
        return fork_for_ever();
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_an_exit_code),
        HOLD_TEST(test_a_signal_that_kills),
        HOLD_TEST(test_the_end_is_on_disk_before_it_is_told),
        HOLD_TEST(test_a_failure_is_on_disk_too),
        HOLD_TEST(test_a_signal_is_passed_to_the_program),
        HOLD_TEST(test_a_stop_reaches_the_group),
        HOLD_TEST(test_a_program_that_ignores_the_stop_is_killed_after_the_grace),
        HOLD_TEST(test_a_second_stop_shortens_the_first),
        HOLD_TEST(test_a_stop_at_once_after_the_start_is_not_lost),
        HOLD_TEST(test_a_hold_ignores_what_ends_programs),
        HOLD_TEST(test_a_stubborn_grandchild_is_gone_after_the_stop),
        HOLD_TEST(test_what_the_program_leaves_behind_ends_with_it),
        HOLD_TEST(test_a_stubborn_leftover_is_killed_after_the_grace),
        HOLD_TEST(test_a_chain_of_forks_is_caught),
        HOLD_TEST(test_a_killed_hold_takes_the_program_along),
        HOLD_TEST(test_a_new_keeper_finds_the_run),
        HOLD_TEST(test_a_new_keeper_hears_of_the_end),
        HOLD_TEST(test_the_newest_keeper_is_the_keeper),
        HOLD_TEST(test_nonsense_ends_the_conversation_and_not_the_run),
        HOLD_TEST(test_strangers_are_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
