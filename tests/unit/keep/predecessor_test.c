/* Who counts as left behind by a run: decided by its record and by identity, never by name. */
#include "support.h"

#include <sys/stat.h>

#include "keep/predecessor.h"
#include "keep/record.h"

static char folder[64], runs[80];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/predecessor-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(runs, sizeof runs, "%s/run", folder);
    return mkdir(runs, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    int directory = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    record_remove(directory, "api.3");
    close(directory);
    rmdir(runs);
    return rmdir(folder);
}

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void write_record(const struct identity *main, bool over)
{
    struct record record = {
        .target = "api", .generation = 3, .main = *main, .over = over, .ready_after_ms = -1};
    identity_nonce(record.nonce);
    memcpy(record.boot, main->boot, sizeof record.boot);
    int directory = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(record_write(directory, &record), 0);
    close(directory);
}

static void test_only_processes_of_a_recorded_run_are_ours(void **state)
{
    (void)state;
    pid_t kept = start_sleeper(), stranger = start_sleeper();
    struct identity kept_identity, stranger_identity;
    assert_int_equal(identity_of(kept, &kept_identity), 0);
    assert_int_equal(identity_of(stranger, &stranger_identity), 0);
    assert_false(predecessor_left(folder, &kept_identity));
    write_record(&kept_identity, false);
    assert_true(predecessor_left(folder, &kept_identity));
    assert_false(predecessor_left(folder, &stranger_identity));
    struct identity reused = kept_identity;
    reused.start_time++;
    assert_false(predecessor_left(folder, &reused));
    write_record(&kept_identity, true);
    assert_false(predecessor_left(folder, &kept_identity));
    kill(kept, SIGKILL);
    kill(stranger, SIGKILL);
    waitpid(kept, NULL, 0);
    waitpid(stranger, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_processes_of_a_recorded_run_are_ours, set_up, tear_down),
    };
    return run_group(tests);
}
