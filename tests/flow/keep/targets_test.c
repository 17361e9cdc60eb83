/* Targets with real holds: starts, ends, failures, dependencies, wishes. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "world.h"

static const char api[] = "  api: {command: [$APP, serve], listen: tcp, backoff: {initial: 20ms}}\n";
static const char demand[] =
    "  api: {command: [$APP, serve], listen: tcp, start: demand, backoff: {initial: 200ms}}\n";

static void test_start_ready_stop(void **state)
{
    struct world *world = *state;
    keep(world, api);
    assert_int_equal(row(world, "api")->state, TARGET_DOWN);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    const struct target_row *found = row(world, "api");
    assert_string_equal(world->states, "starting ready ");
    assert_true(found->wanted && found->pid > 0 && found->generation == 1 && found->ready_after_ms >= 0);
    assert_true(connects(found->addresses[0]));
    pid_t pid = found->pid;
    verb(world, "api", TARGETS_STOP);
    assert_true(world->ok);
    assert_string_equal(world->text, "stopped by the operator");
    assert_true(kill(pid, 0) < 0);
    found = row(world, "api");
    assert_true(!found->wanted && found->pid == 0 && found->address_count == 0);
    assert_int_equal(found->state, TARGET_DOWN);
    verb(world, "api", TARGETS_START);
    assert_true(world->ok);
    assert_int_equal(row(world, "api")->generation, 2);
    assert_int_equal(starts(world), 2);
}

static void test_a_unix_socket_comes_as_a_descriptor(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: unix}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    int socket = -1;
    const struct target_row *found = targets_row(world->targets, 0, &socket);
    assert_true(found->socket && socket >= 0);
    struct stat about;
    assert_int_equal(fstat(socket, &about), 0);
    assert_true(S_ISSOCK(about.st_mode));
    char through[64];
    snprintf(through, sizeof through, "unix:/proc/self/fd/%d", socket);
    assert_true(connects(through));
}

static void test_the_other_address_of_localhost(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve, \"::1\"], listen: tcp}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    assert_memory_equal(row(world, "api")->addresses[0], "[::1]:", 6);
    assert_true(connects(row(world, "api")->addresses[0]));
}

static void test_a_command_that_does_not_exist(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [/nowhere/app], listen: tcp, backoff: {initial: 20ms}}\n");
    verb(world, "api", TARGETS_START);
    assert_false(world->ok);
    assert_non_null(strstr(world->text, "/nowhere/app"));
    assert_non_null(strstr(world->text, "No such file or directory"));
    assert_non_null(strstr(world->text, "reeve.yaml:6:"));
    const struct target_row *found = row(world, "api");
    assert_int_equal(found->cause.kind, TARGET_CAUSE_EXEC);
    assert_int_equal(found->cause.code, ENOENT);
    assert_true(found->next_attempt_ms > 0);
    UNTIL(world, row(world, "api")->restarts >= 3); /* for ever */
}

static void test_a_program_that_leaves_at_once(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, exit, 7], listen: tcp, backoff: {initial: 20ms}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_BACKOFF);
    const struct target_row *found = row(world, "api");
    assert_int_equal(found->cause.kind, TARGET_CAUSE_EXIT);
    assert_int_equal(found->cause.code, 7);
    assert_memory_equal(found->cause.text, "exited with 7 after ", 20);
    UNTIL(world, starts(world) >= 3);
    assert_true(row(world, "api")->restarts >= 2);
    verb(world, "api", TARGETS_STOP);
    assert_true(world->ok);
}

static void test_policies(void **state)
{
    struct world *world = *state;
    keep(world,
         "  api: {command: [$APP, exit, 0], listen: none}\n"
         "  worse: {command: [$APP, exit, 3], listen: none, restart: never}\n"
         "  again: {command: [$APP, exit, 0], listen: none, restart: always, backoff: {initial: 10ms}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_ENDED);
    until_state(world, "worse", TARGET_FAILED);
    UNTIL(world, row(world, "again")->generation >= 3);
    int before = starts(world);
    verb(world, "api", TARGETS_START);
    assert_false(world->ok); /* only restart leaves it */
    verb(world, "api", TARGETS_RESTART);
    assert_true(world->ok);
    assert_int_equal(row(world, "api")->generation, 2);
    UNTIL(world, starts(world) > before);
    verb(world, "worse", TARGETS_RESTART);
    until_state(world, "worse", TARGET_FAILED);
    assert_int_equal(row(world, "worse")->cause.code, 3);
}

static void test_a_program_that_never_listens(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, wait], listen: tcp, ready: {tcp: true, timeout: 100ms}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_BACKOFF);
    const struct target_row *found = row(world, "api");
    assert_int_equal(found->cause.kind, TARGET_CAUSE_NOT_READY);
    assert_memory_equal(found->cause.text, "did not listen on 127.0.0.1:2", 29);
    assert_non_null(strstr(found->cause.text, "within 100ms"));
    assert_int_equal(found->pid, 0);
}

