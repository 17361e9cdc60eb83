#include "support.h"

#include "keep/jsonfile.h"
#include "keep/lock.h"

static char folder[64];
static struct directories directories;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/lock-XXXXXX");
    assert_non_null(mkdtemp(folder));
    static char runtime[] = "/run/reeve/lock-test";
    directories = (struct directories){.state = folder, .runtime = runtime};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char name[96];
    snprintf(name, sizeof name, "%s/lock", folder);
    unlink(name);
    return rmdir(folder);
}

/* A child holds the lock until it is killed. */
static pid_t start_holder(void)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct lock lock;
        struct error error;
        pid_t holder;
        if (lock_take(&directories, &lock, &holder, &error) != LOCK_TAKEN || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void test_a_held_lock_names_its_holder(void **state)
{
    (void)state;
    pid_t child = start_holder(), holder = 0;
    struct lock lock;
    struct error error;
    assert_int_equal(lock_take(&directories, &lock, &holder, &error), LOCK_HELD);
    assert_int_equal(holder, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(lock_take(&directories, &lock, &holder, &error), LOCK_TAKEN);
    lock_release(&lock);
}

static void test_the_lock_does_not_live_on_in_children(void **state)
{
    (void)state;
    struct lock lock;
    struct error error;
    pid_t holder = 0;
    assert_int_equal(lock_take(&directories, &lock, &holder, &error), LOCK_TAKEN);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    lock_release(&lock);
    pid_t other = start_holder(); /* would hang on a lock that the first child had kept */
    kill(child, SIGKILL);
    kill(other, SIGKILL);
    waitpid(child, NULL, 0);
    waitpid(other, NULL, 0);
}

static void test_the_file_tells_where_the_sockets_are(void **state)
{
    (void)state;
    struct lock lock;
    struct error error;
    pid_t holder = 0;
    assert_null(lock_read_runtime(folder));
    assert_int_equal(lock_take(&directories, &lock, &holder, &error), LOCK_TAKEN);
    lock_release(&lock);
    char *runtime = lock_read_runtime(folder);
    assert_string_equal(runtime, directories.runtime);
    free(runtime);
}

static void test_who_holds_it_is_seen_without_taking_it(void **state)
{
    (void)state;
    pid_t holder = 1;
    assert_false(lock_is_held(folder, &holder));
    assert_int_equal(errno, ENOENT);
    pid_t child = start_holder();
    assert_true(lock_is_held(folder, &holder));
    assert_int_equal(holder, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(lock_is_held(folder, &holder));
    assert_int_equal(errno, 0);
}

static void test_one_whose_file_was_removed_keeps_nobody_out(void **state)
{
    (void)state;
    struct lock old, new;
    struct error error;
    pid_t holder = 0;
    assert_int_equal(lock_take_file(folder, &old, &holder, &error), LOCK_TAKEN);
    lock_remove(&old, folder);
    pid_t child = start_holder(); /* of a file that is new */
    lock_remove(&old, folder);    /* and none of ours */
    assert_int_equal(lock_take_file(folder, &new, &holder, &error), LOCK_HELD);
    assert_int_equal(holder, child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    lock_release(&old);
}

static void test_a_folder_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct directories nowhere = {.state = directories.runtime, .runtime = directories.runtime};
    struct lock lock;
    struct error error = {0};
    pid_t holder = 0;
    assert_int_equal(lock_take(&nowhere, &lock, &holder, &error), LOCK_FAILED);
    assert_non_null(strstr(error.text, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_held_lock_names_its_holder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_lock_does_not_live_on_in_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_file_tells_where_the_sockets_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_holds_it_is_seen_without_taking_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_whose_file_was_removed_keeps_nobody_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_that_is_not_there_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
