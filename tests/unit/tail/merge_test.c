#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "tail/merge.h"
#include "wire/logline.h"

enum { LOGS = 2 };

struct fixture {
    char path[32], names[LOGS][48];
    int directories[LOGS];
    struct merge *merge;
    struct buffer seen; /* texts, each with a space */
};

static void on_line(void *owner, struct slice record)
{
    struct buffer *seen = owner;
    struct logline_parsed parsed;
    if (logline_parse(record, &parsed)) {
        buffer_append(seen, parsed.line.text);
        logline_end(&parsed);
    } else {
        buffer_append(seen, record);
    }
    buffer_append_text(seen, " ");
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/merge-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->seen = BUFFER(1 << 20);
    fixture->merge = merge_new(LOGS);
    for (int i = 0; i < LOGS; i++) {
        snprintf(fixture->names[i], sizeof fixture->names[i], "%s/%d", fixture->path, i);
        assert_int_equal(mkdir(fixture->names[i], 0700), 0);
        fixture->directories[i] = open(fixture->names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(merge_add(fixture->merge, fixture->directories[i], on_line, &fixture->seen), 0);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    merge_free(&fixture->merge);
    for (int i = 0; i < LOGS; i++) {
        unlinkat(fixture->directories[i], LOGLINE_CURRENT, 0);
        unlinkat(fixture->directories[i], "0000000001.jsonl", 0);
        close(fixture->directories[i]);
        rmdir(fixture->names[i]);
    }
    rmdir(fixture->path);
    buffer_free(&fixture->seen);
    free(fixture);
    return 0;
}

static void append(const struct fixture *fixture, int log, const char *file, const char *text)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", fixture->names[log], file);
    FILE *stream = fopen(path, "ae");
    fputs(text, stream);
    fclose(stream);
}

/* A record "LOG:TIME". */
static void say(const struct fixture *fixture, int log, int64_t wall_ms)
{
    struct buffer record = BUFFER(4096);
    char text[32];
    snprintf(text, sizeof text, "%d:%d", log, (int)wall_ms);
    logline_append(&record, &(struct logline){.wall_ms = wall_ms, .run = 1, .text = slice_of_text(text)});
    char *copy = slice_to_text(buffer_slice(&record));
    append(fixture, log, LOGLINE_CURRENT, copy);
    free(copy);
    buffer_free(&record);
}

static void assert_seen(struct fixture *fixture, const char *expected)
{
    char *seen = slice_to_text(buffer_slice(&fixture->seen));
    assert_string_equal(seen, expected);
    free(seen);
}

static void test_records_come_by_time(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, 0, 1), say(fixture, 0, 4), say(fixture, 0, 5);
    say(fixture, 1, 2), say(fixture, 1, 3), say(fixture, 1, 5), say(fixture, 1, 6);
    merge_read(fixture->merge);
    assert_seen(fixture, "0:1 1:2 1:3 0:4 0:5 1:5 1:6 ");
}

static void test_one_log_is_never_reordered(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, 0, 9), say(fixture, 0, 1);
    say(fixture, 1, 5);
    append(fixture, 1, LOGLINE_CURRENT, "no-record\n");
    merge_read(fixture->merge);
    assert_seen(fixture, "1:5 no-record 0:9 0:1 ");
}

/* More than one piece of each log. */
static void test_long_logs(void **state)
{
    enum { LINES = 4000 };
    struct fixture *fixture = *state;
    struct buffer expected = BUFFER(1 << 20);
    for (int i = 0; i < LINES; i++) {
        say(fixture, i % LOGS, i);
        buffer_append_format(&expected, "%d:%d ", i % LOGS, i);
        if (i == LINES / 3)
            renameat(fixture->directories[0], LOGLINE_CURRENT, fixture->directories[0], "0000000001.jsonl");
    }
    merge_read(fixture->merge);
    char *text = slice_to_text(buffer_slice(&expected));
    assert_seen(fixture, text);
    free(text);
    buffer_free(&expected);
}

static void test_it_goes_on_from_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct loop *loop = loop_new(&clock_system);
    struct watches *watches = watches_new(loop);
    say(fixture, 1, 2), say(fixture, 0, 1);
    merge_read(fixture->merge);
    say(fixture, 0, 3); /* between reading and following */
    assert_int_equal(merge_follow(fixture->merge, watches), 0);
    say(fixture, 1, 4);
    for (int i = 0; i < 100 && buffer_size(&fixture->seen) < 16; i++)
        loop_step(loop, 20);
    assert_seen(fixture, "0:1 1:2 0:3 1:4 ");
    merge_free(&fixture->merge);
    watches_free(&watches);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_come_by_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_log_is_never_reordered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_logs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_goes_on_from_the_loop, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
