/* What a hold costs while its program idles (design §11): private dirty memory. */
#include "world.h"

enum { MOST_KIB = 160 };

static bool read_about(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* A hold is not dumpable, so only root may see its maps; for others, what is resident and not of files, which
 * is the same but for pages of its own that are clean. */
static long private_dirty_kib(pid_t pid)
{
    char text[2048];
    if (read_about(pid, "smaps_rollup", text, sizeof text)) {
        const char *found = strstr(text, "Private_Dirty:");
        assert_non_null(found);
        return strtol(found + strlen("Private_Dirty:"), NULL, 10);
    }
    assert_true(read_about(pid, "statm", text, sizeof text));
    char *next = strchr(text, ' ');
    assert_non_null(next);
    long resident = strtol(next, &next, 10), shared = strtol(next, NULL, 10);
    return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Pages of an executable that was linked a moment ago count as dirty until they are on the disk. */
static int set_up_synced(void **state)
{
    int fd = open(REEVE_HOLD, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return -1;
    close(fd);
    return set_up(state);
}

/* Waits until the hold has given back what it used: below `most`, or the patience's end. */
static long settled_kib(pid_t pid, long most)
{
    long found = 0;
    for (int waited = 0; waited < 5000 && (found = private_dirty_kib(pid)) > most; waited += 20)
        poll(NULL, 0, 20);
    return found;
}

static void test_an_idle_hold_is_small(void **state)
{
    struct world *world = *state;
    start_script(world, "exec sleep 1000");
    long found = private_dirty_kib(world->hold);
    print_message("private dirty after start: %ld KiB\n", found);
#ifndef __SANITIZE_ADDRESS__
    assert_true(found <= MOST_KIB);
#endif
    tell(world, MESSAGE_HOLD_STOP, NULL);
    expect_end(world);
    found = private_dirty_kib(world->hold);
    print_message("private dirty after the end: %ld KiB\n", found);
#ifndef __SANITIZE_ADDRESS__
    assert_true(found <= MOST_KIB);
#endif
    acknowledge(world);
}

static void test_a_hold_is_small_again_after_much_output(void **state)
{
    struct world *world = *state;
    start_script(world, "head -c 3000000 /dev/zero; seq 300000; echo ready; exec sleep 1000");
    for (int waited = 0; waited < PATIENCE_MS; waited += 50) {
        json_t *status = ask(world, MESSAGE_HOLD_STATUS, NULL);
        bool all = json_integer_value(json_object_get(json_object_get(status, "output"), "lines")) > 300000;
        json_decref(status);
        if (all)
            break;
        poll(NULL, 0, 50);
    }
    long found = settled_kib(world->hold, MOST_KIB);
    print_message("private dirty after 5 MB of output: %ld KiB\n", found);
#ifndef __SANITIZE_ADDRESS__
    assert_true(found <= MOST_KIB);
#endif
    tell(world, MESSAGE_HOLD_STOP, NULL);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_idle_hold_is_small, set_up_synced, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hold_is_small_again_after_much_output, set_up_synced,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
