/* The file itself is included, because no kernel that runs this lacks the files that make the scan unneeded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <cmocka.h>

#include "hold/family.c"

/* A process that tells by closing `ready` that it is there, and waits. */
static void stay(int ready)
{
    close(ready);
    for (;;)
        pause();
}

/* A child with two children: one in its group, one in a session of its own that has a child itself. */
static pid_t start_family(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        close(ready[0]);
        setpgid(0, 0);
        if (fork() == 0)
            stay(ready[1]);
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                stay(ready[1]);
            stay(ready[1]);
        }
        stay(ready[1]);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    return parent;
}

static void reap_all(void)
{
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static int set_up(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void test_one_process(void **state)
{
    (void)state;
    struct family_member self;
    assert_true(family_member(getpid(), &self));
    assert_int_equal(self.pid, getpid());
    assert_int_equal(self.parent, getppid());
    assert_int_equal(self.group, getpgrp());
    assert_int_equal(self.threads, 1);
    assert_true(self.start_time > 0);
    assert_int_equal(self.state, 'R');
    assert_false(family_member(INT_MAX, &self));
}

static void test_what_a_process_ignores(void **state)
{
    (void)state;
    struct family_member self;
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};
    sigaction(SIGTERM, &ignore, NULL);
    assert_true(family_member(getpid(), &self));
    assert_true(self.ignored & 1U << (SIGTERM - 1));
    sigaction(SIGTERM, &standard, NULL);
    assert_true(family_member(getpid(), &self));
    assert_false(self.ignored & 1U << (SIGTERM - 1));
}

static void test_fields_of_stat(void **state)
{
    (void)state;
    struct slice fields = SLICE("S 7 -1 12 x 99999999999999999999");
    assert_int_equal(family_field(fields, 4), 7);
    assert_int_equal(family_field(fields, 5), 0);
    assert_int_equal(family_field(fields, 6), 12);
    assert_int_equal(family_field(fields, 7), 0);
    assert_int_equal(family_field(fields, 8), 0);
    assert_int_equal(family_field(fields, 9), 0);
}

static void test_descendants_are_found_and_killed(void **state)
{
    (void)state;
    assert_true(family_gone());
    start_family();
    assert_false(family_gone());
    assert_int_equal(family_signal(0, 0).found, 4);
    family_signal(SIGKILL, 0);
    reap_all();
    assert_true(family_gone());
    assert_int_equal(family_signal(0, 0).found, 0);
}

static void test_a_group_is_left_out(void **state)
{
    (void)state;
    pid_t parent = start_family();
    struct family_count count = family_signal(SIGKILL, parent);
    assert_true(count.found >= 2);
    assert_int_equal(kill(parent, 0), 0);
    while (family_signal(0, 0).found > 2) /* until the two outside the group have ended */
        ;
    assert_int_equal(kill(-parent, SIGKILL), 0);
    reap_all();
}

static void test_an_orphan_is_ours(void **state)
{
    (void)state;
    pid_t parent = start_family();
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(family_signal(0, 0).found, 3);
    family_signal(SIGKILL, 0);
    reap_all();
}

static void test_the_scan_finds_the_same(void **state)
{
    (void)state;
    start_family();
    struct family_list walked = {0}, scanned = {0};
    family_add(&walked, getpid(), 0);
    family_add(&scanned, getpid(), 0);
    family_walk(&walked);
    family_scan(&scanned);
    assert_int_equal(walked.count, 5);
    assert_int_equal(scanned.count, 5);
    for (size_t i = 0; i < walked.count; i++) {
        bool found = false;
        for (size_t j = 0; j < scanned.count; j++)
            found |= scanned.links[j].pid == walked.links[i].pid &&
                     scanned.links[j].parent == walked.links[i].parent;
        assert_true(found);
    }
    free(walked.links);
    free(scanned.links);
    family_signal(SIGKILL, 0);
    reap_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_process),
        cmocka_unit_test(test_what_a_process_ignores),
        cmocka_unit_test(test_fields_of_stat),
        cmocka_unit_test(test_descendants_are_found_and_killed),
        cmocka_unit_test(test_a_group_is_left_out),
        cmocka_unit_test(test_an_orphan_is_ours),
        cmocka_unit_test(test_the_scan_finds_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
