#include "../support.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "../sse_reader.h"
#include "base/memory.h"
#include "tail/tail.h"

enum { NAME = 256 };

struct fixture {
    char path[32];
    int folder;
    struct fake_clock clock;
    struct loop *loop;
    struct tail_group *group;
    struct place place;
    int degraded;
};

struct reader {
    struct tail_reader reader;
    struct buffer stream; /* as its client gets it */
    struct buffer seen;   /* lines, joined by '|'; resets as "RESET" */
    char id[64];          /* of the last event */
    int pieces;
    int room; /* pieces until it must rest; -1: any number */
    int found;
    int level;
    int torn;
    struct event_id from;
    enum tail_reason reason;
};

static void on_degraded(void *owner, int error)
{
    ((struct fixture *)owner)->degraded = error;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/tail-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->folder = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    fixture->loop = loop_new(&fixture->clock.clock);
    fixture->group = tail_group_new(
        &(struct tail_group_settings){.loop = fixture->loop, .on_degraded = on_degraded, .owner = fixture});
    fixture->place = (struct place){.root = fixture->folder, .path = "events.jsonl"};
    *state = fixture;
    return 0;
}

static void remove_all(int folder)
{
    DIR *listing = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] != '.' && unlinkat(folder, entry->d_name, 0) && errno == EISDIR) {
            int inner = openat(folder, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            remove_all(inner);
            close(inner);
            unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(listing);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tail_group_free(&fixture->group);
    loop_free(&fixture->loop);
    remove_all(fixture->folder);
    close(fixture->folder);
    assert_int_equal(rmdir(fixture->path), 0);
    free(fixture);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------------- */

static int open_file(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void write_to(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void append(const struct fixture *fixture, const char *text)
{
    int fd = open_file(fixture, "events.jsonl");
    write_to(fd, text);
    close(fd);
}

static void move_to(const struct fixture *fixture, const char *name)
{
    assert_int_equal(renameat(fixture->folder, "events.jsonl", fixture->folder, name), 0);
}

static void cut(const struct fixture *fixture)
{
    int fd = openat(fixture->folder, "events.jsonl", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

/* --- time ------------------------------------------------------------------------------------------ */

static void pass(struct fixture *fixture, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        fixture->clock.now_us += 1000;
        turn_all(fixture->loop);
    }
}

/* What is new is read by now. */
static void settle(struct fixture *fixture)
{
    turn_all(fixture->loop);
    pass(fixture, TAIL_PACE_MS + 1);
}

/* --- readers --------------------------------------------------------------------------------------- */

static struct reader *reader_of(struct tail_reader *reader)
{
    return LIST_ENTRY(reader, struct reader, reader);
}

static bool on_piece(struct tail_reader *tail, const struct chunks_piece *piece)
{
    struct reader *reader = reader_of(tail);
    buffer_append(&reader->stream, piece->body);
    reader->pieces++;
    return reader->room < 0 || --reader->room > 0;
}

static void on_torn(struct tail_reader *tail)
{
    reader_of(tail)->torn++;
    tail_leave(tail);
}

static void take(struct reader *reader)
{
    struct sse_seen event = sse_seen_new();
    struct slice rest = buffer_slice(&reader->stream);
    while (sse_next_event(&rest, &event)) {
        buffer_append(&reader->seen, buffer_slice(&event.data));
        buffer_append_text(&reader->seen, "|");
        memcpy(reader->id, event.id, sizeof reader->id);
    }
    buffer_consume(&reader->stream, buffer_size(&reader->stream) - rest.size);
    buffer_free(&event.data);
}

static void on_reset(struct tail_reader *tail, const struct event_id *from, enum tail_reason reason)
{
    struct reader *reader = reader_of(tail);
    take(reader);
    buffer_append_text(&reader->seen, "RESET|");
    reader->from = *from;
    reader->reason = reason;
}

static void on_found(struct tail_reader *tail)
{
    reader_of(tail)->found++;
}

static void on_level(struct tail_reader *tail)
{
    reader_of(tail)->level++;
}

static const struct tail_reader_events events = {.on_piece = on_piece,
                                                 .on_torn = on_torn,
                                                 .on_reset = on_reset,
                                                 .on_found = on_found,
                                                 .on_level = on_level};

static enum tail_reason join(struct fixture *fixture, struct reader *reader, enum tail_start start,
                             const struct event_id *id)
{
    *reader = (struct reader){
        .reader.events = &events, .stream = BUFFER(64 << 20), .seen = BUFFER(64 << 20), .room = -1};
    return tail_join(fixture->group, &fixture->place, &reader->reader, start, id);
}

static void leave(struct reader *reader)
{
    tail_leave(&reader->reader);
    buffer_free(&reader->stream);
    buffer_free(&reader->seen);
}

static void assert_seen(struct reader *reader, const char *expected)
{
    take(reader);
    char *seen = slice_to_text(buffer_slice(&reader->seen));
    assert_string_equal(seen, expected);
    free(seen);
    buffer_clear(&reader->seen);
}

/* The place of a reader after what it has seen, as it would send it. */
static struct event_id last_id(struct reader *reader)
{
    struct event_id id;
    take(reader);
    assert_true(event_id_parse(slice_of_text(reader->id), &id));
    return id;
}

static void assert_same_id(struct event_id a, struct event_id b)
{
    assert_int_equal(a.generation, b.generation);
    assert_int_equal(a.offset, b.offset);
    assert_int_equal(a.check, b.check);
}

/* --- tests ------------------------------------------------------------------------------------------ */

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
    turn_all(fixture->loop);
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

/* --- coming back ------------------------------------------------------------------------------------- */

static void join_after(struct fixture *fixture, struct reader *reader, struct event_id id,
                       const char *expected)
{
    assert_int_equal(join(fixture, reader, TAIL_AFTER, &id), TAIL_NO_RESET);
    settle(fixture);
    assert_seen(reader, expected);
}

/* Another process: nothing of what was seen is known. */
static void forget(struct fixture *fixture)
{
    tail_group_free(&fixture->group);
    turn_all(fixture->loop);
    fixture->group = tail_group_new(&(struct tail_group_settings){.loop = fixture->loop});
}

/* A birth time of its own for the next file: the kernel's tick has passed. */
static void wait_for_tick(const struct fixture *fixture)
{
    struct stat first, next;
    int fd = open_file(fixture, "tick-0");
    fstat(fd, &first);
    close(fd);
    do {
        unlinkat(fixture->folder, "tick-1", 0);
        fd = open_file(fixture, "tick-1");
        fstat(fd, &next);
        close(fd);
    } while (next.st_ctim.tv_sec == first.st_ctim.tv_sec && next.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
    unlinkat(fixture->folder, "tick-0", 0);
    unlinkat(fixture->folder, "tick-1", 0);
}

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
        turn_all(fixture->loop);
    }
    assert_true(slow.pieces < 100); /* from the file, in larger pieces */
    assert_seen(&slow, buffer_slice(&expected).data);
    buffer_free(&expected);
    leave(&slow);
    leave(&quick);
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
    turn_all(fixture->loop);
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
    turn_all(fixture->loop);
    assert_true(open_descriptors() > before);
    for (int i = 0; i < 3; i++) {
        fixture->clock.now_us += TAIL_LINGER_MS * 1000LL;
        turn_all(fixture->loop);
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
    turn_all(fixture->loop);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renamed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_come_back_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_in_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_linger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_used_up, set_up, tear_down),
    };
    return run_group(tests);
}
