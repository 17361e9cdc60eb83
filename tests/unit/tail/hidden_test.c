/* What is hidden below a folder stays so by whatever way one comes to it. */
#include "../support.h"

#include <sys/stat.h>

#include "tail/hidden.h"

struct fixture {
    char path[32];
    int root;
    struct hidden *hidden;
};

static void make(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->root, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.path = "/tmp/hidden-XXXXXX"};
    assert_non_null(mkdtemp(fixture.path));
    fixture.root = open(fixture.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(fixture.root, "a", 0700), 0);
    assert_int_equal(mkdirat(fixture.root, "a/state", 0700), 0);
    assert_int_equal(symlinkat("users", fixture.root, "link"), 0);
    assert_int_equal(symlinkat("a/state", fixture.root, "into"), 0);
    make(&fixture, "users");
    make(&fixture, "users.html");
    make(&fixture, "a/state/reeve.db");
    hidden_add(&fixture.hidden, "users");
    hidden_add(&fixture.hidden, "a/state");
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"link", "into", "users", "users.html", "a/state/reeve.db"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlinkat(fixture->root, files[i], 0);
    assert_int_equal(unlinkat(fixture->root, "a/state", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(fixture->root, "a", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(fixture->path), 0);
    close(fixture->root);
    hidden_free(&fixture->hidden);
    return 0;
}

static void test_names(void **state)
{
    static const struct {
        const char *path;
        bool hidden;
    } rows[] = {{"users", true},     {"/users", true},      {"//users/", true},
                {"users/x", true},   {"a/state", true},     {"a//state/reeve.db", true},
                {"usersx", false},   {"users.html", false}, {"a", false},
                {"a/statex", false}, {"x/users", false},    {"", false}};
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(hidden_has(fixture->hidden, slice_of_text(rows[i].path)), rows[i].hidden);
        assert_false(hidden_has(NULL, slice_of_text(rows[i].path)));
    }
    assert_true(hidden_has_beside(fixture->hidden, "a/x", "state"));
    assert_true(hidden_has_beside(fixture->hidden, "x", "users"));
    assert_false(hidden_has_beside(fixture->hidden, "a/x", "users"));
}

static void test_all_of_a_folder(void **state)
{
    (void)state;
    struct hidden *all = NULL;
    hidden_add(&all, "");
    assert_true(hidden_has(all, SLICE("x")));
    assert_true(hidden_has(all, SLICE("/")));
    hidden_free(&all);
}

static void test_copies_are_the_same(void **state)
{
    const struct fixture *fixture = *state;
    struct hidden *copy = hidden_copy(fixture->hidden);
    assert_true(hidden_has(copy, SLICE("users")));
    assert_true(hidden_digest(copy) == hidden_digest(fixture->hidden));
    hidden_add(&copy, "x");
    assert_false(hidden_digest(copy) == hidden_digest(fixture->hidden));
    assert_int_equal(hidden_digest(NULL), 0);
    assert_null(hidden_copy(NULL));
    hidden_free(&copy);
}

static bool is_hidden(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->root, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    bool is = hidden_has_open(fixture->hidden, fixture->root, fd);
    assert_false(hidden_has_open(NULL, fixture->root, fd));
    close(fd);
    return is;
}

static void test_links_lead_to_what_is_hidden(void **state)
{
    const struct fixture *fixture = *state;
    assert_true(is_hidden(fixture, "users"));
    assert_true(is_hidden(fixture, "link"));
    assert_true(is_hidden(fixture, "into/reeve.db"));
    assert_false(is_hidden(fixture, "users.html"));
}

/* As every writer of these files does it. */
static void test_replaced_since_it_was_opened(void **state)
{
    const struct fixture *fixture = *state;
    int fd = openat(fixture->root, "link", O_RDONLY | O_CLOEXEC);
    make(fixture, "users.new");
    assert_int_equal(renameat(fixture->root, "users.new", fixture->root, "users"), 0);
    assert_true(hidden_has_open(fixture->hidden, fixture->root, fd));
    close(fd);
    assert_true(is_hidden(fixture, "link"));
}

static void test_the_folder_was_renamed(void **state)
{
    const struct fixture *fixture = *state;
    char other[48];
    snprintf(other, sizeof other, "%s-other", fixture->path);
    assert_int_equal(rename(fixture->path, other), 0);
    assert_true(is_hidden(fixture, "link"));
    assert_false(is_hidden(fixture, "users.html"));
    assert_int_equal(rename(other, fixture->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_of_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies_are_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_lead_to_what_is_hidden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaced_since_it_was_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_folder_was_renamed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
