#include "../support.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "tail/watches.h"

struct fixture {
    char path[32];
    int folder;
    struct loop *loop;
    struct watches *watches;
};

struct seen {
    struct watch watch;
    int news, names;
    struct watch *removes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/watches-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->folder = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->loop = loop_new(&clock_system);
    fixture->watches = watches_new(fixture->loop);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    watches_free(&fixture->watches);
    loop_free(&fixture->loop);
    unlinkat(fixture->folder, "a", 0);
    unlinkat(fixture->folder, "b", 0);
    close(fixture->folder);
    rmdir(fixture->path);
    free(fixture);
    return 0;
}

static void on_news(struct watch *watch, bool names)
{
    struct seen *seen = LIST_ENTRY(watch, struct seen, watch);
    seen->news++;
    seen->names += names;
    if (seen->removes)
        watches_remove(seen->removes);
}

static int make(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void test_file(void **state)
{
    const struct fixture *fixture = *state;
    struct seen one = {0}, other = {0};
    int fd = make(fixture, "a");
    assert_int_equal(watches_add(fixture->watches, &one.watch, fd, WATCHES_FILE, on_news), 0);
    assert_int_equal(watches_add(fixture->watches, &other.watch, fd, WATCHES_FILE, on_news), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    turn_here(fixture->loop);
    assert_int_equal(one.news, 1);
    assert_int_equal(other.news, 1);
    assert_int_equal(one.names, 0);
    watches_remove(&one.watch);
    assert_false(watches_has(&one.watch));
    assert_int_equal(renameat(fixture->folder, "a", fixture->folder, "b"), 0);
    turn_here(fixture->loop);
    assert_int_equal(one.news, 1);
    assert_int_equal(other.names, 1);
    assert_int_equal(unlinkat(fixture->folder, "b", 0), 0);
    turn_here(fixture->loop);
    assert_int_equal(other.names, 2);
    watches_remove(&other.watch);
    close(fd);
}

static void test_directory(void **state)
{
    const struct fixture *fixture = *state;
    struct seen seen = {0};
    assert_int_equal(watches_add(fixture->watches, &seen.watch, fixture->folder, WATCHES_DIRECTORY, on_news),
                     0);
    int fd = make(fixture, "a");
    turn_here(fixture->loop);
    assert_int_equal(seen.names, 1);
    assert_int_equal(write(fd, "x", 1), 1);
    turn_here(fixture->loop);
    assert_int_equal(seen.news, 1);
    watches_remove(&seen.watch);
    close(fd);
}

/* Callbacks remove watches of the same file: the other one, then the last one. */
static void test_remove_in_callback(void **state)
{
    const struct fixture *fixture = *state;
    struct seen one = {0}, other = {0}, third = {0};
    int fd = make(fixture, "a");
    assert_int_equal(watches_add(fixture->watches, &one.watch, fd, WATCHES_FILE, on_news), 0);
    assert_int_equal(watches_add(fixture->watches, &other.watch, fd, WATCHES_FILE, on_news), 0);
    assert_int_equal(watches_add(fixture->watches, &third.watch, fd, WATCHES_FILE, on_news), 0);
    one.removes = &other.watch;
    third.removes = &third.watch;
    assert_int_equal(write(fd, "x", 1), 1);
    turn_here(fixture->loop);
    assert_int_equal(one.news, 1);
    assert_int_equal(other.news, 0);
    assert_int_equal(third.news, 1);
    one.removes = &one.watch;
    assert_int_equal(write(fd, "x", 1), 1);
    turn_here(fixture->loop);
    assert_int_equal(one.news, 2);
    assert_int_equal(third.news, 1);
    assert_false(watches_has(&one.watch));
    close(fd);
}

/* No descriptor is left for the instance; later there is one. */
static void test_used_up(void **state)
{
    const struct fixture *fixture = *state;
    struct rlimit before, none;
    struct seen seen = {0};
    int fd = make(fixture, "a");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(watches_add(fixture->watches, &seen.watch, fd, WATCHES_FILE, on_news), -EMFILE);
    assert_false(watches_has(&seen.watch));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(watches_add(fixture->watches, &seen.watch, fd, WATCHES_FILE, on_news), 0);
    assert_true(watches_has(&seen.watch));
    watches_remove(&seen.watch);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_in_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_used_up, set_up, tear_down),
    };
    return run_group(tests);
}
