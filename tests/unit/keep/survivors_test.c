#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/memory.h"
#include "keep/descendants.h"
#include "keep/survivors.h"

enum { PATIENCE_MS = 20000 };

/* A shell with `environment` that says "ready" and lives until it is killed. */
static pid_t start(const char *script, char *const *environment)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execle("/bin/sh", "sh", "-c", script, (char *)NULL, environment);
        _exit(127);
    }
    close(ends[1]);
    char text[16];
    assert_true(read(ends[0], text, sizeof text) > 0);
    close(ends[0]);
    return pid;
}

static void reap_all(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0 || waitpid(-1, NULL, 0) > 0)
        ;
}

/* Kills what is found, round by round, as the keeper does; returns how many there were in the first. */
static int kill_whole(const struct survivors_run *run)
{
    struct survivor found[64];
    int first = survivors_find(run, found, 64);
    for (int count = first; count > 0; count = survivors_find(run, found, 64))
        for (int i = 0; i < count; i++) {
            int pidfd = identity_open(&found[i].identity);
            if (pidfd >= 0) {
                identity_signal(pidfd, SIGKILL);
                close(pidfd);
            }
        }
    return first;
}

/* Fresh for each run of this test: others of its kind may run beside it. */
static char nonce[IDENTITY_NONCE_SIZE];
static char nonce_variable[64];
static char other_variable[64];
static char path_variable[] = "PATH=/usr/bin:/bin";
static char *const with_nonce[] = {path_variable, nonce_variable, NULL};
static char *const with_other[] = {path_variable, other_variable, NULL};
static const struct survivors_run by_nonce = {.nonce = nonce};

static void test_a_process_is_found_by_its_nonce_alone(void **state)
{
    (void)state;
    pid_t ours = start("echo ready; exec sleep 1000", with_nonce);
    pid_t other = start("echo ready; exec sleep 1000", with_other);
    struct survivor found[8];
    assert_int_equal(survivors_find(&by_nonce, found, 8), 1);
    assert_int_equal(found[0].identity.pid, ours);
    assert_int_equal(found[0].why, SURVIVORS_NONCE);
    assert_int_equal(kill_whole(&by_nonce), 1);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
    kill(other, SIGKILL);
    reap_all();
}

static void test_who_cleared_its_environment_is_found_by_parentage(void **state)
{
    (void)state;
    pid_t pid =
        start("env -i /bin/sleep 1000 & env -i setsid /bin/sleep 1000 & echo ready; wait", with_nonce);
    struct survivor found[8];
    int count = 0;
    for (int i = 0; i < PATIENCE_MS && count != 3; i++) {
        count = survivors_find(&by_nonce, found, 8);
        usleep(1000);
    }
    assert_int_equal(count, 3);
    kill_whole(&by_nonce);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    reap_all();
}

static void test_a_recorded_process_counts_only_while_it_is_the_same(void **state)
{
    (void)state;
    static char *const empty[] = {NULL};
    pid_t pid = start("echo ready; while :; do /bin/sleep 1000; done", empty);
    struct survivors_run run = {.nonce = nonce};
    assert_int_equal(identity_of(pid, &run.main), 0);
    run.main.start_time++;
    struct survivor found[8];
    assert_int_equal(survivors_find(&run, found, 8), 0);
    run.main.start_time--;
    int count = 0;
    for (int i = 0; i < PATIENCE_MS && count != 2; i++) {
        count = survivors_find(&run, found, 8);
        usleep(1000);
    }
    assert_int_equal(count, 2);
    assert_int_equal(found[0].why, SURVIVORS_MAIN);
    kill_whole(&run);
    reap_all();
    assert_int_equal(survivors_find(&run, found, 8), 0);
}

/* The environment is read in pieces: the nonce may lie across any border of them. */
static void test_the_nonce_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t padding = 16384 - 60; padding < 16384 + 4; padding += 3) {
        char *filler = memory_new(padding + 1);
        memset(filler, 'x', padding);
        memcpy(filler, "F=", 2);
        char *const environment[] = {filler, with_nonce[1], NULL};
        pid_t pid = start("echo ready; kill -STOP $$", environment);
        struct survivor found[8];
        assert_int_equal(survivors_find(&by_nonce, found, 8), 1);
        assert_int_equal(found[0].identity.pid, pid);
        kill(pid, SIGKILL);
        reap_all();
        free(filler);
    }
}

static void test_we_are_never_our_own_survivor(void **state)
{
    (void)state;
    struct survivors_run run = {.nonce = nonce};
    assert_int_equal(identity_of(getpid(), &run.main), 0);
    struct survivor found[8];
    for (int i = survivors_find(&run, found, 8) - 1; i >= 0; i--)
        assert_int_not_equal(found[i].identity.pid, getpid());
}

static void test_descendants_are_listed_parents_first(void **state)
{
    (void)state;
    pid_t pid = start("(sleep 1000 & sleep 1000 & wait) & echo ready; wait", with_nonce);
    pid_t pids[16];
    int count = 0;
    for (int i = 0; i < PATIENCE_MS && count != 4; i++) {
        count = descendants_of(pid, pids, 16);
        usleep(1000);
    }
    assert_int_equal(count, 4);
    assert_int_equal(pids[0], pid);
    assert_int_equal(descendants_of(pid, pids, 2), 2);
    kill_whole(&by_nonce);
    reap_all();
    assert_int_equal(descendants_of(pid, pids, 16), 0);
}

static int become_subreaper(void **state)
{
    (void)state;
    identity_nonce(nonce);
    snprintf(nonce_variable, sizeof nonce_variable, "REEVE_RUN=%s", nonce);
    snprintf(other_variable, sizeof other_variable, "REEVE_RUN=%.31s", nonce);
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process_is_found_by_its_nonce_alone),
        cmocka_unit_test(test_who_cleared_its_environment_is_found_by_parentage),
        cmocka_unit_test(test_a_recorded_process_counts_only_while_it_is_the_same),
        cmocka_unit_test(test_the_nonce_is_found_at_every_place),
        cmocka_unit_test(test_we_are_never_our_own_survivor),
        cmocka_unit_test(test_descendants_are_listed_parents_first),
    };
    return cmocka_run_group_tests(tests, become_subreaper, NULL);
}
