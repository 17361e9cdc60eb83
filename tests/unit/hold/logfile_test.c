#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "hold/logfile.h"
#include "wire/logline.h"

struct place {
    char path[64];
    int directory;
};

static int set_up(void **state)
{
    struct place *place = MEMORY_NEW(struct place);
    snprintf(place->path, sizeof place->path, "/tmp/reeve-logfile-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->directory = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->directory >= 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char name[LOGLINE_NAME_SIZE];
    for (int64_t number = 0; number < 200; number++)
        unlinkat(place->directory, logline_file_name(number, name), 0);
    unlinkat(place->directory, LOGLINE_CURRENT, 0);
    close(place->directory);
    assert_int_equal(rmdir(place->path), 0);
    free(place);
    return 0;
}

static struct logfile *open_log(const struct place *place, int64_t max_bytes, int64_t keep)
{
    struct logfile_settings settings = {.directory = place->directory,
                                        .max_bytes = max_bytes,
                                        .keep = keep,
                                        .run = 3,
                                        .clock = &clock_system};
    return logfile_new(&settings);
}

static struct buffer content(const struct place *place, const char *name)
{
    struct buffer found = BUFFER(1 << 20);
    int fd = openat(place->directory, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size;
    while ((size = read(fd, buffer_reserve(&found, 4096), 4096)) > 0)
        buffer_added(&found, (size_t)size);
    close(fd);
    return found;
}

static void assert_content(const struct place *place, const char *name, const char *expected)
{
    struct buffer found = content(place, name);
    assert_true(slice_equal(buffer_slice(&found), slice_of_text(expected)));
    buffer_free(&found);
}

static bool exists(const struct place *place, const char *name)
{
    return faccessat(place->directory, name, F_OK, 0) == 0;
}

static void test_records_are_appended_and_counted(void **state)
{
    struct logfile *log = open_log(*state, 0, 1);
    logfile_write(log, SLICE("one\ntwo\n"));
    logfile_write(log, SLICE("three\n"));
    struct logfile_counts counts = logfile_counts(log);
    assert_int_equal(counts.bytes, 14);
    assert_int_equal(counts.lines, 3);
    assert_int_equal(counts.dropped, 0);
    assert_int_equal(counts.error, 0);
    logfile_free(&log);
    assert_content(*state, LOGLINE_CURRENT, "one\ntwo\nthree\n");
}

static void test_a_full_file_is_numbered_and_the_oldest_goes(void **state)
{
    struct logfile *log = open_log(*state, 10, 3);
    logfile_write(log, SLICE("1aaa\n1bbb\n2aaa\n2bbb\n3aaa\n")); /* one write, several files */
    logfile_write(log, SLICE("3bbb\n"));
    assert_content(*state, "0000000001.jsonl", "1aaa\n1bbb\n");
    assert_content(*state, "0000000002.jsonl", "2aaa\n2bbb\n");
    assert_content(*state, LOGLINE_CURRENT, "3aaa\n3bbb\n");
    logfile_write(log, SLICE("4aaaaaaaaaaaaaaaaaaaaaa\n5\n")); /* larger than a file: one of its own */
    assert_false(exists(*state, "0000000001.jsonl"));
    assert_false(exists(*state, "0000000002.jsonl"));
    assert_content(*state, "0000000003.jsonl", "3aaa\n3bbb\n");
    assert_content(*state, "0000000004.jsonl", "4aaaaaaaaaaaaaaaaaaaaaa\n");
    assert_content(*state, LOGLINE_CURRENT, "5\n");
    assert_int_equal(logfile_counts(log).lines, 8);
    logfile_free(&log);
}

static void test_a_log_of_one_file(void **state)
{
    struct logfile *log = open_log(*state, 4, 1);
    logfile_write(log, SLICE("111\n222\n333\n"));
    logfile_free(&log);
    assert_content(*state, LOGLINE_CURRENT, "333\n");
    assert_false(exists(*state, "0000000001.jsonl"));
    assert_false(exists(*state, "0000000002.jsonl"));
}

static void test_two_runs_write_into_one_directory(void **state)
{
    struct logfile *a = open_log(*state, 8, 9), *b = open_log(*state, 8, 9);
    logfile_write(a, SLICE("a1\n"));
    logfile_write(b, SLICE("b1\n"));
    logfile_write(b, SLICE("b2\n")); /* full: b rotates */
    logfile_write(a, SLICE("a2\n")); /* a follows */
    logfile_write(a, SLICE("a3\n"));
    logfile_write(b, SLICE("b3\n"));
    assert_content(*state, "0000000001.jsonl", "a1\nb1\n");
    assert_content(*state, "0000000002.jsonl", "b2\na2\n");
    assert_content(*state, LOGLINE_CURRENT, "a3\nb3\n");
    logfile_free(&a);
    logfile_free(&b);
}

static void test_a_file_taken_away_is_made_again(void **state)
{
    const struct place *place = *state;
    struct logfile *log = open_log(place, 0, 1);
    logfile_write(log, SLICE("1\n"));
    assert_int_equal(unlinkat(place->directory, LOGLINE_CURRENT, 0), 0);
    logfile_write(log, SLICE("2\n"));
    logfile_free(&log);
    assert_content(place, LOGLINE_CURRENT, "2\n");
}

static void test_only_a_regular_file_is_written(void **state)
{
    const struct place *place = *state;
    struct logfile *log = open_log(place, 0, 1);
    assert_int_equal(mkfifoat(place->directory, LOGLINE_CURRENT, 0600), 0);
    logfile_write(log, SLICE("1\n2\n"));
    assert_int_equal(logfile_counts(log).error, ENXIO); /* a pipe nobody reads: no waiting */
    assert_int_equal(logfile_counts(log).dropped, 2);
    assert_int_equal(unlinkat(place->directory, LOGLINE_CURRENT, 0), 0);
    assert_int_equal(symlinkat("elsewhere", place->directory, LOGLINE_CURRENT), 0);
    logfile_write(log, SLICE("3\n"));
    assert_int_equal(logfile_counts(log).error, ELOOP);
    assert_int_equal(unlinkat(place->directory, LOGLINE_CURRENT, 0), 0);
    logfile_write(log, SLICE("4\n"));
    assert_int_equal(logfile_counts(log).error, 0);
    assert_int_equal(logfile_counts(log).dropped, 3);
    logfile_free(&log);
    struct buffer found = content(place, LOGLINE_CURRENT);
    struct slice whole = buffer_slice(&found), marker;
    assert_true(slice_next(&whole, '\n', &marker));
    struct logline_parsed parsed;
    assert_true(logline_parse(marker, &parsed));
    assert_int_equal(parsed.line.dropped, 3);
    assert_int_equal(parsed.line.run, 3);
    assert_int_equal(parsed.line.stream, LOGLINE_REEVE);
    assert_true(slice_starts_with(parsed.line.text, SLICE("3 lines were dropped: ")));
    logline_end(&parsed);
    assert_true(slice_equal(whole, SLICE("4\n")));
    buffer_free(&found);
}

/* A disk that is full in the middle of a record, by way of a limit on the size of files. */
static void limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_tears_no_line(void **state)
{
    const struct place *place = *state;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    struct logfile *log = open_log(place, 0, 1);
    limit_files(7);
    logfile_write(log, SLICE("aaaa\nbbbb\ncccc\n"));
    logfile_write(log, SLICE("dddd\n"));
    limit_files(RLIM_INFINITY);
    assert_content(place, LOGLINE_CURRENT, "aaaa\nbb");
    assert_int_equal(logfile_counts(log).error, EFBIG);
    assert_int_equal(logfile_counts(log).dropped, 2);
    logfile_flush(log);
    assert_int_equal(logfile_counts(log).error, 0);
    assert_int_equal(logfile_counts(log).lines, 3);
    logfile_flush(log); /* one marker only */
    logfile_write(log, SLICE("eeee\n"));
    logfile_free(&log);
    struct buffer found = content(place, LOGLINE_CURRENT);
    assert_true(slice_starts_with(buffer_slice(&found), SLICE("aaaa\nbbbb\n{")));
    assert_true(slice_ends_with(buffer_slice(&found), SLICE("\"dropped\":2}\neeee\n")));
    buffer_free(&found);
}

int main(void)
{
#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_records_are_appended_and_counted),
        LOG_TEST(test_a_full_file_is_numbered_and_the_oldest_goes),
        LOG_TEST(test_a_log_of_one_file),
        LOG_TEST(test_two_runs_write_into_one_directory),
        LOG_TEST(test_a_file_taken_away_is_made_again),
        LOG_TEST(test_only_a_regular_file_is_written),
        LOG_TEST(test_a_full_disk_tears_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
