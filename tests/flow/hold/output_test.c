/* What a program writes is in the log: whole, in order, to the last byte before its death. */
#include "world.h"

static void assert_output(struct world *world, const char *script, const char *expected)
{
    struct hold_end end = run_to_end(world, script);
    assert_int_equal(end.code, 0);
    assert_string_equal(read_output(world), expected);
}

static void test_both_streams(void **state)
{
    struct world *world = *state; /* the order between two pipes is nobody's promise */
    struct hold_end end = run_to_end(world, "echo; printf 'a\\tb\\r\\n'; echo 1 >&2; echo 2 >&2; exit 0");
    assert_int_equal(end.code, 0);
    const char *found = read_output(world);
    assert_non_null(strstr(found, "stdout:|stdout:a\tb\r|"));
    assert_non_null(strstr(found, "stderr:1|stderr:2|"));
}

static void test_a_last_line_without_a_newline(void **state)
{
    assert_output(*state, "echo first; printf last", "stdout:first|stdout:last|");
}

static void test_bytes_that_are_not_utf8(void **state)
{
    assert_output(*state, "printf 'a\\377b\\303\\n\\303\\251\\n'",
                  "stdout:a\xef\xbf\xbd"
                  "b\xef\xbf\xbd|stdout:\xc3\xa9|");
}

static void test_a_line_in_pieces_is_one_record(void **state)
{
    assert_output(*state, "printf 'on'; sleep 0.02; printf 'e \\303'; sleep 0.02; printf '\\251\\n'",
                  "stdout:one \xc3\xa9|");
}

static void test_a_line_that_is_too_long_is_split(void **state)
{
    struct world *world = *state;
    struct hold_end end = run_to_end(world, "head -c 150000 /dev/zero | tr '\\0' x; echo; echo after");
    assert_int_equal(end.code, 0);
    const char *found = read_output(world);
    assert_int_equal(strspn(found + 7, "x"), LOGLINE_TEXT_LARGEST);
    assert_int_equal(found[7 + LOGLINE_TEXT_LARGEST], '+');
    size_t size = strlen(found);
    assert_int_equal(size, 150000 + 3 * 8 + strlen("stdout:after|"));
    assert_string_equal(found + size - 14, "|stdout:after|");
}

static void test_everything_before_death_is_there(void **state)
{
    struct world *world = *state;
    /* More than a pipe holds, the last of it written at the very end, then SIGKILL. */
    struct hold_end end = run_to_end(world, "seq 100000; printf end; kill -KILL $$");
    assert_int_equal(end.signal, SIGKILL);
    const char *at = read_output(world);
    for (int i = 1; i <= 100000; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "stdout:%d|", i);
        assert_memory_equal(at, line, size);
        at += size;
    }
    assert_string_equal(at, "stdout:end|");
}

static void test_the_end_does_not_wait_for_a_pipe_held_elsewhere(void **state)
{
    struct world *world = *state;
    start_script(world, "echo ready; exec sleep 1000");
    await_output(world, "ready");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/1", (int)world->pid);
    int copy = open(path, O_WRONLY | O_CLOEXEC); /* as a program that got it over a socket */
    assert_true(copy >= 0);
    assert_int_equal(write(copy, "foreign\n", 8), 8);
    tell(world, MESSAGE_HOLD_STOP, NULL);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    assert_string_equal(read_output(world), "stdout:ready|stdout:foreign|");
    close(copy);
    acknowledge(world);
}

static void say_bye(int signo)
{
    (void)signo;
    ssize_t written = write(STDOUT_FILENO, "bye\n", 4);
    _exit(written == 4 ? 0 : 1);
}

