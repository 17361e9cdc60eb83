#include "readers.h"

static void test_missing(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    fixture->place.path = "a/b/events.jsonl";
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    assert_int_equal(reader.found, 0);
    assert_int_equal(mkdirat(fixture->folder, "a", 0700), 0);
    settle(fixture);
    assert_int_equal(mkdirat(fixture->folder, "a/b", 0700), 0);
    settle(fixture);
    int fd = open_file(fixture, "a/b/events.jsonl");
    settle(fixture);
    assert_int_equal(reader.found, 1);
    write_to(fd, "one\n");
    settle(fixture);
    assert_seen(&reader, "one|");
    close(fd);
    leave(&reader);
}

/* Nothing outside is reached, nothing but a file is read. */
static void test_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    assert_int_equal(symlinkat("/etc/passwd", fixture->folder, "events.jsonl"), 0);
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    assert_int_equal(unlinkat(fixture->folder, "events.jsonl", 0), 0);
    char path[NAME];
    snprintf(path, sizeof path, "%s/events.jsonl", fixture->path);
    assert_int_equal(mkfifo(path, 0600), 0);
    settle(fixture);
    assert_int_equal(reader.found, 0);
    assert_int_equal(unlinkat(fixture->folder, "events.jsonl", 0), 0);
    append(fixture, "one\n");
    settle(fixture);
    assert_int_equal(reader.found, 1);
    assert_seen(&reader, "one|");
    leave(&reader);
}

/* The writer goes on in the file that it has renamed, then in a new one. */
static void test_renamed(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    int fd = open_file(fixture, "events.jsonl");
    write_to(fd, "one\ntw");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    move_to(fixture, "events.jsonl.1");
    settle(fixture);
    write_to(fd, "o\n");
    settle(fixture);
    int new = open_file(fixture, "events.jsonl"); /* empty: the old one is not done */
    settle(fixture);
    write_to(fd, "three\n");
    settle(fixture);
    write_to(new, "four\n");
    settle(fixture);
    assert_seen(&reader, "one|two|three|four|");
    /* All of it between two looks. */
    write_to(new, "five\n");
    move_to(fixture, "events.jsonl.2");
    write_to(new, "six\n");
    append(fixture, "seven\n");
    move_to(fixture, "events.jsonl.3");
    append(fixture, "eight\n");
    settle(fixture);
    assert_seen(&reader, "five|six|seven|eight|");
    close(fd);
    close(new);
    leave(&reader);
}

static void test_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    int fd = open_file(fixture, "events.jsonl");
    write_to(fd, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    write_to(fd, "two\n");
    assert_int_equal(unlinkat(fixture->folder, "events.jsonl", 0), 0);
    write_to(fd, "three\n");
    settle(fixture);
    append(fixture, "four\n");
    settle(fixture);
    assert_seen(&reader, "one|two|three|four|");
    close(fd);
    leave(&reader);
}

/* --- coming back ------------------------------------------------------------------------------------- */

static void test_come_back(void **state)
{
    struct fixture *fixture = *state;
    for (int again = 0; again < 2; again++) {
        struct reader reader, other;
        append(fixture, "one\ntwo\n");
        join(fixture, &reader, TAIL_START, NULL);
        settle(fixture);
        struct event_id id = last_id(&reader);
        leave(&reader);
        append(fixture, "three\n");
        move_to(fixture, "events.jsonl.1");
        wait_for_tick(fixture);
        append(fixture, "four\n");
        move_to(fixture, "events.jsonl.2");
        wait_for_tick(fixture);
        append(fixture, "five\n");
        if (again)
            forget(fixture);
        join(fixture, &other, TAIL_START, NULL); /* one who comes anew gets the file that is there */
        settle(fixture);
        assert_seen(&other, "five|");
        join_after(fixture, &reader, id, "three|four|five|");
        leave(&reader);
        join_after(fixture, &reader, last_id(&other), "");
        append(fixture, "six\n");
        settle(fixture);
        assert_seen(&reader, "six|");
        leave(&reader);
        leave(&other);
        remove_all(fixture->folder);
        forget(fixture);
    }
}

/* One who comes back makes the gate read on: the others get what it finds, too. */
static void test_found_by_one_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader, other;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id id = last_id(&reader);
    leave(&reader);
    forget(fixture);
    move_to(fixture, "events.jsonl.1");
    wait_for_tick(fixture);
    append(fixture, "two\n");
    join(fixture, &other, TAIL_START, NULL);
    settle(fixture);
    assert_seen(&other, "two|");
    append(fixture, "three\n");
    join_after(fixture, &reader, id, "two|three|");
    assert_seen(&other, "three|");
    leave(&reader);
    leave(&other);
}

/* The file was renamed, and there is no other yet. */
static void test_come_back_between(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader, fresh;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id id = last_id(&reader);
    leave(&reader);
    int fd = open_file(fixture, "events.jsonl");
    move_to(fixture, "events.jsonl.1");
    forget(fixture);
    join_after(fixture, &reader, id, "");
    write_to(fd, "two\n");
    settle(fixture);
    assert_seen(&reader, "two|");
    join(fixture, &fresh, TAIL_START, NULL);
    settle(fixture);
    append(fixture, "three\n");
    settle(fixture);
    assert_seen(&reader, "three|");
    assert_seen(&fresh, "three|");
    assert_int_equal(fresh.found, 1);
    close(fd);
    leave(&reader);
    leave(&fresh);
}

/* A process that is behind gets a place from one that is not: in a file it has not seen, under another name
 * by now, newer than those it has. It must not take it for an older one, and its own readers not pass it by.
 */
