/* What outlives a keeper, and what outlives a hold: adoption, whole kills, hostile holds. */
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "wire/hold.h"
#include "wire/message.h"

#include "world.h"

static const char api[] = "  api: {command: [$APP, serve], listen: tcp, backoff: {initial: 20ms}}\n";

static void boot(struct world *world)
{
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
}

/* Waits, without a keeper, until it is true. */
#define WAIT(condition)                                                                                      \
    do {                                                                                                     \
        int waited = 0;                                                                                      \
        for (; waited < PATIENCE_MS && !(condition); waited += 2)                                            \
            poll(NULL, 0, 2);                                                                                \
        assert_true(waited < PATIENCE_MS);                                                                   \
    } while (0)

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) < 0;
}

static void test_a_run_is_adopted(void **state)
{
    struct world *world = *state;
    keep(world, api);
    boot(world);
    struct target_row before = *row(world, "api");
    crash(world);
    keep_again(world);
    boot(world);
    const struct target_row *after = row(world, "api");
    assert_int_equal(after->pid, before.pid);
    assert_int_equal(after->generation, before.generation);
    assert_int_equal(after->started_ms, before.started_ms);
    assert_int_equal(after->ready_after_ms, before.ready_after_ms);
    assert_string_equal(after->addresses[0], before.addresses[0]);
    assert_int_equal(starts(world), 1);
    assert_int_equal(journalled(world, "api adopted"), 1);
    verb(world, "api", TARGETS_RESTART);
    assert_true(world->ok);
    assert_int_equal(row(world, "api")->generation, 2);
    assert_string_not_equal(row(world, "api")->addresses[0], before.addresses[0]);
}

static void test_a_unix_socket_is_found_again(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: unix}\n");
    boot(world);
    crash(world);
    keep_again(world);
    boot(world);
    int socket = -1;
    assert_true(targets_row(world->targets, 0, &socket)->socket && socket >= 0);
}

static void test_a_demand_target_that_runs_stays(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: tcp, start: demand}\n");
    targets_boot(world->targets);
    targets_want(world->targets, "api", 0);
    until_state(world, "api", TARGET_READY);
    crash(world);
    keep_again(world);
    boot(world);
    assert_int_equal(starts(world), 1);
}

static void test_http_is_not_asked_again(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: tcp, ready: {http: /}}\n");
    targets_boot(world->targets);
    UNTIL(world, world->probe);
    targets_probed(world->targets, world->probe, true, "");
    until_state(world, "api", TARGET_READY);
    crash(world);
    world->probe = 0;
    keep_again(world);
    boot(world);
    assert_int_equal(world->probe, 0);
}

static void test_an_exit_while_nobody_was_there(void **state)
{
    struct world *world = *state;
    keep(world,
         "  api: {command: [/bin/sh, -c, \"read line < go; exit 9\"], listen: none, restart: never}\n");
    char fifo[96];
    snprintf(fifo, sizeof fifo, "%s/go", world->root);
    assert_int_equal(mkfifo(fifo, 0666), 0);
    boot(world);
    crash(world);
    char path[160];
    snprintf(path, sizeof path, "%s/run/api.1/exit.json", world->state);
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    close(fd);
    WAIT(access(path, F_OK) == 0);
    keep_again(world);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_FAILED);
    assert_int_equal(row(world, "api")->cause.code, 9);
    assert_int_equal(journalled(world, "api exit"), 1);
}

/* After a crash, that is: a stop of reeve and the next start are a new beginning. */
static void test_what_had_ended_stays_so(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, exit, 0], listen: none}\n"
                "  worse: {command: [$APP, exit, 3], listen: none, restart: never}\n");
    targets_boot(world->targets);
    until_state(world, "api", TARGET_ENDED);
    until_state(world, "worse", TARGET_FAILED);
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    loop_step(world->loop, 0);
    assert_int_equal(row(world, "api")->state, TARGET_ENDED);
    assert_int_equal(row(world, "worse")->state, TARGET_FAILED);
    assert_int_equal(row(world, "worse")->cause.code, 3);
    assert_int_equal(starts(world), 2);
    verb(world, "worse", TARGETS_RESTART);
    until_state(world, "worse", TARGET_FAILED);
    assert_int_equal(row(world, "worse")->generation, 2);
    stop_all(world, false);
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    UNTIL(world, row(world, "api")->state == TARGET_ENDED && row(world, "worse")->state == TARGET_FAILED);
    assert_int_equal(row(world, "api")->generation, 2);
    assert_int_equal(row(world, "worse")->generation, 3);
}

