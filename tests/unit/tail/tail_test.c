#include "readers.h"

static void test_lines(void **state)
{
    struct fixture *fixture = *state;
    struct reader start, end;
    append(fixture, "one\n");
    assert_int_equal(join(fixture, &start, TAIL_START, NULL), TAIL_NO_RESET);
    assert_int_equal(join(fixture, &end, TAIL_END, NULL), TAIL_NO_RESET);
    settle(fixture);
    assert_seen(&start, "one|");
    append(fixture, "two\nth");
    settle(fixture);
    append(fixture, "ree\n");
    settle(fixture);
    assert_seen(&start, "two|three|");
    assert_seen(&end, "two|three|");
    assert_int_equal(start.found, 0);
    leave(&start);
    leave(&end);
}

/* The first at once, what follows within 5 ms together. */
static void test_pace(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    int before = reader.pieces;
    append(fixture, "two\n");
    turn_here(fixture->loop);
    assert_int_equal(reader.pieces, before + 1);
    for (int i = 0; i < TAIL_PACE_MS - 1; i++) {
        append(fixture, "more\n");
        pass(fixture, 1);
        assert_int_equal(reader.pieces, before + 1);
    }
    pass(fixture, 1);
    assert_int_equal(reader.pieces, before + 2);
    assert_seen(&reader, "one|two|more|more|more|more|");
    leave(&reader);
}

static void test_cut(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\ntwo\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id before = last_id(&reader);
    cut(fixture);
    settle(fixture);
    append(fixture, "three\n");
    settle(fixture);
    assert_seen(&reader, "one|two|RESET|three|");
    assert_int_equal(reader.reason, TAIL_CUT);
    assert_same_id(reader.from, before);
    /* Cut and grown again between two looks. */
    before = last_id(&reader);
    cut(fixture);
    append(fixture, "four is longer than three\n");
    settle(fixture);
    assert_seen(&reader, "RESET|four is longer than three|");
    assert_same_id(reader.from, before);
    leave(&reader);
}

/* --- slow clients ------------------------------------------------------------------------------------ */

static void test_rest(void **state)
{
    struct fixture *fixture = *state;
    struct reader slow, quick;
    struct buffer expected = BUFFER(16 << 20);
    append(fixture, "0\n");
    join(fixture, &slow, TAIL_START, NULL);
    join(fixture, &quick, TAIL_START, NULL);
    slow.room = 1;
    settle(fixture);
    for (int i = 1; i < 2000; i++) {
        char line[300];
        snprintf(line, sizeof line, "%d %0200d\n", i, i);
        append(fixture, line);
        buffer_append_format(&expected, "%d %0200d|", i, i);
        if (i % 10 == 0)
            settle(fixture);
    }
    settle(fixture);
    assert_int_equal(slow.pieces, 1);
    buffer_append(&expected, slice_of("", 1));
    assert_seen(&slow, "0|");
    take(&quick);
    buffer_consume(&quick.seen, 2);
    assert_seen(&quick, buffer_slice(&expected).data);
    while (slow.pieces < 1000 && slow.reader.resting) {
        slow.room = 1;
        tail_resume(&slow.reader);
        turn_here(fixture->loop);
    }
    assert_true(slow.pieces < 100); /* from the file, in larger pieces */
    assert_seen(&slow, buffer_slice(&expected).data);
    buffer_free(&expected);
    leave(&slow);
    leave(&quick);
}

/* Several readers have not been served when the file is found cut. */
static void test_cut_while_due(void **state)
{
    struct fixture *fixture = *state;
    struct reader readers[5];
    append(fixture, "one\n");
    for (size_t i = 0; i < 3; i++)
        join(fixture, &readers[i], TAIL_START, NULL);
    settle(fixture);
    append(fixture, "two\n");
    join(fixture, &readers[3], TAIL_END, NULL); /* looks at the file: the others are due */
    cut(fixture);
    append(fixture, "x\n");
    join(fixture, &readers[4], TAIL_END, NULL);
    settle(fixture);
    for (size_t i = 0; i < 5; i++)
        leave(&readers[i]);
}

/* A long line of which the beginning is sent is gone: the stream cannot go on. */
static void test_cut_in_line(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    char *line = memory_new(3 * GROWING_READ);
    memset(line, 'x', 3 * GROWING_READ - 2);
    line[3 * GROWING_READ - 2] = '\n';
    append(fixture, line);
    join(fixture, &reader, TAIL_START, NULL);
    reader.room = 1;
    settle(fixture);
    assert_true(reader.reader.resting);
    cut(fixture);
    append(fixture, "two\n");
    settle(fixture);
    assert_int_equal(reader.torn, 1);
    assert_seen(&reader, "");
    free(line);
    leave(&reader);
}

/* --- the rest ---------------------------------------------------------------------------------------- */

static void test_level(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    int before = reader.level;
    assert_true(before > 0);
    append(fixture, "two\nhalf");
    tail_refresh(&reader.reader);
    turn_here(fixture->loop);
    assert_true(reader.level > before);
    assert_seen(&reader, "one|two|");
    assert_int_equal(tail_unfinished(&reader.reader), 4);
    assert_true(tail_is_level(&reader.reader));
    append(fixture, "\n");
    assert_false(tail_is_level(&reader.reader));
    settle(fixture);
    assert_true(tail_is_level(&reader.reader));
    leave(&reader);
}

static void test_linger(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    int before = open_descriptors();
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    leave(&reader);
    fixture->clock.now_us += TAIL_LINGER_MS * 1000LL / 2;
    turn_here(fixture->loop);
    assert_true(open_descriptors() > before);
    for (int i = 0; i < 3; i++) {
        fixture->clock.now_us += TAIL_LINGER_MS * 1000LL;
        turn_here(fixture->loop);
    }
    assert_int_equal(open_descriptors(), before + 1); /* that of inotify */
}

