#include "../support.h"

#include "base/memory.h"
#include "wire/sse_edit.h"

#define LINES                                                                                                \
    SLICE("{\"type\":\"a\",\"n\":1}\n"                                                                       \
          "plain\n"                                                                                          \
          "{\"type\":\"b\",\"n\":\"one\rtwo\"}\n"                                                            \
          "{\"type\":\"end\"}\n"                                                                             \
          "\n"                                                                                               \
          "{\"type\":\"a\",\"n\":2}\n")

/* All of LINES as events, `most` bytes at a time, each piece through `edit`. */
static void edit_in_pieces(size_t most, void (*edit)(void *owner, struct slice piece), void *owner)
{
    struct sse_source source = {.bytes = LINES, .generation = 5, .names = SLICE("type")};
    bool done = false;
    while (!done) {
        struct buffer out = BUFFER(most);
        done = sse_lines(&source, &out, most);
        char *copy = memory_copy(out.data, buffer_size(&out)); /* exact, for the sanitizer */
        edit(owner, slice_of(copy, buffer_size(&out)));
        free(copy);
        buffer_free(&out);
    }
}

struct picked {
    struct sse_edit edit;
    struct sse_edit_names names;
    struct buffer out;
    bool told;
};

static void pick(void *owner, struct slice piece)
{
    struct picked *picked = owner;
    picked->told = sse_edit_pick(&picked->edit, piece, &picked->names, &picked->out);
}

static size_t count(struct slice text, const char *part)
{
    size_t found = 0;
    const char *at = text.data, *end = text.data + text.size;
    while (at && (at = memmem(at, (size_t)(end - at), part, strlen(part)))) {
        found++;
        at++;
    }
    return found;
}

static void test_pick(void **state)
{
    (void)state;
    static const struct {
        const char *names;
        size_t a, b, message;
        bool told;
    } rows[] = {{"a", 2, 0, 0, true},
                {"b", 0, 1, 0, false},
                {"message", 0, 0, 3, false},
                {"message,a", 2, 0, 3, true},
                {"c", 0, 0, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t most = SSE_LEAST_ROOM; most < SSE_LEAST_ROOM + 600; most += 7) {
            struct picked picked = {.out = BUFFER(4096)};
            assert_true(sse_edit_read_names(slice_of_text(rows[i].names), &picked.names));
            edit_in_pieces(most, pick, &picked);
            struct slice all = buffer_slice(&picked.out);
            size_t events = rows[i].a + rows[i].b + rows[i].message;
            assert_int_equal(count(all, "event: a\n"), rows[i].a);
            assert_int_equal(count(all, "event: b\ndata: {\"type\":\"b\",\"n\":\"one\ndata: two\"}\n"),
                             rows[i].b);
            assert_int_equal(count(all, "\nid: 5:"), events);
            assert_int_equal(count(all, "\n\n"), events);
            assert_int_equal(picked.told, rows[i].told);
            assert_false(picked.edit.inside);
            buffer_free(&picked.out);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a,", ",a", "a,,b", "end", "a b", "a\n", "reset,a"};
    struct sse_edit_names names;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sse_edit_read_names(slice_of_text(bad[i]), &names));
    char many[2 * SSE_EDIT_NAMES + 1];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? ',' : 'n';
    assert_true(sse_edit_read_names(slice_of(many, sizeof many - 2), &names));
    assert_int_equal(names.count, SSE_EDIT_NAMES);
    assert_false(sse_edit_read_names(slice_of(many, sizeof many), &names));
}

struct retitled {
    struct sse_edit edit;
    struct sse_edit_title title;
    struct buffer out;
    int64_t last;
};

static void add_id(void *owner, const struct event_id *place, struct buffer *out)
{
    struct retitled *retitled = owner;
    assert_true(place->offset > retitled->last);
    retitled->last = place->offset;
    buffer_append_format(out, "<%lld>", (long long)place->offset);
}

static void retitle(void *owner, struct slice piece)
{
    struct retitled *retitled = owner;
    sse_edit_retitle(&retitled->edit, piece, &retitled->title, &retitled->out);
}

static void test_retitle(void **state)
{
    (void)state;
    static const char expected[] = "event: t\ndata: {\"type\":\"a\",\"n\":1}\nid: <19>\n\n"
                                   "event: t\ndata: plain\nid: <25>\n\n"
                                   "event: t\ndata: {\"type\":\"b\",\"n\":\"one\ndata: two\"}\nid: <52>\n\n"
                                   "event: t\ndata: {\"type\":\"end\"}\nid: <67>\n\n"
                                   "event: t\ndata: \nid: <68>\n\n"
                                   "event: t\ndata: {\"type\":\"a\",\"n\":2}\nid: <87>\n\n";
    for (size_t most = SSE_LEAST_ROOM; most < SSE_LEAST_ROOM + 600; most += 7) {
        struct retitled retitled = {.out = BUFFER(4096), .title = {.name = SLICE("t"), .add_id = add_id}};
        retitled.title.owner = &retitled;
        edit_in_pieces(most, retitle, &retitled);
        assert_true(slice_equal(buffer_slice(&retitled.out), slice_of_text(expected)));
        buffer_free(&retitled.out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_retitle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
