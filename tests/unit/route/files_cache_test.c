#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "route/files_cache.h"

struct fixture {
    char outside[64];
    char root[80];
    int root_fd;
    struct files_cache *cache;
    int64_t now_us;
};

static void write_file(const struct fixture *fixture, const char *name, const char *content, int age_s)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->root, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age_s}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

/* The change time cannot be set: the file has to become old enough to be kept. */
static void settle(void)
{
    usleep(120 * 1000);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->outside, sizeof fixture->outside, "/tmp/reeve-files-XXXXXX");
    assert_non_null(mkdtemp(fixture->outside));
    snprintf(fixture->root, sizeof fixture->root, "%s/root", fixture->outside);
    assert_int_equal(mkdir(fixture->root, 0755), 0);
    fixture->root_fd = open(fixture->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->cache = files_cache_new(fixture->root_fd, NULL);
    fixture->now_us = 1000000;
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    files_cache_free(&fixture->cache);
    assert_int_equal(nftw(fixture->outside, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(fixture);
    return 0;
}

/* The error, or 0 after a check of the content. */
static int look(struct fixture *fixture, const char *path, const char *content)
{
    struct files_file spare;
    int error = 0;
    const struct files_file *file = files_cache_open(fixture->cache, path, fixture->now_us, &spare, &error);
    if (!file)
        return error;
    char text[64] = "";
    assert_true(file->identity.size < (off_t)sizeof text);
    if (file->content)
        memcpy(text, file->content, (size_t)file->identity.size);
    else {
        assert_int_equal(pread(file->fd, text, sizeof text, 0), file->identity.size);
        close(file->fd);
    }
    assert_string_equal(text, content);
    return 0;
}

static bool is_kept(struct fixture *fixture, const char *path)
{
    struct files_file spare;
    int error;
    const struct files_file *file = files_cache_open(fixture->cache, path, fixture->now_us, &spare, &error);
    assert_non_null(file);
    if (file == &spare)
        close(file->fd);
    return file != &spare;
}

static void test_what_is_no_regular_file_below_the_root_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    write_file(fixture, "a.txt", "inside", 10);
    write_file(fixture, "../secret", "outside", 10);
    assert_int_equal(mkdirat(fixture->root_fd, "d", 0755), 0);
    assert_int_equal(mkfifoat(fixture->root_fd, "fifo", 0644), 0);
    assert_int_equal(symlinkat("a.txt", fixture->root_fd, "in"), 0);
    assert_int_equal(symlinkat("../a.txt", fixture->root_fd, "d/in"), 0);
    assert_int_equal(symlinkat("../secret", fixture->root_fd, "out"), 0);
    assert_int_equal(symlinkat("/etc/passwd", fixture->root_fd, "absolute"), 0);
    assert_int_equal(symlinkat("loop", fixture->root_fd, "loop"), 0);
    assert_int_equal(symlinkat("/proc/self/root", fixture->root_fd, "magic"), 0);
    snprintf(path, sizeof path, "%s/socket", fixture->root);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);

    assert_int_equal(look(fixture, "a.txt", "inside"), 0);
    assert_int_equal(look(fixture, "in", "inside"), 0);
    assert_int_equal(look(fixture, "d/in", "inside"), 0);
    assert_int_equal(look(fixture, "d", ""), EISDIR);
    assert_int_equal(look(fixture, "d/", ""), EISDIR);
    static const char *const missing[] = {
        "none", "a.txt/", "a.txt/x",          "d/none",    "fifo",           "out",         "absolute",
        "loop", "socket", "magic/etc/passwd", "../secret", "d/../../secret", "/etc/passwd", ""};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (look(fixture, missing[i], "") != ENOENT)
            fail_msg("\"%s\": %d", missing[i], look(fixture, missing[i], ""));
    close(listener);
}

static void test_a_change_is_seen_after_2_ms(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "a.txt", "old", 10);
    settle();
    assert_true(is_kept(fixture, "a.txt"));
    assert_int_equal(look(fixture, "a.txt", "old"), 0);
    write_file(fixture, "a.txt", "new", 10); /* same size, same mtime: only ctime tells */
    assert_int_equal(look(fixture, "a.txt", "old"), 0);
    fixture->now_us += 2000;
    assert_int_equal(look(fixture, "a.txt", "new"), 0);
    fixture->now_us += 2000;
    assert_int_equal(unlinkat(fixture->root_fd, "a.txt", 0), 0);
    assert_int_equal(look(fixture, "a.txt", ""), ENOENT);
}

static void test_a_link_that_turns_outside_is_no_longer_followed(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "a.txt", "same", 10);
    write_file(fixture, "../a.txt", "same", 10);
    assert_int_equal(symlinkat("a.txt", fixture->root_fd, "link"), 0);
    settle();
    assert_true(is_kept(fixture, "link"));
    assert_int_equal(unlinkat(fixture->root_fd, "link", 0), 0);
    assert_int_equal(symlinkat("../a.txt", fixture->root_fd, "link"), 0);
    fixture->now_us += 2000;
    assert_int_equal(look(fixture, "link", ""), ENOENT);
}

static void test_a_file_that_was_just_changed_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    bool kept = true;
    for (int tries = 0; kept && tries < 50; tries++) { /* on a slow machine it may be old when we look */
        write_file(fixture, "a.txt", "fresh", 10);
        kept = is_kept(fixture, "a.txt");
        fixture->now_us += 2000;
    }
    assert_false(kept);
    assert_int_equal(look(fixture, "a.txt", "fresh"), 0);
}

static void test_memory_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    char name[32], *large = malloc(60000);
    memset(large, 'x', 59999);
    large[59999] = '\0';
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%d", i);
        write_file(fixture, name, large, 10);
    }
    settle();
    int kept = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%d", i);
        kept += is_kept(fixture, name);
    }
    assert_int_equal(kept, 200); /* 12 MB: the first ones had to go */
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(is_kept(fixture, name));
    }
    free(large);
}

static void test_fields(void **state)
{
    struct fixture *fixture = *state;
    struct files_file spare;
    int error;
    write_file(fixture, "app-4f3a2b1c.js", "0123456789", 10);
    const struct files_file *file =
        files_cache_open(fixture->cache, "app-4f3a2b1c.js", fixture->now_us, &spare, &error);
    assert_non_null(file);
    assert_true(slice_starts_with(file->lines, SLICE("Content-Type: text/javascript; charset=utf-8\r\n")));
    assert_true(slice_starts_with(slice_from(file->lines, file->type_size), SLICE("ETag: \"a-")));
    assert_true(slice_starts_with(file->etag, SLICE("\"a-")));
    static const char end[] = "Cache-Control: public, max-age=31536000, immutable\r\nAccept-Ranges: bytes\r\n"
                              "X-Content-Type-Options: nosniff\r\n";
    assert_true(slice_ends_with(file->lines, slice_of_text(end)));
    close(file->fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_no_regular_file_below_the_root_is_not_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_is_seen_after_2_ms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_that_turns_outside_is_no_longer_followed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_was_just_changed_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