/* Of api; asked only between two tries, when it stands for the whole of the last. */
static void until_cause(struct world *world, const char *text)
{
    UNTIL(world, row(world, "api")->state == TARGET_BACKOFF && strstr(row(world, "api")->cause.text, text));
}

static void test_a_program_that_listens_elsewhere(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, wrong], listen: tcp, ready: {tcp: true, timeout: 1s}, "
                "backoff: {initial: 20ms, max: 20ms}}\n");
    targets_boot(world->targets);
    until_cause(world, "it listens on 0.0.0.0:"); /* one that starts slowly does so only the next time */
    const char *elsewhere = strstr(row(world, "api")->cause.text, "it listens on 0.0.0.0:");
    assert_true(strlen(elsewhere) > strlen("it listens on 0.0.0.0:"));
}

static void test_a_port_that_somebody_else_has(void **state)
{
    struct world *world = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char services[256];
    snprintf(services, sizeof services,
             "  api: {command: [$APP, wait], listen: \"tcp:%u\", ready: {tcp: true, timeout: 100ms}}\n",
             ntohs(address.sin_port));
    keep(world, services);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_BACKOFF); /* a connect() would have said it is ready */
    char expected[64];
    snprintf(expected, sizeof expected, "(pid %d of uid %u has it", (int)getpid(), (unsigned)getuid());
    assert_non_null(strstr(row(world, "api")->cause.text, expected));
    close(fd);
}

static void test_http_readiness_asks_a_gate(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: unix, ready: {http: /health}}\n");
    targets_boot(world->targets);
    UNTIL(world, world->probe);
    assert_true(world->probe_socket >= 0);
    assert_int_equal(row(world, "api")->state, TARGET_STARTING);
    uint32_t first = world->probe;
    targets_probed(world->targets, first, false, "503");
    targets_probed(world->targets, first, true, ""); /* too late: it was answered */
    UNTIL(world, world->probe != first);
    assert_int_equal(row(world, "api")->state, TARGET_STARTING);
    targets_probed(world->targets, world->probe, true, "");
    until_state(world, "api", TARGET_READY);
}

/* Answers what is asked, until a try has ended in which that came in time. */
static bool is_unwell(struct world *world)
{
    if (world->probe)
        targets_probed(world->targets, world->probe, false, "503 Service Unavailable");
    world->probe = 0;
    const struct target_row *found = row(world, "api");
    return found->state == TARGET_BACKOFF && strstr(found->cause.text, "(503 ");
}

static void test_http_that_never_answers(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: tcp, ready: {http: /health, timeout: 300ms}, "
                "backoff: {initial: 20ms, max: 20ms}}\n");
    targets_boot(world->targets);
    UNTIL(world, is_unwell(world));
    assert_string_equal(row(world, "api")->cause.text,
                        "GET /health did not answer 200-399 within 300ms (503 Service Unavailable)");
}

static void test_single_flight_and_cancel(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, wait], listen: tcp, start: demand}\n");
    targets_boot(world->targets);
    for (unsigned asker = 0; asker < 50; asker++)
        assert_true(targets_want(world->targets, "api", asker));
    assert_false(targets_want(world->targets, "nobody", 0));
    UNTIL(world, starts(world));
    for (unsigned asker = 0; asker < 49; asker++)
        targets_unwant(world->targets, "api", asker);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_STARTING);
    targets_forget_asker(world->targets, 49);
    until_state(world, "api", TARGET_DOWN);
    assert_int_equal(starts(world), 1);
    assert_int_equal(row(world, "api")->cause.kind, TARGET_CAUSE_STOPPED);
}

static void test_a_demand_target_stays_up(void **state)
{
    struct world *world = *state;
    keep(world, demand);
    targets_boot(world->targets);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_DOWN);
    assert_true(row(world, "api")->demand);
    targets_want(world->targets, "api", 3);
    until_state(world, "api", TARGET_READY);
    targets_unwant(world->targets, "api", 3);
    loop_step(world->loop, 0);
    assert_true(row(world, "api")->wanted);
    kill(row(world, "api")->pid, SIGKILL);
    until_state(world, "api", TARGET_BACKOFF);
    assert_memory_equal(row(world, "api")->cause.text, "killed by SIGKILL after ", 24);
    until_state(world, "api", TARGET_READY);
    assert_int_equal(starts(world), 2);
}

