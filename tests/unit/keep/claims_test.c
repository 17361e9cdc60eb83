#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/claims.h"

/* This process plays the hold; what it forks is the main process. */
static struct record record_of_ours(void)
{
    struct record record = {.generation = 4};
    snprintf(record.target, sizeof record.target, "api");
    snprintf(record.nonce, sizeof record.nonce, "0123456789abcdef");
    assert_int_equal(identity_of(getpid(), &record.hold), 0);
    return record;
}

static struct hold_hello hello_of_ours(void)
{
    struct hold_hello hello = {.generation = 4, .hold_pid = getpid()};
    snprintf(hello.target, sizeof hello.target, "api");
    snprintf(hello.nonce, sizeof hello.nonce, "0123456789abcdef");
    return hello;
}

static bool is_believed(const struct hold_hello *hello, struct identity *hold)
{
    const struct record record = record_of_ours();
    const struct claims_witness witness = {.adopted = true, .peer = getpid(), .hold_program = -1};
    return claims_hold(&record, hello, &witness, hold);
}

static void test_a_hold_is_believed_about_its_own_run_alone(void **state)
{
    (void)state;
    struct identity hold = {0};
    struct hold_hello hello = hello_of_ours();
    assert_true(is_believed(&hello, &hold));
    assert_int_equal(hold.pid, getpid());
    hello.generation = 5;
    assert_false(is_believed(&hello, &hold));
    hello = hello_of_ours();
    hello.nonce[0] = 'f';
    assert_false(is_believed(&hello, &hold));
    hello = hello_of_ours();
    hello.target[0] = 'x';
    assert_false(is_believed(&hello, &hold));
}

static void test_a_hold_that_names_another_process_is_not_believed(void **state)
{
    (void)state;
    struct identity hold = {0};
    struct hold_hello hello = hello_of_ours();
    const int64_t pids[] = {0, -1, (int64_t)getpid() + ((int64_t)1 << 32), getppid()};
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        hello.hold_pid = pids[i];
        assert_false(is_believed(&hello, &hold));
    }
    assert_int_equal(hold.pid, 0);
}

static void test_a_recorded_hold_is_known_by_its_start_time(void **state)
{
    (void)state;
    struct record record = record_of_ours();
    const struct hold_hello hello = hello_of_ours();
    const struct claims_witness witness = {.adopted = true, .peer = getpid(), .hold_program = -1};
    struct identity hold;
    record.hold.start_time++;
    assert_false(claims_hold(&record, &hello, &witness, &hold));
}

static void test_an_adopted_hold_is_who_the_kernel_says_answered(void **state)
{
    (void)state;
    const struct record record = record_of_ours();
    const struct hold_hello hello = hello_of_ours();
    const struct claims_witness witness = {.adopted = true, .peer = getppid(), .hold_program = -1};
    struct identity hold;
    assert_false(claims_hold(&record, &hello, &witness, &hold));
}

/* Only root can be led to signal what the hold itself could not. */
static void test_a_started_hold_runs_our_program_where_it_matters(void **state)
{
    (void)state;
    const struct record record = record_of_ours();
    const struct hold_hello hello = hello_of_ours();
    struct identity hold;
    int ours = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    int other = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    struct claims_witness witness = {.hold_program = ours};
    assert_true(claims_hold(&record, &hello, &witness, &hold));
    witness.hold_program = other;
    assert_int_equal(claims_hold(&record, &hello, &witness, &hold), geteuid() != 0);
    close(ours);
    close(other);
}

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

static void test_the_main_process_is_a_child_of_the_hold(void **state)
{
    (void)state;
    const struct record record = record_of_ours();
    struct identity child, found = {0};
    pid_t pid = start_sleeper();
    assert_int_equal(identity_of(pid, &child), 0);
    assert_int_equal(claims_main(&record, pid, 0, &found), CLAIMS_TRUE);
    assert_int_equal(found.pid, pid);
    assert_int_equal(claims_main(&record, pid, (int64_t)child.start_time, &found), CLAIMS_TRUE);
    assert_int_equal(claims_main(&record, pid, (int64_t)child.start_time + 1, &found), CLAIMS_FALSE);
    assert_int_equal(claims_main(&record, getpid(), 0, &found), CLAIMS_FALSE);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(claims_main(&record, pid, 0, &found), CLAIMS_GONE);
    assert_int_equal(claims_main(&record, -1, 0, &found), CLAIMS_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hold_is_believed_about_its_own_run_alone),
        cmocka_unit_test(test_a_hold_that_names_another_process_is_not_believed),
        cmocka_unit_test(test_a_recorded_hold_is_known_by_its_start_time),
        cmocka_unit_test(test_an_adopted_hold_is_who_the_kernel_says_answered),
        cmocka_unit_test(test_a_started_hold_runs_our_program_where_it_matters),
        cmocka_unit_test(test_the_main_process_is_a_child_of_the_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
