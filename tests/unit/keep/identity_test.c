#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/identity.h"

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static void test_a_process_is_found_again_and_signalled(void **state)
{
    (void)state;
    pid_t pid = start_sleeper();
    struct identity identity;
    assert_int_equal(identity_of(pid, &identity), 0);
    assert_true(identity_alive(&identity));
    assert_int_equal(identity_parent(pid), getpid());
    int pidfd = identity_open(&identity);
    assert_true(pidfd >= 0);
    assert_int_equal(identity_signal(pidfd, SIGKILL), 0);
    close(pidfd);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(identity_alive(&identity));
    assert_true(identity_open(&identity) < 0);
}

static void test_a_reused_pid_is_somebody_else(void **state)
{
    (void)state;
    pid_t pid = start_sleeper();
    struct identity identity;
    assert_int_equal(identity_of(pid, &identity), 0);
    struct identity earlier = identity;
    earlier.start_time--;
    assert_true(identity_open(&earlier) < 0);
    struct identity other_boot = identity;
    other_boot.boot[0] = other_boot.boot[0] == 'a' ? 'b' : 'a';
    assert_true(identity_open(&other_boot) < 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_a_zombie_counts_as_gone(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t exit = {0};
    assert_int_equal(waitid(P_PID, (id_t)pid, &exit, WEXITED | WNOWAIT), 0);
    struct identity identity;
    assert_true(identity_of(pid, &identity) < 0);
    assert_int_equal(identity_parent(pid), 0);
    waitpid(pid, NULL, 0);
}

static void test_nonces_differ(void **state)
{
    (void)state;
    char a[IDENTITY_NONCE_SIZE], b[IDENTITY_NONCE_SIZE];
    identity_nonce(a);
    identity_nonce(b);
    assert_int_equal(strlen(a), IDENTITY_NONCE_SIZE - 1);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process_is_found_again_and_signalled),
        cmocka_unit_test(test_a_reused_pid_is_somebody_else),
        cmocka_unit_test(test_a_zombie_counts_as_gone),
        cmocka_unit_test(test_nonces_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
