/* A run in a cgroup v2 of its own, where one can be had; without one it runs all the same and says so. */
#include "world.h"

/* A new cgroup for the test, or -1 where there is no hierarchy that we may write to. */
static int make_cgroup(char path[512])
{
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char line[4096], place[256], type[64];
    int found = -1;
    while (mounts && found < 0 && fgets(line, sizeof line, mounts)) {
        const char *start = strchr(line, ' ');
        const char *end = start ? strchr(start + 1, ' ') : NULL;
        if (!end || end - start >= (ptrdiff_t)sizeof place)
            continue;
        snprintf(place, sizeof place, "%.*s", (int)(end - start - 1), start + 1);
        snprintf(type, sizeof type, "%.*s", (int)strcspn(end + 1, " "), end + 1);
        if (strcmp(type, "cgroup2") != 0)
            continue;
        snprintf(path, 512, "%s/reeve-hold-test-%d", place, (int)getpid());
        if (mkdir(path, 0755) == 0)
            found = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (mounts)
        fclose(mounts);
    return found;
}

static bool contained(json_t *body)
{
    bool is = json_is_true(json_object_get(body, "contained"));
    json_decref(body);
    return is;
}

static void start_contained(struct world *world, bool expected)
{
    spawn(world);
    json_t *started = expect(world, MESSAGE_HOLD_STARTED);
    world->pid = (pid_t)json_integer_value(json_object_get(started, "pid"));
    assert_int_equal(contained(started), expected);
}

static void test_the_program_joins_its_cgroup(void **state)
{
    struct world *world = *state;
    char path[512] = "";
    int cgroup = make_cgroup(path);
    bool possible = cgroup >= 0;
    world->cgroup = possible ? cgroup : world->run; /* a directory without cgroup.procs */
    if (getuid() == 0) {
        world->spec.uid = 65534; /* who could not join by its own rights */
        world->spec.gid = 65534;
    }
    command(world, "/bin/sh", "-c", "trap '' TERM; cat /proc/self/cgroup; while :; do sleep 0.01; done");
    start_contained(world, possible);
    await_output(world, possible ? strrchr(path, '/') : "stdout:");
    char place[64], hold_place[4096] = "";
    snprintf(place, sizeof place, "/proc/%d/cgroup", (int)world->hold);
    int fd = open(place, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, hold_place, sizeof hold_place - 1) > 0);
    close(fd);
    assert_null(strstr(hold_place, "reeve-hold-test")); /* cgroup.kill must spare the hold */
    tell(world, MESSAGE_HOLD_STOP, json_pack("{s:i, s:i}", "signal", SIGTERM, "grace_ms", 50));
    struct hold_end end = expect_end(world);
    assert_int_equal(end.signal, SIGKILL);
    assert_int_equal(end.remaining, 0);
    acknowledge(world);
    if (possible) {
        close(cgroup);
        assert_int_equal(rmdir(path), 0); /* nobody is left in it */
    }
}

static void test_without_a_cgroup_it_runs_all_the_same(void **state)
{
    struct world *world = *state;
    world->cgroup = world->run;
    command(world, "/bin/true", NULL, NULL);
    start_contained(world, false);
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_the_program_joins_its_cgroup),
        HOLD_TEST(test_without_a_cgroup_it_runs_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
