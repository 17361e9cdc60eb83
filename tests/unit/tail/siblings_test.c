/* Files that change their names, or what is in them, while nobody looks, or just then. */
#include <dlfcn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>

#include "readers.h"

/* --- what happens between two system calls of a gate -------------------------------------------------- */

struct hook {
    void (*happens)(struct fixture *fixture);
    struct fixture *fixture;
    int calls; /* before it does */
};

static struct hook while_listed, before_watch;

static void happen(struct hook *hook)
{
    void (*happens)(struct fixture * fixture) = hook->happens;
    if (!happens || hook->calls-- > 0)
        return;
    hook->happens = NULL;
    happens(hook->fixture);
}

/* The whole folder is listed with the first call. */
struct dirent *readdir(DIR *listing)
{
    static struct dirent *(*real)(DIR *);
    if (!real)
        real = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, sizeof(off_t) == 8 ? "readdir64" : "readdir");
    struct dirent *entry = real(listing);
    happen(&while_listed);
    return entry;
}

int inotify_add_watch(int instance, const char *path, uint32_t mask)
{
    happen(&before_watch);
    return (int)syscall(SYS_inotify_add_watch, instance, path, mask);
}

static void rename_second(struct fixture *fixture)
{
    assert_int_equal(renameat(fixture->folder, "events.jsonl.2", fixture->folder, "events.jsonl.3"), 0);
}

static void cut_and_write(struct fixture *fixture)
{
    cut(fixture);
    append(fixture, "three\n");
}

/* --- tests ------------------------------------------------------------------------------------------- */

/* Files that lose their names before their first line: lines may come, or none at all. */
static void test_renamed_before_the_first_line(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    move_to(fixture, "events.jsonl.1");
    int second = open_file(fixture, "events.jsonl");
    move_to(fixture, "events.jsonl.2");
    wait_for_tick(fixture);
    append(fixture, "");
    settle(fixture);
    write_to(second, "two\n");
    settle(fixture);
    assert_seen(&reader, "one|two|");
    move_to(fixture, "events.jsonl.3");
    wait_for_tick(fixture);
    append(fixture, "o"); /* the third one stays empty; this is no copy of the first */
    move_to(fixture, "events.jsonl.4");
    wait_for_tick(fixture);
    append(fixture, "");
    settle(fixture);
    int fourth = open_file(fixture, "events.jsonl.4");
    write_to(fourth, "ver\n");
    append(fixture, "four\n");
    settle(fixture);
    assert_seen(&reader, "over|four|");
    close(fourth);
    close(second);
    leave(&reader);
}

/* An access log beside a file of events looks like one that was rotated. */
static void test_what_is_hidden_is_no_sibling(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    struct hidden *hidden = NULL;
    hidden_add(&hidden, "events.jsonl.access");
    fixture->place.hidden = hidden;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id at = tail_place(&reader.reader);
    leave(&reader);
    forget(fixture);
    move_to(fixture, "events.jsonl.1");
    static const char *const names[] = {"events.jsonl.access", "events.jsonl.2", "events.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wait_for_tick(fixture);
        int fd = open_file(fixture, names[i]);
        write_to(fd, names[i]);
        write_to(fd, "\n");
        close(fd);
    }
    join(fixture, &reader, TAIL_AFTER, &at);
    settle(fixture);
    assert_seen(&reader, "events.jsonl.2|events.jsonl|");
    leave(&reader);
    forget(fixture);
    hidden_free(&hidden);
}

/* A client that leaves right behind a reset goes on in that file, whatever came since. */
static void test_left_behind_a_reset(void **state)
{
    struct fixture *fixture = *state;
    for (int other = 0; other < 2; other++) {
        struct reader reader;
        append(fixture, "one\ntwo\n");
        join(fixture, &reader, TAIL_START, NULL);
        settle(fixture);
        cut(fixture);
        settle(fixture);
        assert_seen(&reader, "one|two|RESET|");
        struct event_id at = reader.at;
        assert_int_equal(at.offset, 0);
        assert_int_not_equal(at.generation, 0);
        leave(&reader);
        append(fixture, "three\n");
        move_to(fixture, "events.jsonl.1");
        wait_for_tick(fixture);
        append(fixture, "four\n");
        settle(fixture);
        if (other)
            forget(fixture);
        /* Whether it was there before the cut is not known to a gate that has seen it: it is told again. */
        assert_int_equal(join(fixture, &reader, TAIL_AFTER, &at), other ? TAIL_NO_RESET : TAIL_CUT);
        settle(fixture);
        assert_seen(&reader, "three|four|");
        leave(&reader);
        remove_all(fixture->folder);
        forget(fixture);
    }
}

/* The gate that one comes to has not seen the cut yet: what was before it does not come again. */
static void test_come_back_before_a_cut_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct reader stays, reader;
    append(fixture, "one\ntwo\n");
    join(fixture, &stays, TAIL_START, NULL);
    settle(fixture);
    struct event_id start = event_id_start(&stays.reader.file->growing.file.id);
    cut(fixture);
    append(fixture, "three\n");
    assert_int_equal(join(fixture, &reader, TAIL_AFTER, &start), TAIL_CUT);
    settle(fixture);
    assert_seen(&reader, "three|");
    assert_seen(&stays, "one|two|RESET|three|");
    leave(&reader);
    leave(&stays);
}

/* A file is cut between the look that finds it and the first read. */
static void test_cut_before_the_first_read(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    move_to(fixture, "events.jsonl.1");
    append(fixture, "two\n");
    before_watch.happens = cut_and_write; /* each file is watched before it is read for the first time */
    before_watch.fixture = fixture;
    settle(fixture);
    assert_null(before_watch.happens);
    assert_seen(&reader, "one|RESET|three|");
    assert_int_equal(reader.reason, TAIL_CUT);
    leave(&reader);
}

/* Rotation goes on while the folder is listed. */
static void test_renamed_while_listed(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "one\n");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    move_to(fixture, "events.jsonl.1");
    wait_for_tick(fixture);
    append(fixture, "two\n");
    move_to(fixture, "events.jsonl.2");
    wait_for_tick(fixture);
    append(fixture, "three\n");
    while_listed.happens = rename_second;
    while_listed.fixture = fixture;
    settle(fixture);
    assert_null(while_listed.happens);
    assert_seen(&reader, "one|two|three|");
    leave(&reader);
}

/* The place in a file without a line is that file's, too. */
static void test_left_before_the_first_line(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader;
    append(fixture, "");
    join(fixture, &reader, TAIL_START, NULL);
    settle(fixture);
    struct event_id at = tail_place(&reader.reader);
    leave(&reader);
    append(fixture, "one\n");
    move_to(fixture, "events.jsonl.1");
    wait_for_tick(fixture);
    append(fixture, "two\n");
    join_after(fixture, &reader, at, "one|two|");
    leave(&reader);
    /* It is no place elsewhere. */
    at.offset = 4;
    at.check = event_id_check(SLICE("one\n"));
    assert_int_equal(join(fixture, &reader, TAIL_AFTER, &at), TAIL_CHANGED);
    leave(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_renamed_before_the_first_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_behind_a_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_come_back_before_a_cut_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_before_the_first_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renamed_while_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_hidden_is_no_sibling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_before_the_first_line, set_up, tear_down),
    };
    return run_group(tests);
}
