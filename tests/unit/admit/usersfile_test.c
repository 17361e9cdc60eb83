#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "admit/usersfile.h"
#include "base/memory.h"

enum { WRITERS = 8, EACH = 10 };

static char folder[] = "/tmp/usersfile-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/users", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char name[96];
    snprintf(name, sizeof name, "%s.real", path);
    unlink(name);
    unlink(path);
    return rmdir(folder); /* nothing else was left */
}

static void write_file(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
    close(fd);
}

static void check_file(const char *text)
{
    char found[1024] = "";
    struct stat about;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void test_add_change_remove(void **state)
{
    (void)state;
    struct error error;
    bool missing = false;
    assert_null(usersfile_read(path, &missing, &error));
    assert_true(missing);
    assert_int_equal(usersfile_change(path, "ann", NULL, &error), USERSFILE_ABSENT);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(usersfile_change(path, "ann", "ann:*:ops", &error), USERSFILE_ADDED);
    check_file("ann:*:ops\n");
    write_file("# ours\nann:*:ops\n", 0644);
    assert_int_equal(usersfile_change(path, "bob", "bob:!:", &error), USERSFILE_ADDED);
    check_file("# ours\nann:*:ops\nbob:!:\n");
    assert_int_equal(usersfile_change(path, "ann", "ann:!:", &error), USERSFILE_CHANGED);
    check_file("# ours\nann:!:\nbob:!:\n");
    assert_int_equal(usersfile_change(path, "ann", NULL, &error), USERSFILE_REMOVED);
    assert_int_equal(usersfile_change(path, "ann", NULL, &error), USERSFILE_ABSENT);
    check_file("# ours\nbob:!:\n");
    struct users *users = usersfile_read(path, &missing, &error);
    assert_int_equal(users->count, 1);
    users_free(&users);
}

static void test_a_file_that_does_not_parse_is_not_touched(void **state)
{
    (void)state;
    struct error error = {0};
    write_file("ann:*\nwhat is this\n", 0600);
    assert_int_equal(usersfile_change(path, "bob", "bob:*:", &error), USERSFILE_FAILED);
    assert_non_null(strstr(error.text, "/users:2: "));
    check_file("ann:*\nwhat is this\n");
}

static void test_a_link_stays_one(void **state)
{
    (void)state;
    struct error error;
    char real[96];
    struct stat about;
    snprintf(real, sizeof real, "%s.real", path);
    write_file("", 0600);
    assert_int_equal(rename(path, real), 0);
    assert_int_equal(symlink(real, path), 0);
    assert_int_equal(usersfile_change(path, "ann", "ann:*:", &error), USERSFILE_ADDED);
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    check_file("ann:*:\n");
}

static void add_some(int writer)
{
    struct error error;
    for (int i = 0; i < EACH; i++) {
        char *name = memory_format("u%d-%d", writer, i), *line = memory_format("%s:*:", name);
        if (usersfile_change(path, name, line, &error) != USERSFILE_ADDED)
            _exit(1);
        free(line);
        free(name);
    }
    _exit(0);
}

static void test_writers_wait_for_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            add_some(i);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct error error = {0};
    struct users *users = usersfile_read(path, NULL, &error);
    assert_int_equal(users ? users->count : 0, WRITERS * EACH);
    users_free(&users);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    struct error error;
    bool missing = true;
    assert_null(usersfile_read(folder, &missing, &error));
    assert_false(missing);
    assert_non_null(strstr(error.text, "Is a directory"));
    assert_int_equal(usersfile_change("/nowhere/users", "a", "a:*:", &error), USERSFILE_FAILED);
    assert_string_equal(error.text, "/nowhere/users: No such file or directory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_add_change_remove),   TEST(test_a_file_that_does_not_parse_is_not_touched),
        TEST(test_a_link_stays_one),    TEST(test_writers_wait_for_each_other),
        TEST(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