/* Leaves a child behind that has a last word. */
static int leave_a_polite_one(void)
{
    int ready[2];
    char byte;
    if (pipe(ready))
        return 1;
    if (fork() == 0) {
        on_signal(SIGTERM, say_bye);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 0 && write(STDOUT_FILENO, "main\n", 5) == 5 ? 0 : 1;
}

static void test_leftovers_are_heard_to_their_end(void **state)
{
    struct world *world = *state;
    start_mode(world, "polite");
    struct hold_end end = expect_end(world);
    assert_int_equal(end.code, 0);
    assert_int_equal(end.leftovers, 1);
    acknowledge(world);
    assert_string_equal(read_output(world), "stdout:main|stdout:bye|");
}

static void test_a_program_that_closes_its_output_lives_on(void **state)
{
    struct world *world = *state;
    start_script(world, "echo one; exec >&- 2>&-; sleep 0.05; exit 6");
    struct hold_end end = expect_end(world);
    assert_int_equal(end.code, 6);
    acknowledge(world);
    assert_string_equal(read_output(world), "stdout:one|");
}

static void test_the_log_is_rotated(void **state)
{
    struct world *world = *state;
    world->spec.output_max_bytes = 4096;
    world->spec.output_keep = 3;
    struct hold_end end = run_to_end(world, "seq 1000");
    assert_int_equal(end.code, 0);
    int files = 0;
    char name[LOGLINE_NAME_SIZE];
    for (int64_t number = 0; number < 100; number++) {
        struct stat about;
        if (fstatat(world->log, logline_file_name(number, name), &about, 0))
            continue;
        files++;
        assert_true(about.st_size <= 4096);
    }
    assert_int_equal(files, 2);
    assert_non_null(strstr(read_output(world), "stdout:1000|"));
}

static void test_a_log_that_cannot_be_written_stops_nothing(void **state)
{
    struct world *world = *state;
    assert_int_equal(symlinkat("/nowhere/else", world->log, LOGLINE_CURRENT), 0);
    start_script(world, "trap 'echo three; exit 0' TERM; echo one; echo two; while :; do sleep 0.01; done");
    json_t *news = expect(world, MESSAGE_HOLD_OUTPUT);
    assert_true(json_integer_value(json_object_get(news, "dropped")) >= 1);
    assert_string_equal(json_string_value(json_object_get(news, "error")), strerror(ELOOP));
    json_decref(news);
    assert_int_equal(unlinkat(world->log, LOGLINE_CURRENT, 0), 0);
    tell(world, MESSAGE_HOLD_STOP, NULL);
    struct hold_end end = expect_end(world);
    assert_int_equal(end.code, 0);
    acknowledge(world);
    const char *found = read_output(world);
    assert_non_null(strstr(found, "lines were dropped: "));
    assert_non_null(strstr(found, "stdout:three|"));
}

static void test_a_disk_that_was_full_is_tried_again(void **state)
{
    struct world *world = *state;
    assert_int_equal(symlinkat("/nowhere/else", world->log, LOGLINE_CURRENT), 0);
    start_script(world, "echo lost; exec sleep 1000"); /* nothing more is written that would cause a try */
    json_decref(expect(world, MESSAGE_HOLD_OUTPUT));
    assert_int_equal(unlinkat(world->log, LOGLINE_CURRENT, 0), 0);
    json_t *news = expect(world, MESSAGE_HOLD_OUTPUT);
    assert_null(json_object_get(news, "error"));
    json_decref(news);
    assert_string_equal(read_output(world), "reeve:1 lines were dropped: Too many levels of symbolic links|");
    tell(world, MESSAGE_HOLD_STOP, NULL);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    acknowledge(world);
}

static void test_status_counts_output_and_children(void **state)
{
    struct world *world = *state;
    start_script(world, "sleep 1000 & sleep 1000 & echo one; echo two >&2; wait");
    await_output(world, "one");
    await_output(world, "two");
    json_t *status = ask(world, MESSAGE_HOLD_STATUS, NULL);
    const json_t *output = json_object_get(status, "output");
    assert_int_equal(json_integer_value(json_object_get(output, "lines")), 2);
    assert_int_equal(json_integer_value(json_object_get(output, "dropped")), 0);
    struct buffer file = read_file(world->log, LOGLINE_CURRENT);
    assert_int_equal(json_integer_value(json_object_get(output, "bytes")), buffer_size(&file));
    buffer_free(&file);
    assert_int_equal(json_integer_value(json_object_get(status, "children")), 3);
    assert_false(json_is_true(json_object_get(status, "contained")));
    json_decref(status);
    tell(world, MESSAGE_HOLD_STOP, NULL);
    expect_end(world);
    acknowledge(world);
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "polite") == 0)
        return leave_a_polite_one();
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_both_streams),
        HOLD_TEST(test_a_last_line_without_a_newline),
        HOLD_TEST(test_bytes_that_are_not_utf8),
        HOLD_TEST(test_a_line_in_pieces_is_one_record),
        HOLD_TEST(test_a_line_that_is_too_long_is_split),
        HOLD_TEST(test_everything_before_death_is_there),
        HOLD_TEST(test_the_end_does_not_wait_for_a_pipe_held_elsewhere),
        HOLD_TEST(test_leftovers_are_heard_to_their_end),
        HOLD_TEST(test_a_program_that_closes_its_output_lives_on),
        HOLD_TEST(test_the_log_is_rotated),
        HOLD_TEST(test_a_log_that_cannot_be_written_stops_nothing),
        HOLD_TEST(test_a_disk_that_was_full_is_tried_again),
        HOLD_TEST(test_status_counts_output_and_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
