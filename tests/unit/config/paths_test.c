#include "world.h"

#include "config/paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_join(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"/a", "b", "/a/b"},     {"/a/", "./b//c/", "/a/b/c"}, {"/a/b", "../c", "/a/c"},
        {"/a", "../../..", "/"}, {"/a", "/x/./y", "/x/y"},     {"/", "b", "/b"},
        {"/a", "", "/a"},        {"/a", "..b", "/a/..b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *joined = paths_join(rows[i][0], slice_of_text(rows[i][1]));
        assert_string_equal(joined, rows[i][2]);
        free(joined);
    }
}

static void test_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/srv/app", "app"}, {"/srv/My App!", "My-App-"}, {"/srv/.config", "config"},
        {"/", "reeve"},      {"/x/\xc3\xa9", "reeve"},    {"/a/b_c.d", "b_c.d"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *name = paths_name(rows[i][0]);
        assert_string_equal(name, rows[i][1]);
        free(name);
    }
}

/* A directory of its own, gone at the end. */
static char *new_directory(void)
{
    char *path = memory_text("/tmp/reeve-paths-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_find_file(void **state)
{
    (void)state;
    char *directory = new_directory();
    char *below = memory_format("%s/a/b", directory), *middle = memory_format("%s/a", directory);
    char *file = memory_format("%s/reeve.yaml", directory);
    assert_int_equal(mkdir(middle, 0700), 0);
    assert_int_equal(mkdir(below, 0700), 0);
    write_file(file, "");
    const char *variables[] = {"REEVE_CONFIG=x/y.yaml", NULL};
    struct config_environment environment = {.directory = below};
    struct error error = {0};
    char *found = config_find_file(NULL, &environment, &error);
    assert_string_equal(found, file);
    free(found);
    environment.variables = variables;
    found = config_find_file(NULL, &environment, &error);
    assert_non_null(strstr(found, "/a/b/x/y.yaml"));
    free(found);
    found = config_find_file("../z", &environment, &error);
    assert_non_null(strstr(found, "/a/z"));
    free(found);
    found = config_find_file("-", &environment, &error);
    assert_string_equal(found, "-");
    free(found);
    unlink(file);
    rmdir(below);
    rmdir(middle);
    rmdir(directory);
    free(file);
    free(below);
    free(middle);
    free(directory);
}

static void test_read(void **state)
{
    (void)state;
    char *directory = new_directory();
    char *file = memory_format("%s/f", directory), *fifo = memory_format("%s/p", directory);
    size_t size = 0;
    int status = 0;
    write_file(file, "12345");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    char *text = paths_read(file, 5, &size, &status);
    assert_string_equal(text, "12345");
    assert_int_equal(size, 5);
    free(text);
    assert_null(paths_read(file, 4, &size, &status));
    assert_int_equal(status, -EFBIG);
    assert_null(paths_read(directory, 4, &size, &status));
    assert_int_equal(status, -EISDIR);
    assert_null(paths_read(fifo, 4, &size, &status));
    assert_int_equal(status, -EINVAL);
    assert_string_equal(paths_refusal(-EINVAL), "it is no regular file");
    assert_string_equal(paths_refusal(-ENOENT), "No such file or directory");
    assert_null(paths_read("/nonexistent/x", 4, &size, &status));
    assert_int_equal(status, -ENOENT);
    unlink(file);
    unlink(fifo);
    rmdir(directory);
    free(file);
    free(fifo);
    free(directory);
}

static void test_included_by_pattern(void **state)
{
    (void)state;
    char *directory = new_directory();
    char *file = memory_format("%s/reeve.yaml", directory), *one = memory_format("%s/1.conf", directory);
    write_file(file, "name: n\nstate: s\ninclude: ['*.conf', 'none.d/*', '[x].y']\n");
    write_file(one, "hosts: [h]\n");
    struct config_environment environment = {.directory = directory};
    struct config_errors errors = {0};
    struct config *config = config_load(file, &environment, &errors);
    assert_non_null(config);
    assert_string_equal(config->hosts.items[0], "h");
    config_free(&config);
    unlink(file);
    unlink(one);
    rmdir(directory);
    free(file);
    free(one);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_find_file),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_included_by_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