static void test_a_run_whose_hold_was_killed_meanwhile(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, family], listen: tcp, backoff: {initial: 20ms}}\n");
    boot(world);
    pid_t pid = row(world, "api")->pid;
    pid_t hold = parent_of(pid);
    crash(world);
    kill(hold, SIGKILL);
    WAIT(parent_of(pid) != hold);
    keep_again(world);
    targets_boot(world->targets);
    UNTIL(world, row(world, "api")->generation == 2 && row(world, "api")->ready);
    assert_true(is_gone(pid));
    assert_int_equal(journalled(world, "api lost"), 1);
    assert_true(journalled(world, "api signal") >= 1); /* the main process may have died with its hold */
}

static void test_sigkill_of_a_hold(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, family], listen: tcp, backoff: {initial: 20ms}}\n");
    boot(world);
    pid_t pid = row(world, "api")->pid;
    kill(parent_of(pid), SIGKILL);
    until_state(world, "api", TARGET_BACKOFF);
    assert_int_equal(row(world, "api")->cause.kind, TARGET_CAUSE_LOST);
    assert_true(is_gone(pid));
    until_state(world, "api", TARGET_READY);
    assert_int_equal(row(world, "api")->generation, 2);
}

static void test_a_hold_that_is_stopped_cannot_hinder_us(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, serve], listen: tcp, stop: {grace: 10ms}}\n");
    boot(world);
    pid_t pid = row(world, "api")->pid;
    pid_t hold = parent_of(pid);
    kill(hold, SIGSTOP);
    verb(world, "api", TARGETS_STOP);
    assert_true(world->ok);
    assert_true(is_gone(pid) && is_gone(hold));
}

static void test_a_service_that_left_the_configuration(void **state)
{
    struct world *world = *state;
    keep(world, api);
    boot(world);
    pid_t pid = row(world, "api")->pid;
    crash(world);
    config_free(&world->config);
    keep(world, "  other: {command: [$APP, serve], listen: tcp}\n");
    targets_boot(world->targets);
    until_state(world, "other", TARGET_READY);
    UNTIL(world, is_gone(pid));
    assert_int_equal(journalled(world, "api stray"), 1);
}

static void test_a_run_that_shall_be_stopped_is(void **state)
{
    struct world *world = *state;
    keep(world, api);
    boot(world);
    pid_t pid = row(world, "api")->pid;
    crash(world);
    char path[128];
    snprintf(path, sizeof path, "%s/wishes.json", world->state);
    FILE *out = fopen(path, "we");
    fputs("{\"stopped\": [\"api\"]}", out);
    fclose(out);
    keep_again(world);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_DOWN);
    assert_true(is_gone(pid));
}

static void replace_in_record(const struct world *world, const char *from, const char *to)
{
    char path[160];
    char text[4096] = {0};
    snprintf(path, sizeof path, "%s/run/api.1.json", world->state);
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    char *at = strstr(text, from);
    assert_non_null(at);
    rewind(file);
    fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
    fclose(file);
}

/* Of runs whose record is lost. */
static void forget_sockets(const struct world *world)
{
    DIR *folder = opendir(world->runtime);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

static void test_a_corrupt_record_is_moved_aside(void **state)
{
    struct world *world = *state;
    keep(world, api);
    boot(world);
    pid_t pid = row(world, "api")->pid;
    pid_t hold = parent_of(pid);
    crash(world);
    replace_in_record(world, "\"generation\"", "\"generation");
    keep_again(world);
    assert_int_equal(journalled(world, "- record-moved"), 1);
    targets_boot(world->targets);
    until_state(world, "api", TARGET_READY);
    assert_int_equal(row(world, "api")->generation, 2);
    kill(hold, SIGKILL);
    kill(pid, SIGKILL);
    stop_all(world, false);
    forget_sockets(world);
}

/* The pid in a record is another process's by now: it must not be touched. */
static void test_a_reused_pid_is_left_alone(void **state)
{
    struct world *world = *state;
    keep(world, api);
    boot(world);
    pid_t pid = row(world, "api")->pid;
    pid_t hold = parent_of(pid);
    crash(world);
    kill(hold, SIGKILL);
    kill(pid, SIGKILL);
    poll(NULL, 0, 20); /* start times count in hundredths of a second */
    pid_t bystander = fork();
    if (bystander == 0) {
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
        _exit(127);
    }
    char from[64];
    char to[64];
    snprintf(from, sizeof from, "\"pid\": %d", (int)pid);
    snprintf(to, sizeof to, "\"pid\": %d", (int)bystander);
    replace_in_record(world, from, to);
    keep_again(world);
    boot(world);
    assert_int_equal(kill(bystander, 0), 0);
    kill(bystander, SIGKILL);
}

/* A process that answers on a hold's socket with `bytes`, then waits for its death. */
static pid_t start_liar(const char *path, const char *bytes, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int client = accept(fd, NULL, NULL);
        if (write(client, bytes, size) != (ssize_t)size)
            _exit(1);
        pause();
    }
    close(fd);
    return pid;
}