static void test_a_request_does_not_shorten_the_backoff(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, exit, 1], listen: tcp, start: demand, backoff: {initial: 2s, "
                "max: 2s}}\n");
    targets_boot(world->targets);
    targets_want(world->targets, "api", 0);
    until_state(world, "api", TARGET_BACKOFF);
    targets_unwant(world->targets, "api", 0);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_BACKOFF);
    targets_want(world->targets, "api", 1);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_BACKOFF);
    assert_int_equal(starts(world), 1);
    targets_unwant(world->targets, "api", 1);
    until_state(world, "api", TARGET_DOWN); /* nobody needs it when its time comes */
    assert_int_equal(starts(world), 1);
}

static void test_dependencies_first(void **state)
{
    struct world *world = *state;
    keep(
        world,
        "  api: {command: [$APP, serve], listen: tcp, depends_on: [db], env: {DB: \"${services.db.port}\"}}\n"
        "  db: {command: [$APP, serve], listen: tcp, start: demand, stop: {grace: 1s}}\n");
    targets_boot(world->targets);
    UNTIL(world, row(world, "db")->pid);
    assert_int_equal(row(world, "api")->pid, 0);
    until_state(world, "api", TARGET_READY);
    assert_int_equal(row(world, "db")->state, TARGET_READY);
    stop_all(world, false);
    int api_stop = 0;
    int db_stop = 0;
    int api_exit = 0;
    for (int i = 0; i < (int)world->event_count; i++) {
        api_stop = strcmp(world->events[i], "api stop") == 0 ? i : api_stop;
        api_exit = strcmp(world->events[i], "api exit") == 0 ? i : api_exit;
        db_stop = strcmp(world->events[i], "db stop") == 0 ? i : db_stop;
    }
    assert_true(api_stop > 0 && api_stop < api_exit && api_exit < db_stop);
}

static void test_a_dependency_that_fails_and_heals(void **state)
{
    struct world *world = *state;
    char switch_file[128];
    snprintf(switch_file, sizeof switch_file, "%s/there", world->root);
    char services[512];
    snprintf(
        services, sizeof services,
        "  api: {command: [$APP, serve], listen: tcp, depends_on: [db], backoff: {max: 1h}}\n"
        "  db: {command: [/bin/sh, -c, \"test -e %s && exec sleep 1000; exit 5\"], listen: none, "
        "ready: {none: true}, depends_on: [gateway], backoff: {initial: 50ms, max: 50ms}}\n"
        "  gateway: {command: [/bin/sh, -c, \"test -e %s && exec sleep 1000; exec /nowhere\"], listen: tcp, "
        "ready: {tcp: true, timeout: 50ms}, backoff: {initial: 50ms, max: 50ms}}\n",
        switch_file, switch_file);
    keep(world, services);
    verb(world, "api", TARGETS_START);
    assert_false(world->ok);
    assert_int_equal(row(world, "api")->cause.kind, TARGET_CAUSE_DEPENDENCY);
    assert_memory_equal(world->text, "needs db, which is backoff: needs gateway, which is backoff: ", 59);
    assert_int_equal(starts(world), 0);
}

static void test_a_stopped_dependency_is_named(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: tcp, depends_on: [db]}\n"
                "  db: {command: [$APP, serve], listen: tcp}\n");
    verb(world, "db", TARGETS_STOP);
    verb(world, "api", TARGETS_START);
    assert_false(world->ok);
    assert_string_equal(world->text, "needs db, which is down: stopped by the operator");
    verb(world, "db", TARGETS_START);
    assert_true(world->ok);
    until_state(world, "api", TARGET_READY); /* at once, not after its own backoff */
}

static void test_restart_in_one_go(void **state)
{
    struct world *world = *state;
    keep(world, api);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    pid_t pid = row(world, "api")->pid;
    verb(world, "api", TARGETS_RESTART);
    assert_true(world->ok);
    assert_true(row(world, "api")->pid != pid && row(world, "api")->generation == 2);
    assert_true(row(world, "api")->ready);
}

