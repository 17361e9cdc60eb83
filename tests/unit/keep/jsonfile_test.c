#include "support.h"

#include <sys/stat.h>

#include "keep/jsonfile.h"

static char folder[64], path[96];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/jsonfile-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int read_error(void)
{
    int error = 0;
    json_t *value = jsonfile_read(path, &error);
    assert_null(value);
    return error;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    json_t *value = json_pack("{s:i}", "pid", 812);
    assert_int_equal(jsonfile_write(path, value), 0);
    int error = 0;
    json_t *read = jsonfile_read(path, &error);
    assert_true(json_equal(value, read));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    json_decref(read);
    json_decref(value);
}

static void test_hostile_files_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_error(), -ENOENT);
    write_text("{\"pid\": 1, \"pid\": 2}");
    assert_int_equal(read_error(), -EPROTO);
    write_text("{\"pid\":");
    assert_int_equal(read_error(), -EPROTO);
    assert_int_equal(truncate(path, 2 << 20), 0);
    assert_int_equal(read_error(), -EFBIG);
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(read_error(), -ELOOP);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_error(), -EPERM);
}

static void test_a_write_that_fails_leaves_the_old_one(void **state)
{
    (void)state;
    write_text("{}");
    char fresh[128];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    assert_int_equal(mkdir(fresh, 0700), 0);
    json_t *value = json_pack("{s:i}", "pid", 1);
    assert_int_equal(jsonfile_write(path, value), -EISDIR);
    json_decref(value);
    int error = 0;
    json_t *old = jsonfile_read(path, &error);
    assert_int_equal(json_object_size(old), 0);
    json_decref(old);
    rmdir(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_write_that_fails_leaves_the_old_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