static void check_liar(struct world *world, const char *bytes, size_t size)
{
    keep(world, api);
    boot(world);
    pid_t pid = row(world, "api")->pid;
    crash(world);
    char path[128];
    snprintf(path, sizeof path, "%s/liar", world->root);
    pid_t liar = start_liar(path, bytes, size);
    char replacement[160];
    snprintf(replacement, sizeof replacement, "\"socket\": \"%s\", \"was\"", path);
    replace_in_record(world, "\"socket\"", replacement);
    keep_again(world);
    targets_boot(world->targets);
    UNTIL(world, row(world, "api")->generation == 2 && row(world, "api")->ready);
    assert_int_equal(journalled(world, "api lost"), 1);
    assert_true(is_gone(pid));
    assert_int_equal(kill(liar, 0), 0); /* what it says of itself is nobody's order */
    kill(liar, SIGKILL);
    stop_all(world, true);
    forget_sockets(world);
}

static void test_a_hold_that_sends_garbage(void **state)
{
    check_liar(*state, "garbage", 7);
}

static void test_a_hold_that_is_another_one(void **state)
{
    struct world *world = *state;
    struct hold_hello hello = {
        .version = 1, .generation = 1, .hold_pid = getpid(), .state = HOLD_RUNNING, .pid = getpid()};
    snprintf(hello.target, sizeof hello.target, "api");
    snprintf(hello.nonce, sizeof hello.nonce, "00112233445566778899aabbccddeeff");
    json_t *body = hold_hello_encode(&hello);
    size_t size;
    char *bytes = message_encode(MESSAGE_HOLD_HELLO, 0, body, &size);
    check_liar(world, bytes, size);
    assert_int_equal(journalled(world, "api refused"), 1);
    free(bytes);
    json_decref(body);
}

static void test_another_user(void **state)
{
    struct world *world = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    char path[128];
    snprintf(path, sizeof path, "%s/starts", world->root);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    assert_int_equal(chmod(path, 0666), 0);
    keep(world, "  api: {command: [$APP, serve], listen: unix, user: nobody}\n"
                "  none: {command: [$APP, serve], listen: unix, user: no-such-user, backoff: {initial: 1h, "
                "max: 1h}}\n");
    boot(world);
    pid_t pid = row(world, "api")->pid;
    struct stat about;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, 65534);
    int socket = -1;
    targets_row(world->targets, 0, &socket);
    assert_int_equal(fstat(socket, &about), 0);
    assert_int_equal(about.st_uid, 65534);
    assert_int_equal(about.st_gid, getegid()); /* the gates' group here */
    assert_int_equal(about.st_mode & 0060, 0060);
    snprintf(path, sizeof path, "%s/run/api.1.json", world->state);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, 0);
    snprintf(path, sizeof path, "%s/log/api", world->state);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, 65534);
    until_state(world, "none", TARGET_BACKOFF);
    assert_memory_equal(row(world, "none")->cause.text, "there is no user `no-such-user` on this machine",
                        47);
    crash(world);
    keep_again(world);
    boot(world);
    assert_int_equal(row(world, "api")->pid, pid);
}

static void test_old_records_go(void **state)
{
    struct world *world = *state;
    keep(world, "  api: {command: [$APP, exit, 1], listen: none, backoff: {initial: 1ms, max: 2ms}}\n");
    targets_boot(world->targets);
    UNTIL(world, row(world, "api")->generation >= 8);
    stop_all(world, true);
    int found = 0;
    char path[128];
    snprintf(path, sizeof path, "%s/run", world->state);
    DIR *folder = opendir(path);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        found += entry->d_name[0] != '.';
    closedir(folder);
    assert_true(found > 0 && found <= 2 * 4);
    uint64_t last = row(world, "api")->generation;
    crash(world);
    keep_again(world);
    targets_boot(world->targets);
    UNTIL(world, row(world, "api")->generation);
    assert_true(row(world, "api")->generation > last);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_run_is_adopted),
        TEST(test_a_unix_socket_is_found_again),
        TEST(test_a_demand_target_that_runs_stays),
        TEST(test_http_is_not_asked_again),
        TEST(test_an_exit_while_nobody_was_there),
        TEST(test_what_had_ended_stays_so),
        TEST(test_a_run_whose_hold_was_killed_meanwhile),
        TEST(test_sigkill_of_a_hold),
        TEST(test_a_hold_that_is_stopped_cannot_hinder_us),
        TEST(test_a_service_that_left_the_configuration),
        TEST(test_a_run_that_shall_be_stopped_is),
        TEST(test_a_corrupt_record_is_moved_aside),
        TEST(test_a_reused_pid_is_left_alone),
        TEST(test_a_hold_that_sends_garbage),
        TEST(test_a_hold_that_is_another_one),
        TEST(test_another_user),
        TEST(test_old_records_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
