#include "support.h"

#include <sys/stat.h>

#include "keep/trash.h"
#include "keep/tree.h"

static char root[64];
static int instances;
static struct fake_clock moving = FAKE_CLOCK(1000000);

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/trash-XXXXXX");
    assert_non_null(mkdtemp(root));
    instances = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return instances < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(instances, ".trash", AT_REMOVEDIR);
    close(instances);
    return rmdir(root);
}

static void make_files(int parent, int count)
{
    char name[32];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "file%d", i);
        close(openat(parent, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
}

/* A folder "a" with many files, a link, and a folder below that its owner may not write to. */
static void make_folder(int count)
{
    assert_int_equal(mkdirat(instances, "a", 0755), 0);
    int fd = openat(instances, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_files(fd, count);
    assert_int_equal(symlinkat("/etc", fd, "link"), 0);
    assert_int_equal(mkdirat(fd, "closed", 0755), 0);
    int closed = openat(fd, "closed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_files(closed, 3);
    assert_int_equal(fchmod(closed, 0500), 0);
    close(closed);
    close(fd);
}

static void test_a_large_folder_goes_in_steps(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&moving.clock);
    const struct log log = {.least = LOG_ERROR, .clock = &moving.clock};
    struct trash *trash = trash_new(loop, &log, instances);
    assert_non_null(trash);
    turn_all(loop);
    make_folder(2 * TREE_MOST);
    assert_int_equal(trash_take(trash, instances, "a"), 0);
    assert_int_equal(faccessat(instances, "a", F_OK, 0), -1); /* out of the way at once */
    assert_false(trash_is_empty(trash));
    for (int i = 0; i < 10 && !trash_is_empty(trash); i++)
        loop_step(loop, 0);
    assert_true(trash_is_empty(trash));
    assert_int_equal(unlinkat(instances, ".trash", AT_REMOVEDIR), 0);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    trash_free(&trash);
    loop_free(&loop);
}

static void test_a_small_one_is_gone_at_once(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&moving.clock);
    const struct log log = {.least = LOG_ERROR, .clock = &moving.clock};
    struct trash *trash = trash_new(loop, &log, instances);
    make_folder(5);
    assert_int_equal(trash_take(trash, instances, "a"), 0);
    assert_int_equal(trash_take(trash, instances, "a"), 0); /* there is none */
    turn_all(loop);
    assert_true(trash_is_empty(trash));
    assert_int_equal(unlinkat(instances, ".trash", AT_REMOVEDIR), 0);
    trash_free(&trash);
    loop_free(&loop);
}

static void test_the_next_keeper_goes_on(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&moving.clock);
    const struct log log = {.least = LOG_ERROR, .clock = &moving.clock};
    struct trash *trash = trash_new(loop, &log, instances);
    make_folder(3 * TREE_MOST);
    assert_int_equal(trash_take(trash, instances, "a"), 0);
    trash_free(&trash);
    loop_step(loop, 0);
    trash = trash_new(loop, &log, instances);
    make_folder(2); /* and its name does not clash */
    assert_int_equal(trash_take(trash, instances, "a"), 0);
    for (int i = 0; i < 10 && !trash_is_empty(trash); i++)
        loop_step(loop, 0);
    assert_int_equal(unlinkat(instances, ".trash", AT_REMOVEDIR), 0);
    trash_free(&trash);
    loop_free(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_large_folder_goes_in_steps),
        TEST(test_a_small_one_is_gone_at_once),
        TEST(test_the_next_keeper_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
