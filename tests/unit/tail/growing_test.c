#include "../support.h"

#include <sys/mman.h>

#include "../sse_reader.h"
#include "base/memory.h"
#include "tail/growing.h"

struct fixture {
    int fd;
    struct growing growing;
    char *scratch;
    struct buffer seen; /* what a reader has got, as lines */
    struct growing_cursor cursor;
    struct buffer stream;
};

static void open_growing(struct fixture *fixture, bool whole)
{
    struct place_file file;
    assert_int_equal(place_identify(fixture->fd, &file), 0);
    growing_open(&fixture->growing, dup(fixture->fd), &file, whole);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->fd = memfd_create("growing", MFD_CLOEXEC);
    fixture->scratch = memory_new(EVENT_ID_CHECKED + GROWING_READ);
    fixture->seen = BUFFER(64 << 20);
    fixture->stream = BUFFER(64 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    growing_close(&fixture->growing);
    close(fixture->fd);
    buffer_free(&fixture->seen);
    buffer_free(&fixture->stream);
    free(fixture->scratch);
    free(fixture);
    return 0;
}

static void append(const struct fixture *fixture, struct slice text)
{
    assert_true(lseek(fixture->fd, 0, SEEK_END) >= 0);
    assert_int_equal(write(fixture->fd, text.data, text.size), (ssize_t)text.size);
}

static enum growing_result read_all(struct fixture *fixture)
{
    enum growing_result result = GROWING_MORE;
    while (result == GROWING_MORE)
        result = growing_read(&fixture->growing, fixture->scratch);
    return result;
}

/* Gives a reader everything, from the window if `window`, and puts what it makes of it behind `seen`. */
static void drain(struct fixture *fixture, bool window)
{
    struct growing *growing = &fixture->growing;
    while (fixture->cursor.offset < growing->complete) {
        const struct growing_piece *piece =
            window && !fixture->cursor.line.begun ? growing_find(growing, fixture->cursor.offset) : NULL;
        if (piece) {
            buffer_append(&fixture->stream, piece->bytes.body);
            fixture->cursor = (struct growing_cursor){.offset = piece->end, .check = piece->check};
            continue;
        }
        struct buffer out = BUFFER(GROWING_PIECE);
        assert_int_equal(growing_catch_up(growing, &fixture->cursor, fixture->scratch, &out), GROWING_MORE);
        buffer_append(&fixture->stream, buffer_slice(&out));
        buffer_free(&out);
    }
    struct sse_seen event = sse_seen_new();
    struct slice rest = buffer_slice(&fixture->stream);
    while (sse_next_event(&rest, &event)) {
        buffer_append(&fixture->seen, buffer_slice(&event.data));
        buffer_append_text(&fixture->seen, "\n");
    }
    buffer_consume(&fixture->stream, buffer_size(&fixture->stream) - rest.size);
    buffer_free(&event.data);
}

static void assert_seen(struct fixture *fixture, struct slice expected)
{
    assert_int_equal(buffer_size(&fixture->seen), expected.size);
    assert_true(slice_equal(buffer_slice(&fixture->seen), expected));
    buffer_clear(&fixture->seen);
}

/* A text that is written in two pieces is the same to every reader, and no half of a line is given. */
static void test_each_split(void **state)
{
    struct fixture *fixture = *state;
    const struct slice text = SLICE("one\ntwo is longer\n\nfour\nfive\n");
    for (size_t split = 0; split <= text.size; split++) {
        for (int window = 0; window < 2; window++) {
            assert_int_equal(ftruncate(fixture->fd, 0), 0);
            open_growing(fixture, true);
            fixture->cursor = (struct growing_cursor){0};
            struct slice first = slice_between(text, 0, split);
            const char *newline = split ? memrchr(first.data, '\n', first.size) : NULL;
            append(fixture, first);
            assert_int_equal(read_all(fixture), GROWING_END);
            drain(fixture, window);
            assert_seen(fixture, slice_of(first.data, newline ? (size_t)(newline - first.data) + 1 : 0));
            append(fixture, slice_from(text, split));
            assert_int_equal(read_all(fixture), GROWING_END);
            drain(fixture, window);
            assert_seen(fixture, slice_from(text, newline ? (size_t)(newline - first.data) + 1 : 0));
            growing_close(&fixture->growing);
        }
    }
    open_growing(fixture, true);
}

/* The same place has the same id for one who followed and for one who opens the file later. */
static void test_ids(void **state)
{
    struct fixture *fixture = *state;
    struct growing_cursor cursor;
    open_growing(fixture, true);
    for (int i = 0; i < 100; i++) {
        char line[40];
        int size = snprintf(line, sizeof line, "line number %d of some\n", i);
        append(fixture, slice_of(line, (size_t)size));
        assert_int_equal(read_all(fixture), GROWING_END);
    }
    const struct event_id followed = {fixture->growing.generation, fixture->growing.complete,
                                      fixture->growing.check};
    growing_close(&fixture->growing);
    open_growing(fixture, false);
    read_all(fixture);
    assert_true(growing_fits(&fixture->growing, &followed, &cursor));
    assert_int_equal(cursor.offset, followed.offset);
    const struct event_id wrong[] = {
        {followed.generation + 1, followed.offset, followed.check},
        {followed.generation, followed.offset, followed.check + 1},
        {followed.generation, followed.offset + 1, followed.check},
        {followed.generation, followed.offset - 1, followed.check},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(growing_fits(&fixture->growing, &wrong[i], &cursor));
    /* In the middle of a line there is no place, even with the right check. */
    char before[EVENT_ID_CHECKED];
    assert_int_equal(pread(fixture->fd, before, sizeof before, followed.offset - 3 - EVENT_ID_CHECKED),
                     EVENT_ID_CHECKED);
    const struct event_id inside = {followed.generation, followed.offset - 3,
                                    event_id_check(slice_of(before, sizeof before))};
    assert_false(growing_fits(&fixture->growing, &inside, &cursor));
}

static void test_cut(void **state)
{
    struct fixture *fixture = *state;
    open_growing(fixture, true);
    append(fixture, SLICE("one\ntwo\nthree\n"));
    assert_int_equal(read_all(fixture), GROWING_END);
    uint64_t before = fixture->growing.generation;
    /* Shorter. */
    assert_int_equal(ftruncate(fixture->fd, 4), 0);
    assert_int_equal(read_all(fixture), GROWING_CUT);
    growing_restart(&fixture->growing);
    drain(fixture, true);
    assert_int_equal(read_all(fixture), GROWING_END);
    fixture->cursor = (struct growing_cursor){0};
    drain(fixture, true);
    assert_seen(fixture, SLICE("one\n"));
    assert_int_equal(fixture->growing.generation, before);
    /* Grown again beyond what had been read. */
    assert_int_equal(ftruncate(fixture->fd, 0), 0);
    append(fixture, SLICE("another beginning, and more than there was\n"));
    assert_int_equal(read_all(fixture), GROWING_CUT);
    growing_restart(&fixture->growing);
    assert_int_equal(read_all(fixture), GROWING_END);
    assert_int_not_equal(fixture->growing.generation, before);
    /* A reader of the old content is not served. */
    struct growing_cursor stale = {.offset = 4, .check = event_id_check(SLICE("one\n"))};
    struct buffer out = BUFFER(GROWING_PIECE);
    assert_int_equal(growing_catch_up(&fixture->growing, &stale, fixture->scratch, &out), GROWING_CUT);
    buffer_free(&out);
}

/* A file of which only the first line was looked at is cut before it is read. */
static void test_cut_before_the_first_read(void **state)
{
    struct fixture *fixture = *state;
    open_growing(fixture, true);
    append(fixture, SLICE("one\n"));
    growing_is(&fixture->growing, 0);
    uint64_t before = fixture->growing.generation;
    assert_int_not_equal(before, 0);
    assert_int_equal(ftruncate(fixture->fd, 0), 0);
    append(fixture, SLICE("two is longer\n"));
    assert_int_equal(read_all(fixture), GROWING_CUT);
    growing_restart(&fixture->growing);
    assert_int_equal(read_all(fixture), GROWING_END);
    assert_int_not_equal(fixture->growing.generation, before);
    drain(fixture, true);
    assert_seen(fixture, SLICE("two is longer\n"));
}

/* A reader at the start is not given the lines of a file that was cut as if they were those before. */
static void test_catch_up_from_the_start_of_a_cut_file(void **state)
{
    struct fixture *fixture = *state;
    struct growing_cursor cursor = {0};
    struct buffer out = BUFFER(GROWING_PIECE);
    open_growing(fixture, true);
    append(fixture, SLICE("one\n"));
    assert_int_equal(read_all(fixture), GROWING_END);
    assert_int_equal(ftruncate(fixture->fd, 0), 0);
    append(fixture, SLICE("two is longer\n"));
    assert_int_equal(growing_catch_up(&fixture->growing, &cursor, fixture->scratch, &out), GROWING_CUT);
    assert_int_equal(cursor.offset, 0);
    buffer_free(&out);
}

/* A writer that finds its own torn line cuts it off and writes on: nothing was lost. */
static void test_torn_line_taken_back(void **state)
{
    struct fixture *fixture = *state;
    for (int large = 0; large < 2; large++) {
        char *torn = memory_new(large ? 200000 : 5);
        memset(torn, 'x', large ? 199999 : 4);
        assert_int_equal(ftruncate(fixture->fd, 0), 0);
        open_growing(fixture, true);
        fixture->cursor = (struct growing_cursor){0};
        append(fixture, SLICE("one\n"));
        append(fixture, slice_of_text(torn));
        assert_int_equal(read_all(fixture), GROWING_END);
        assert_int_equal(ftruncate(fixture->fd, 4), 0);
        append(fixture, SLICE("two\n"));
        assert_int_equal(read_all(fixture), GROWING_END);
        drain(fixture, true);
        assert_seen(fixture, SLICE("one\ntwo\n"));
        growing_close(&fixture->growing);
        free(torn);
    }
    open_growing(fixture, true);
}

/* Lines longer than pieces, reads and what is kept of a torn one, written bit by bit. */
static void test_long_lines(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {10, GROWING_PIECE - 100, GROWING_PIECE, 3 * GROWING_READ, 5, 300000, 1};
    struct buffer expected = BUFFER(16 << 20);
    open_growing(fixture, true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *line = memory_new(sizes[i]);
        for (size_t c = 0; c < sizes[i]; c++)
            line[c] = (char)('a' + (c + i) % 26);
        line[sizes[i] - 1] = '\n';
        for (size_t at = 0; at < sizes[i]; at += 50000) {
            append(fixture, slice_between(slice_of(line, sizes[i]), at, at + 50000));
            assert_int_equal(read_all(fixture), GROWING_END);
            assert_true(fixture->growing.bytes.capacity < 4 * GROWING_READ);
        }
        buffer_append(&expected, slice_of(line, sizes[i]));
        free(line);
        drain(fixture, true);
    }
    assert_seen(fixture, buffer_slice(&expected));
    fixture->cursor = (struct growing_cursor){0};
    drain(fixture, false);
    assert_seen(fixture, buffer_slice(&expected));
    buffer_free(&expected);
}

/* What is kept has a limit; who is behind it reads the file. */
static void test_window(void **state)
{
    struct fixture *fixture = *state;
    struct buffer expected = BUFFER(16 << 20);
    open_growing(fixture, true);
    for (int i = 0; i < 3000; i++) {
        char line[400];
        int size = snprintf(line, sizeof line, "%d %0*d\n", i, i % 300 + 1, i);
        append(fixture, slice_of(line, (size_t)size));
        buffer_append(&expected, slice_of(line, (size_t)size));
        assert_int_equal(growing_read(&fixture->growing, fixture->scratch), GROWING_END);
        assert_true(fixture->growing.piece_bytes <= GROWING_WINDOW);
        assert_true(fixture->growing.piece_count <= GROWING_PIECES);
    }
    drain(fixture, true);
    assert_seen(fixture, buffer_slice(&expected));
    buffer_free(&expected);
}

/* A file that is there already is not read from its start, but for its first line. */
static void test_large_file(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20000; i++)
        append(fixture, SLICE("some line of a large file\n"));
    append(fixture, SLICE("torn"));
    open_growing(fixture, false);
    assert_int_equal(fixture->growing.complete, 20000 * 26);
    assert_int_not_equal(fixture->growing.generation, 0);
    assert_int_equal(growing_read(&fixture->growing, fixture->scratch), GROWING_END);
    fixture->cursor =
        (struct growing_cursor){.offset = fixture->growing.complete, .check = fixture->growing.check};
    append(fixture, SLICE(" no more\n"));
    assert_int_equal(growing_read(&fixture->growing, fixture->scratch), GROWING_END);
    drain(fixture, true);
    assert_seen(fixture, SLICE("torn no more\n"));
}

/* The same with a part of the first line, which fits the other one as well. */
static void test_cut_behind_the_first_byte(void **state)
{
    struct fixture *fixture = *state;
    open_growing(fixture, true);
    append(fixture, SLICE("1"));
    assert_int_equal(read_all(fixture), GROWING_END);
    append(fixture, SLICE("0 is ten\n"));
    growing_is(&fixture->growing, 0);
    uint64_t before = fixture->growing.generation;
    assert_int_not_equal(before, 0);
    assert_int_equal(ftruncate(fixture->fd, 0), 0);
    append(fixture, SLICE("12 is more\n"));
    assert_int_equal(read_all(fixture), GROWING_CUT);
    growing_restart(&fixture->growing);
    assert_int_equal(read_all(fixture), GROWING_END);
    assert_int_not_equal(fixture->growing.generation, before);
    drain(fixture, true);
    assert_seen(fixture, SLICE("12 is more\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_before_the_first_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_behind_the_first_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_catch_up_from_the_start_of_a_cut_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torn_line_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_file, set_up, tear_down),
    };
    return run_group(tests);
}