static void test_a_stubborn_program_is_killed_after_the_grace(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, stubborn], listen: tcp, stop: {grace: 100ms}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    int64_t before = loop_now_ms(world->loop);
    verb(world, "api", TARGETS_STOP);
    assert_true(loop_now_ms(world->loop) - before >= 100);
}

static void test_now_means_now(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, stubborn], listen: tcp, stop: {grace: 1h}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    targets_stop_all(world->targets, false, NULL, NULL);
    until_state(world, "api", TARGET_STOPPING);
    stop_all(world, true);
    assert_int_equal(row(world, "api")->state, TARGET_DOWN);
}

static void test_what_the_main_process_leaves_behind_goes(void **state)
{
    struct world *world = *state;
    keep(world,
         "  api: {command: [$APP, family], listen: tcp, backoff: {initial: 10ms}, stop: {grace: 50ms}}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    bool seen = false;
    for (unsigned tries = 1; !seen && tries < 20; tries++) { /* the grace may be over before we look */
        kill(row(world, "api")->pid, SIGKILL);
        UNTIL(world, row(world, "api")->state != TARGET_READY);
        seen = row(world, "api")->state == TARGET_STOPPING; /* no request goes there any more */
        until_state(world, "api", TARGET_READY);
        assert_int_equal(row(world, "api")->generation, tries + 1);
    }
    assert_true(seen);
}

static void test_a_stop_survives_a_restart_of_reeve(void **state)
{
    struct world *world = *state;
    keep(world, api);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    verb(world, "api", TARGETS_STOP);
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_DOWN);
    assert_string_equal(row(world, "api")->cause.text, "stopped by the operator");
    verb(world, "api", TARGETS_START);
    assert_true(world->ok);
    assert_int_equal(row(world, "api")->generation, 2);
}

static void test_an_address_service_is_always_ready(void **state)
{
    struct world *world = *state;
    keep(world, "  nas: {address: [\"http://10.0.0.7:9000\", \"http://[::1]:80\"]}\n");
    const struct target_row *found = row(world, "nas");
    assert_true(found->ready && found->wanted && found->state == TARGET_READY);
    assert_string_equal(found->addresses[0], "10.0.0.7:9000");
    assert_string_equal(found->addresses[1], "[::1]:80");
    assert_false(
        targets_do(world->targets, &(struct targets_order){.name = "nas", .verb = TARGETS_STOP}, NULL, NULL));
}

static void test_what_a_child_gets(void **state)
{
    struct world *world = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/environment", world->root);
    char services[256];
    snprintf(services, sizeof services,
             "  api: {command: [$APP, environment, %s], listen: tcp, env: {A: \"x${PORT}y\"}}\n", path);
    keep(world, services);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    char text[8192] = "\n";
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    assert_true(fread(text + 1, 1, sizeof text - 2, in) > 0);
    fclose(in);
    const char *port = strrchr(row(world, "api")->addresses[0], ':') + 1;
    char expected[64];
    snprintf(expected, sizeof expected, "\nA=x%sy\n", port);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "\nREEVE_NAME=api\n"));
    assert_non_null(strstr(text, "\nREEVE_RUN="));
    assert_non_null(strstr(text, "\nPATH=/usr/bin:/bin\n"));
    assert_non_null(strstr(text, "\nLC_ALL=C\n"));
    assert_null(strstr(text, "SECRET"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_start_ready_stop),
        TEST(test_a_unix_socket_comes_as_a_descriptor),
        TEST(test_the_other_address_of_localhost),
        TEST(test_a_command_that_does_not_exist),
        TEST(test_a_program_that_leaves_at_once),
        TEST(test_policies),
        TEST(test_a_program_that_never_listens),
        TEST(test_a_program_that_listens_elsewhere),
        TEST(test_a_port_that_somebody_else_has),
        TEST(test_http_readiness_asks_a_gate),
        TEST(test_http_that_never_answers),
        TEST(test_single_flight_and_cancel),
        TEST(test_a_demand_target_stays_up),
        TEST(test_a_request_does_not_shorten_the_backoff),
        TEST(test_dependencies_first),
        TEST(test_a_dependency_that_fails_and_heals),
        TEST(test_a_stopped_dependency_is_named),
        TEST(test_restart_in_one_go),
        TEST(test_a_stubborn_program_is_killed_after_the_grace),
        TEST(test_now_means_now),
        TEST(test_what_the_main_process_leaves_behind_goes),
        TEST(test_a_stop_survives_a_restart_of_reeve),
        TEST(test_an_address_service_is_always_ready),
        TEST(test_what_a_child_gets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
