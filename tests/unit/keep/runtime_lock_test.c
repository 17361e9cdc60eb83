/* One name, one reeve: who may have a runtime directory while another has it, has left something, or has
 * gone. */
#include "support.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "base/memory.h"

#include "keep/runtime_lock.h"

/* Two state directories and the runtime directory that both would have. */
static char root[64], state_of_ours[80], state_of_another[80], runtime[80];
static struct directories directories;

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/runtime-lock-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(state_of_ours, sizeof state_of_ours, "%s/ours", root);
    snprintf(state_of_another, sizeof state_of_another, "%s/another", root);
    snprintf(runtime, sizeof runtime, "%s/runtime", root);
    directories = (struct directories){.state = state_of_ours, .runtime = runtime};
    return mkdir(state_of_ours, 0700) || mkdir(state_of_another, 0700) || mkdir(runtime, 0700);
}

static int tear_down(void **state)
{
    static const char *const names[] = {"lock", "hold.sock"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", runtime, names[i]);
        unlink(path);
    }
    return rmdir(state_of_ours) || rmdir(state_of_another) || rmdir(runtime) || rmdir(root);
}

/* What the reeve of that state directory gets, once it is decided. */
static int take(const char *state, struct lock *lock, struct error *error)
{
    static char name[] = "app", file[] = "/srv/app/reeve.yaml";
    const struct config config = {
        .name = name, .file = file, .state = (char *)(uintptr_t)state, .takeover_timeout_ms = 0};
    *lock = (struct lock){.fd = -1};
    struct runtime_lock_attempt attempt = runtime_lock_begin(&config, lock);
    int code;
    while ((code = runtime_lock_try(&attempt, &directories, error)) == RUNTIME_LOCK_AGAIN)
        ;
    return code;
}

/* A socket as one of a hold that lives on. */
static int serve_hold(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hold.sock", runtime);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* A reeve of the other state directory, until it is killed. */
static pid_t start_another(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct lock lock;
        struct error error;
        if (take(state_of_another, &lock, &error) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void expect_named(const struct error *error, const char *what)
{
    assert_non_null(strstr(error->text, what));
    assert_non_null(strstr(error->text, state_of_another));
    assert_non_null(strstr(error->text, "such as `name: app-2` in /srv/app/reeve.yaml"));
}

static void test_a_second_of_the_same_name_is_refused(void **state)
{
    (void)state;
    char pid[48];
    struct lock lock;
    struct error error = {0};
    pid_t another = start_another();
    assert_int_equal(take(state_of_ours, &lock, &error), 3);
    snprintf(pid, sizeof pid, "another reeve runs as \"app\": pid %d", (int)another);
    expect_named(&error, pid);
    assert_int_equal(waitpid(another, NULL, WNOHANG), 0); /* it was left alone, and has it still */
    json_t *holder = runtime_lock_holder(runtime);
    assert_int_equal(json_integer_value(json_object_get(holder, "pid")), another);
    assert_string_equal(json_string_value(json_object_get(holder, "state")), state_of_another);
    json_decref(holder);
    end(another);
    assert_null(runtime_lock_holder(runtime));
}

static void test_what_another_has_left_keeps_its_name(void **state)
{
    (void)state;
    struct lock lock;
    struct error error = {0};
    int hold = serve_hold();
    end(start_another());
    assert_int_equal(take(state_of_ours, &lock, &error), 3);
    expect_named(&error, "another reeve ran as \"app\"");
    assert_int_equal(take(state_of_another, &lock, &error), 0); /* the same one, after its crash */
    lock_release(&lock);
    close(hold); /* now only the file is there */
    assert_int_equal(take(state_of_ours, &lock, &error), 0);
    lock_release(&lock);
}

static void test_one_that_has_gone_whole_leaves_no_trace(void **state)
{
    (void)state;
    char path[96];
    struct lock lock;
    struct error error = {0};
    end(start_another());
    assert_int_equal(take(state_of_ours, &lock, &error), 0);
    runtime_lock_leave(&lock, &directories);
    snprintf(path, sizeof path, "%s/lock", runtime);
    assert_int_equal(access(path, F_OK), -1);
    lock_release(&lock);
}

static void test_the_file_stays_while_sockets_are_left(void **state)
{
    (void)state;
    char path[96];
    struct lock lock;
    struct error error = {0};
    int hold = serve_hold();
    assert_int_equal(take(state_of_ours, &lock, &error), 0);
    runtime_lock_leave(&lock, &directories);
    snprintf(path, sizeof path, "%s/lock", runtime);
    assert_int_equal(access(path, F_OK), 0);
    lock_release(&lock);
    close(hold);
}

static void test_a_directory_that_is_not_there_is_made_anew_for_a_while(void **state)
{
    (void)state;
    struct lock lock;
    struct error error = {0};
    assert_int_equal(rmdir(runtime), 0);
    assert_int_equal(take(state_of_ours, &lock, &error), 1);
    assert_non_null(strstr(error.text, "No such file"));
    assert_int_equal(mkdir(runtime, 0700), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_second_of_the_same_name_is_refused),
        TEST(test_what_another_has_left_keeps_its_name),
        TEST(test_one_that_has_gone_whole_leaves_no_trace),
        TEST(test_the_file_stays_while_sockets_are_left),
        TEST(test_a_directory_that_is_not_there_is_made_anew_for_a_while),
    };
    return run_group(tests);
}
