#include "../support.h"

#include "../sse_reader.h"
#include "base/memory.h"
#include "wire/sse.h"

/* Formats `text` from `from` on as a reader of pieces does: `read` bytes of the file at a time, `most` of
 * output. */
struct formatter {
    struct slice text;
    size_t read;
    size_t most;
};

static void format(const struct formatter *formatter, struct buffer *all)
{
    struct sse_line line = {0};
    size_t place = 0;
    while (place < formatter->text.size) {
        size_t start = place < EVENT_ID_CHECKED ? 0 : place - EVENT_ID_CHECKED;
        struct slice bytes = slice_between(formatter->text, start, place + formatter->read);
        char *copy = memory_copy(bytes.data, bytes.size); /* exact, for the sanitizer */
        struct sse_source source = {.bytes = slice_of(copy, bytes.size),
                                    .offset = (int64_t)start,
                                    .place = place - start,
                                    .generation = 5,
                                    .line = line};
        struct buffer out = BUFFER(formatter->most);
        sse_lines(&source, &out, formatter->most);
        assert_true(start + source.place > place);
        assert_true(buffer_size(&out) <= formatter->most);
        place = start + source.place;
        line = source.line;
        assert_true(buffer_append(all, buffer_slice(&out)));
        buffer_free(&out);
        free(copy);
    }
    assert_false(line.begun);
}

static char *formatted(const struct formatter *formatter)
{
    struct buffer all = BUFFER(16 << 20);
    format(formatter, &all);
    char *text = slice_to_text(buffer_slice(&all));
    buffer_free(&all);
    return text;
}

static void test_form(void **state)
{
    (void)state;
    static const struct formatter whole = {{"{\"a\":1}\n", 8}, 4096, 4096};
    char *text = formatted(&whole), expected[128];
    snprintf(expected, sizeof expected, "data: {\"a\":1}\nid: 5:8:%x\n\n", event_id_check(whole.text));
    assert_string_equal(text, expected);
    free(text);
}

/* A line and what a browser's onmessage gets; NULL: nothing. */
struct row {
    struct slice line;
    const char *data;
    size_t size;
};

#define ROW(line, data)                                                                                      \
    {                                                                                                        \
        {line "\n", sizeof(line)}, (data), sizeof(data) - 1                                                  \
    }
#define NOTHING(line)                                                                                        \
    {                                                                                                        \
        {line "\n", sizeof(line)}, NULL, 0                                                                   \
    }

static const struct row rows[] = {
    ROW("{\"a\": \"b\"}", "{\"a\": \"b\"}"),
    ROW("", ""),
    ROW(" two spaces  ", " two spaces  "),
    ROW(": no comment", ": no comment"),
    ROW("data: twice", "data: twice"),
    ROW("\xef\xbb\xbf bom", "\xef\xbb\xbf bom"),
    ROW("\xff\xfe no \x80 text", "\xff\xfe no \x80 text"),
    ROW("line \xe2\x80\xa8 separator", "line \xe2\x80\xa8 separator"),
    ROW("crlf\r", "crlf"),
    ROW("\r", ""),
    ROW("\r\r", "\n"),
    ROW("a\rb", "a\nb"),
    ROW("a\r\rb\r", "a\n\nb"),
    ROW("\rfirst", "\nfirst"),
    ROW("a\0b", "a\0b"),
    ROW("\0\0\0after a hole", "after a hole"),
    ROW("\0\r", ""),
    NOTHING("\0"),
    NOTHING("\0\0\0\0"),
};
enum { ROWS = sizeof rows / sizeof *rows };

static void expect_rows(struct slice stream, const size_t *ends)
{
    struct sse_seen seen = sse_seen_new();
    for (size_t i = 0; i < ROWS; i++) {
        struct event_id id;
        if (!rows[i].data)
            continue;
        assert_true(sse_next_event(&stream, &seen));
        assert_int_equal(buffer_size(&seen.data), rows[i].size);
        assert_memory_equal(buffer_slice(&seen.data).data ? buffer_slice(&seen.data).data : "", rows[i].data,
                            rows[i].size);
        assert_string_equal(seen.event, "");
        assert_true(event_id_parse(slice_of_text(seen.id), &id));
        assert_int_equal(id.generation, 5);
        assert_int_equal(id.offset, ends[i]);
    }
    assert_false(sse_next_event(&stream, &seen));
    assert_int_equal(stream.size, 0);
    buffer_free(&seen.data);
}

/* However the file is read and whatever room there is, the browser gets the same. */
static void test_lines(void **state)
{
    (void)state;
    struct buffer text = BUFFER(4096);
    size_t ends[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        buffer_append(&text, rows[i].line);
        ends[i] = buffer_size(&text);
    }
    for (size_t read = 1; read <= buffer_size(&text) + 1; read++) {
        for (size_t most = SSE_LEAST_ROOM; most <= 4096; most += most < 300 ? 1 : 1999) {
            const struct formatter formatter = {buffer_slice(&text), read, most};
            struct buffer all = BUFFER(1 << 20);
            format(&formatter, &all);
            expect_rows(buffer_slice(&all), ends);
            buffer_free(&all);
        }
    }
    buffer_free(&text);
}

/* The id's check covers the same bytes, wherever a read began. */
static void test_checks(void **state)
{
    (void)state;
    char text[600];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 37 == 36 ? '\n' : (char)('a' + i % 23);
    text[sizeof text - 1] = '\n';
    char *whole = formatted(&(struct formatter){slice_of(text, sizeof text), sizeof text, 65536});
    for (size_t read = 1; read < sizeof text; read += 7) {
        char *pieces = formatted(&(struct formatter){slice_of(text, sizeof text), read, 65536});
        assert_string_equal(pieces, whole);
        free(pieces);
    }
    free(whole);
}

static void test_long_line(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    char *line = memory_new(SIZE);
    memset(line, 'x', SIZE);
    for (size_t i = 50000; i < 60000; i += 3)
        line[i] = '\r';
    line[SIZE - 1] = '\n';
    struct buffer all = BUFFER(1 << 20);
    format(&(struct formatter){slice_of(line, SIZE), 4096, 1024}, &all);
    struct sse_seen seen = sse_seen_new();
    struct slice stream = buffer_slice(&all);
    assert_true(sse_next_event(&stream, &seen));
    for (size_t i = 0; i < SIZE; i++)
        line[i] = line[i] == '\r' ? '\n' : line[i];
    assert_int_equal(buffer_size(&seen.data), SIZE - 1);
    assert_memory_equal(buffer_slice(&seen.data).data, line, SIZE - 1);
    buffer_free(&seen.data);
    buffer_free(&all);
    free(line);
}

static void test_own_events(void **state)
{
    (void)state;
    struct buffer out = BUFFER(1024);
    const struct event_id id = {.generation = 0xa, .offset = 11, .check = 0xc};
    sse_comment(&out, SLICE("hello"));
    sse_comment(&out, (struct slice){0});
    sse_retry(&out, 1500);
    sse_place(&out, &id);
    sse_event(&out, "end", &id, SLICE("{}"));
    sse_event(&out, "bye", NULL, SLICE("{}"));
    char *text = slice_to_text(buffer_slice(&out));
    assert_string_equal(text,
                        ": hello\n\n:\n\nretry: 1500\n\nid: a:11:c\n\nevent: end\ndata: {}\nid: a:11:c\n\n"
                        "event: bye\ndata: {}\n\n");
    free(text);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),      cmocka_unit_test(test_lines),      cmocka_unit_test(test_checks),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_own_events),
    };
    return run_group(tests);
}