/* No watch can be had: the file is looked at; when one can be had again, it is watched. */
static void test_used_up(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, none;
    struct reader reader;
    append(fixture, "one\n");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    none = before;
    none.rlim_cur = (rlim_t)next + 2; /* for the folder and the file */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    join(fixture, &reader, TAIL_START, NULL);
    assert_int_equal(fixture->degraded, EMFILE);
    settle(fixture);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    append(fixture, "two\n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn_here(fixture->loop);
    assert_seen(&reader, "one|");
    pass(fixture, TAIL_POLL_MS);
    assert_seen(&reader, "two|");
    assert_int_equal(fixture->degraded, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    pass(fixture, 2 * TAIL_POLL_MS);
    assert_int_equal(fixture->degraded, 0);
    append(fixture, "three\n");
    settle(fixture);
    assert_seen(&reader, "three|");
    leave(&reader);
}

/* --- a file that cannot be read for a while ----------------------------------------------------------- */

/* The reader's file gives an error for each read from now on; what it was, to be given back to heal(). */
static int break_file(const struct fixture *fixture, const struct reader *reader)
{
    int fd = reader->reader.file->growing.fd;
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0), broken = open_file(fixture, "unreadable");
    assert_true(kept >= 0);
    assert_int_equal(dup3(broken, fd, O_CLOEXEC), fd); /* open for writing: EBADF */
    close(broken);
    return kept;
}

static void heal(const struct reader *reader, int kept)
{
    int fd = reader->reader.file->growing.fd;
    assert_int_equal(dup3(kept, fd, O_CLOEXEC), fd);
    close(kept);
}

/* How often the loop had something to do. */
static int count_turns(struct fixture *fixture, int64_t ms)
{
    int turns = 0;
    for (int64_t i = 0; i < ms; i++) {
        fixture->clock.now_us += 1000;
        while (loop_step(fixture->loop, 0))
            assert_true(++turns < 100000);
    }
    return turns;
}

static void test_reader_that_is_level(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    int kept = break_file(fixture, &reader);
    append(fixture, "two\n");
    assert_true(count_turns(fixture, 10 * TAIL_POLL_MS) < 100);
    assert_seen(&reader, "one|");
    assert_int_equal(fixture->refused, EBADF);
    assert_int_equal(fixture->refusals, 1);
    assert_int_equal(tail_refused(&reader.reader), EBADF);
    assert_false(tail_is_level(&reader.reader));
    /* The end of a target is not told before its last line. */
    int level = reader.level;
    tail_refresh(&reader.reader);
    pass(fixture, 2 * TAIL_POLL_MS);
    assert_int_equal(reader.level, level);
    heal(&reader, kept);
    pass(fixture, 3 * TAIL_POLL_MS);
    assert_seen(&reader, "two|");
    assert_true(reader.level > level);
    assert_true(tail_is_level(&reader.reader));
    assert_int_equal(tail_refused(&reader.reader), 0);
    /* It is told again when it comes again. */
    kept = break_file(fixture, &reader);
    append(fixture, "three\n");
    pass(fixture, TAIL_POLL_MS);
    assert_int_equal(fixture->refusals, 2);
    heal(&reader, kept);
    pass(fixture, 3 * TAIL_POLL_MS);
    assert_seen(&reader, "three|");
    assert_int_equal(count_turns(fixture, 10 * TAIL_POLL_MS), 0);
    leave(&reader);
}

/* What a file has that cannot be read is not passed over for the next one. */
static void test_file_before_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader, fresh;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    int kept = break_file(fixture, &reader);
    append(fixture, "two\n");
    move_to(fixture, "events.jsonl.1");
    append(fixture, "three\n");
    pass(fixture, 4 * TAIL_POLL_MS);
    assert_seen(&reader, "one|");
    join(fixture, &fresh, TAIL_START, NULL); /* the other file is read all the same */
    settle(fixture);
    assert_seen(&fresh, "three|");
    append(fixture, "four\n");
    pass(fixture, 2 * TAIL_POLL_MS);
    assert_seen(&fresh, "four|");
    heal(&reader, kept);
    pass(fixture, 3 * TAIL_POLL_MS);
    assert_seen(&reader, "two|three|four|");
    leave(&reader);
    leave(&fresh);
}

/* A reader that reads the file itself. */
static void test_reader_that_is_behind(void **state)
{
    struct fixture *fixture = *state;
    struct reader slow;
    char line[1001] = "";
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    for (int i = 0; i < 500; i++)
        append(fixture, line);
    join(fixture, &slow, TAIL_START, NULL);
    slow.room = 1;
    settle(fixture);
    assert_true(slow.reader.resting);
    int kept = break_file(fixture, &slow);
    slow.room = -1;
    tail_resume(&slow.reader);
    assert_true(count_turns(fixture, 10 * TAIL_POLL_MS) < 200);
    assert_int_equal(slow.pieces, 1);
    assert_int_equal(fixture->refused, EBADF);
    heal(&slow, kept);
    pass(fixture, 3 * TAIL_POLL_MS);
    take(&slow);
    assert_int_equal(buffer_size(&slow.seen), 500 * 1000); /* each line once, no reset */
    assert_int_equal(tail_refused(&slow.reader), 0);
    leave(&slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_while_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_in_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_linger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_used_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reader_that_is_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_before_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reader_that_is_behind, set_up, tear_down),
    };
    return run_group(tests);
}
