#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "hold/logfile.h"
#include "tail/follow.h"
#include "wire/logline.h"

struct fixture {
    char path[32];
    int directory;
    struct loop *loop;
    struct watches *watches;
    struct buffer seen; /* lines, joined by '|' */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/follow-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->directory = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->loop = loop_new(&clock_system);
    fixture->watches = watches_new(fixture->loop);
    fixture->seen = BUFFER(1 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    DIR *listing = opendir(fixture->path);
    for (struct dirent *entry; (entry = readdir(listing));)
        unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
    rmdir(fixture->path);
    close(fixture->directory);
    watches_free(&fixture->watches);
    loop_free(&fixture->loop);
    buffer_free(&fixture->seen);
    free(fixture);
    return 0;
}

static void on_line(void *owner, struct slice record)
{
    struct fixture *fixture = owner;
    buffer_append(&fixture->seen, record);
    buffer_append_text(&fixture->seen, "|");
}

static void append(const struct fixture *fixture, const char *name, const char *text)
{
    int file = openat(fixture->directory, ".", O_RDONLY | O_DIRECTORY);
    int fd = openat(file, name, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    close(file);
}

static void rotate(const struct fixture *fixture, int64_t number)
{
    char name[LOGLINE_NAME_SIZE];
    assert_int_equal(
        renameat(fixture->directory, LOGLINE_CURRENT, fixture->directory, logline_file_name(number, name)),
        0);
}

static void assert_seen(struct fixture *fixture, const char *expected)
{
    for (int i = 0; i < 100 && buffer_size(&fixture->seen) < strlen(expected); i++)
        loop_step(fixture->loop, 20);
    loop_step(fixture->loop, 0);
    char *seen = slice_to_text(buffer_slice(&fixture->seen));
    assert_string_equal(seen, expected);
    free(seen);
}

static void test_lines_come_once_over_rotations(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, LOGLINE_CURRENT, "old\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    assert_non_null(follow);
    assert_seen(fixture, "old|");
    append(fixture, LOGLINE_CURRENT, "a\nb\n");
    rotate(fixture, 1);
    append(fixture, LOGLINE_CURRENT, "c\n");
    rotate(fixture, 2);
    append(fixture, LOGLINE_CURRENT, "d\n");
    assert_seen(fixture, "old|a|b|c|d|");
    append(fixture, LOGLINE_CURRENT, "e\n");
    assert_seen(fixture, "old|a|b|c|d|e|");
    follow_stop(&follow);
}

static void test_a_torn_line_waits_for_its_newline(void **state)
{
    struct fixture *fixture = *state;
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    append(fixture, LOGLINE_CURRENT, "first\nsec");
    assert_seen(fixture, "first|");
    append(fixture, LOGLINE_CURRENT, "ond\n");
    assert_seen(fixture, "first|second|");
    follow_stop(&follow);
}

static void test_from_the_end_only_what_comes(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, LOGLINE_CURRENT, "old\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_END, on_line, fixture);
    append(fixture, LOGLINE_CURRENT, "new\n");
    assert_seen(fixture, "new|");
    follow_stop(&follow);
}

static void test_a_deleted_file_is_followed_by_the_oldest_left(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, LOGLINE_CURRENT, "a\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    assert_seen(fixture, "a|");
    unlinkat(fixture->directory, LOGLINE_CURRENT, 0);
    append(fixture, LOGLINE_CURRENT, "b\n");
    rotate(fixture, 7);
    append(fixture, LOGLINE_CURRENT, "c\n");
    assert_seen(fixture, "a|b|c|");
    follow_stop(&follow);
}

static void test_links_and_pipes_are_not_opened(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(symlinkat("/etc/passwd", fixture->directory, LOGLINE_CURRENT), 0);
    assert_int_equal(mkfifoat(fixture->directory, "0000000001.jsonl", 0600), 0);
    assert_int_equal(follow_read(fixture->directory, on_line, fixture), 0);
    assert_int_equal(buffer_size(&fixture->seen), 0);
}

static void test_read_gives_all_files_in_order(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, "0000000009.jsonl", "a\n");
    append(fixture, "0000000010.jsonl", "b\n");
    append(fixture, LOGLINE_CURRENT, "c\ntorn");
    assert_int_equal(follow_read(fixture->directory, on_line, fixture), 0);
    assert_seen(fixture, "a|b|c|");
}

static void test_from_the_end_of_a_torn_line(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, "0000000004.jsonl", "older\n");
    append(fixture, LOGLINE_CURRENT, "old\nto");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_END, on_line, fixture);
    append(fixture, LOGLINE_CURRENT, "rn\n");
    rotate(fixture, 5);
    append(fixture, LOGLINE_CURRENT, "new\n");
    assert_seen(fixture, "torn|new|");
    follow_stop(&follow);
}