static void test_place_ahead(void **state)
{
    struct fixture *fixture = *state;
    struct reader behind, ahead, further;
    struct place_file about;
    append(fixture, "one\n");
    join(fixture, &behind, TAIL_START, NULL);
    settle(fixture);
    assert_seen(&behind, "one|");
    usleep(12000); /* births are ordered by the kernel's tick */
    move_to(fixture, "events.jsonl.1");
    append(fixture, "two\nthree\n");
    usleep(12000);
    move_to(fixture, "events.jsonl.2");
    append(fixture, "four\n");
    int folder = place_open_folder(&fixture->place);
    int fd = place_open_beside(folder, "events.jsonl.2", &about);
    assert_true(fd >= 0);
    struct event_id id = {event_id_generation(&about.id, SLICE("two\n")), 4, event_id_check(SLICE("two\n"))};
    assert_int_equal(join(fixture, &ahead, TAIL_AFTER, &id), TAIL_NO_RESET);
    id.offset = 10; /* more than has been read of it, as a long file would be */
    id.check = event_id_check(SLICE("two\nthree\n"));
    assert_int_equal(join(fixture, &further, TAIL_AFTER, &id), TAIL_NO_RESET);
    settle(fixture);
    assert_seen(&ahead, "three|four|");
    assert_seen(&further, "four|");
    assert_seen(&behind, "two|three|four|");
    close(fd);
    close(folder);
    leave(&behind);
    leave(&ahead);
    leave(&further);
}

/* A reader that is far behind keeps open what it has before it, deleted or not. */
static void test_far_behind(void **state)
{
    struct fixture *fixture = *state;
    struct reader slow, quick;
    append(fixture, "one\n");
    join(fixture, &slow, TAIL_START, NULL);
    join(fixture, &quick, TAIL_START, NULL);
    slow.reader.held = true;
    const char *const lines[] = {"two\n", "three\n", "four\n"};
    for (size_t i = 0; i < 3; i++) {
        settle(fixture);
        assert_int_equal(unlinkat(fixture->folder, "events.jsonl", 0), 0);
        append(fixture, lines[i]);
    }
    settle(fixture);
    assert_seen(&quick, "one|two|three|four|");
    pass(fixture, 2 * TAIL_LINGER_MS);
    pass(fixture, 2 * TAIL_LINGER_MS);
    slow.reader.held = false;
    tail_resume(&slow.reader);
    settle(fixture);
    assert_seen(&slow, "one|two|three|four|");
    leave(&slow);
    leave(&quick);
}

static void test_ids_that_do_not_fit(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\ntwo\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id id = last_id(&reader);
    leave(&reader);
    struct event_id changed = id, gone = id, beginning = EVENT_ID_BEGINNING;
    changed.check++;
    gone.generation++;
    assert_int_equal(join(fixture, &reader, TAIL_AFTER, &changed), TAIL_CHANGED);
    settle(fixture);
    assert_seen(&reader, "one|two|");
    leave(&reader);
    assert_int_equal(join(fixture, &reader, TAIL_AFTER, &gone), TAIL_GONE);
    settle(fixture);
    assert_seen(&reader, "one|two|");
    leave(&reader);
    join_after(fixture, &reader, beginning, "one|two|");
    leave(&reader);
}

/* A copy of a file is not what came after it. */
static void test_copy(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id id = last_id(&reader);
    leave(&reader);
    wait_for_tick(fixture);
    int copy = open_file(fixture, "events.jsonl.bak"), packed = open_file(fixture, "events.jsonl.1.gz");
    write_to(copy, "one\n");
    write_to(packed, "no text\n");
    append(fixture, "two\n");
    move_to(fixture, "events.jsonl.1");
    wait_for_tick(fixture);
    append(fixture, "three\n");
    forget(fixture);
    join_after(fixture, &reader, id, "two|three|");
    close(copy);
    close(packed);
    leave(&reader);
}

/* ... although the file was cut since (copytruncate) and then renamed. */
static void test_copy_of_what_was_cut(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\ntwo\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    wait_for_tick(fixture);
    int copy = open_file(fixture, "events.jsonl.bak");
    write_to(copy, "one\ntwo\n");
    wait_for_tick(fixture);
    cut(fixture);
    append(fixture, "three\n");
    settle(fixture);
    assert_seen(&reader, "one|two|RESET|three|");
    struct event_id id = last_id(&reader);
    move_to(fixture, "events.jsonl.1");
    wait_for_tick(fixture);
    append(fixture, "four\n");
    settle(fixture);
    assert_seen(&reader, "four|");
    leave(&reader);
    forget(fixture);
    join_after(fixture, &reader, id, "four|");
    close(copy);
    leave(&reader);
}

/* A slow reader is still in a file that was renamed and is then cut: one reset, and the next file. */
static void test_old_file_cut(void **state)
{
    struct fixture *fixture = *state;
    struct reader slow;
    char line[1001] = "";
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    for (int i = 0; i < 300; i++)
        append(fixture, line);
    join(fixture, &slow, TAIL_START, NULL);
    slow.room = 1;
    settle(fixture);
    assert_true(slow.reader.resting);
    struct event_id id = last_id(&slow);
    buffer_clear(&slow.seen);
    move_to(fixture, "events.jsonl.1");
    append(fixture, "next\n");
    settle(fixture);
    int old = openat(fixture->folder, "events.jsonl.1", O_WRONLY | O_TRUNC | O_CLOEXEC);
    slow.room = -1;
    tail_resume(&slow.reader);
    settle(fixture);
    assert_seen(&slow, "RESET|next|");
    assert_int_equal(slow.reason, TAIL_CHANGED);
    assert_same_id(slow.from, id);
    close(old);
    leave(&slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renamed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_come_back_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_found_by_one_that_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_far_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_place_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copy_of_what_was_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_file_cut, set_up, tear_down),
    };
    return run_group(tests);
}