static void test_a_deleted_log_does_not_bring_back_older_files(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, "0000000001.jsonl", "a\n");
    append(fixture, LOGLINE_CURRENT, "b\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    assert_seen(fixture, "a|b|");
    unlinkat(fixture->directory, LOGLINE_CURRENT, 0);
    append(fixture, LOGLINE_CURRENT, "c\n");
    assert_seen(fixture, "a|b|c|");
    follow_stop(&follow);
}

static void test_a_log_cut_short_is_read_from_its_beginning(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, LOGLINE_CURRENT, "a long line\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    assert_seen(fixture, "a long line|");
    int fd = openat(fixture->directory, LOGLINE_CURRENT, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    append(fixture, LOGLINE_CURRENT, "b\n");
    assert_seen(fixture, "a long line|b|");
    follow_stop(&follow);
}

static void test_what_is_written_late_into_a_rotated_file_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, LOGLINE_CURRENT, "a\n");
    struct follow *follow =
        follow_start(fixture->watches, fixture->directory, FOLLOW_FROM_START, on_line, fixture);
    rotate(fixture, 1);
    append(fixture, LOGLINE_CURRENT, "b\n");
    assert_seen(fixture, "a|b|");
    append(fixture, "0000000001.jsonl", "late\n"); /* by a run that has not noticed yet */
    assert_seen(fixture, "a|b|late|");
    follow_stop(&follow);
}

static void test_a_line_longer_than_any_record_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    char *line = calloc(1, LOGLINE_RECORD_LARGEST + 2);
    memset(line, 'x', LOGLINE_RECORD_LARGEST + 1);
    append(fixture, LOGLINE_CURRENT, line);
    append(fixture, LOGLINE_CURRENT, line);
    append(fixture, LOGLINE_CURRENT, "\nb\n");
    line[LOGLINE_RECORD_LARGEST] = 0;
    append(fixture, LOGLINE_CURRENT, line);
    append(fixture, LOGLINE_CURRENT, "\n");
    assert_int_equal(follow_read(fixture->directory, on_line, fixture), 0);
    assert_int_equal(buffer_size(&fixture->seen), 2 + LOGLINE_RECORD_LARGEST + 1);
    free(line);
}

/* --- two runs that write and rotate while one reads (a run that sleeps between looking and writing may find
 * its file rotated twice by then, hardly more often) ------------------------------------------------------
 */

enum { WRITERS = 2, WRITER_LINES = 4000 };

struct counts {
    int seen[WRITERS][WRITER_LINES];
    int total;
};

static void count_line(void *owner, struct slice record)
{
    struct counts *counts = owner;
    unsigned writer = (unsigned)(record.data[0] - '0');
    uint64_t number = 0;
    assert_true(writer < WRITERS && slice_to_u64(slice_from(record, 1), &number) && number < WRITER_LINES);
    assert_int_equal(counts->seen[writer][number]++, 0);
    counts->total++;
}

static pid_t start_writer(const struct fixture *fixture, int writer)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct logfile_settings settings = {
        .directory = fixture->directory, .max_bytes = 10000, .keep = 1000000, .clock = &clock_system};
    struct logfile *log = logfile_new(&settings);
    unsigned batch = (unsigned)writer + 1;
    for (int number = 0; number < WRITER_LINES;) {
        struct buffer records = BUFFER(4096);
        batch = batch * 1103515245u + 12345u;
        for (unsigned i = 0; i <= batch / 65536 % 9 && number < WRITER_LINES; i++)
            buffer_append_format(&records, "%d%d\n", writer, number++);
        logfile_write(log, buffer_slice(&records));
        buffer_free(&records);
    }
    _exit(logfile_counts(log).dropped == 0 ? 0 : 1);
}

static void test_two_writers_that_rotate(void **state)
{
    struct fixture *fixture = *state;
    struct counts *counts = calloc(1, sizeof *counts);
    int directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
    struct follow *follow = follow_start(fixture->watches, directory, FOLLOW_FROM_START, count_line, counts);
    for (int writer = 0; writer < WRITERS; writer++)
        assert_true(start_writer(fixture, writer) > 0);
    for (int quiet = 0; counts->total < WRITERS * WRITER_LINES && quiet < 100;)
        quiet = loop_step(fixture->loop, 50) ? 0 : quiet + 1;
    assert_int_equal(counts->total, WRITERS * WRITER_LINES);
    for (int writer = 0; writer < WRITERS; writer++)
        assert_true(wait(&status) > 0 && status == 0);
    follow_stop(&follow);
    close(directory);
    memset(counts, 0, sizeof *counts);
    assert_int_equal(follow_read(fixture->directory, count_line, counts), 0);
    assert_int_equal(counts->total, WRITERS * WRITER_LINES);
    free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_once_over_rotations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_torn_line_waits_for_its_newline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_from_the_end_only_what_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_deleted_file_is_followed_by_the_oldest_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_links_and_pipes_are_not_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_gives_all_files_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_from_the_end_of_a_torn_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_deleted_log_does_not_bring_back_older_files, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_log_cut_short_is_read_from_its_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_written_late_into_a_rotated_file_is_not_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_line_longer_than_any_record_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_writers_that_rotate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
