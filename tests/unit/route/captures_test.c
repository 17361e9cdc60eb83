#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "route/captures.h"

struct row {
    const char *text, *path, *host; /* of the route */
    const char *asked_path, *asked_host;
    const char *filled; /* NULL: 404 */
};

static const struct row rows[] = {
    {"api", "/api/*", NULL, "/api/x", "h", "api"},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/a1/x/y", "h", "shell/a1"},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/a1", "h", "shell/a1"},
    {"shell/{id}", "/s/{id}", NULL, "/s/A._-9", "h", "shell/A._-9"},
    {"shell/{id}", "/{id}", NULL, "/x", "h", "shell/x"},
    {"{a}-{b}/{a}", "/{b}/y/{a}", NULL, "/1/y/2", "h", "2-1/2"},
    {"shell/{id}", "/*", "{id}.box.lan", "/s/b", "a1.box.lan", "shell/a1"},
    {"{k}/{id}", "/{id}/*", "x.{k}.lan", "/a1/", "x.shell.lan", "shell/a1"},
    {"/var/{id}/events.jsonl", "/e/{id}", NULL, "/e/7", "h", "/var/7/events.jsonl"},
    /* what no name can be */
    {"shell/{id}", "/s/{id}/*", NULL, "/s/..%2F../x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/.hidden/x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/-x/x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/a b/x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/a{b}/x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/\xc3\xa4/x", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s/", "h", NULL},
    {"shell/{id}", "/s/{id}/*", NULL, "/s", "h", NULL},
    {"shell/{id}", "/*", "{id}.lan", "/", "-x.lan", NULL},
};

static struct slice fill(const struct captures *captures, const char *path, const char *host, size_t cap)
{
    static char kept[256];
    struct arena arena = ARENA(cap);
    const struct exchange_request request = {.path = slice_of_text(path), .host = slice_of_text(host)};
    struct slice filled = captures_fill(captures, &request, &arena);
    if (filled.data) {
        assert_true(filled.size < sizeof kept);
        memcpy(kept, filled.data, filled.size + 1); /* it ends with NUL */
        filled.data = kept;
    }
    arena_free(&arena);
    return filled;
}

static void test_every_row_is_filled_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct captures *captures = captures_new(rows[i].text, rows[i].path, rows[i].host, NULL);
        assert_non_null(captures);
        assert_int_equal(captures_any(captures), strchr(rows[i].text, '{') != NULL);
        struct slice filled = fill(captures, rows[i].asked_path, rows[i].asked_host, 4096);
        if (!rows[i].filled)
            assert_null(filled.data);
        else if (!filled.data)
            fail_msg("row %zu gave nothing", i);
        else
            assert_string_equal(filled.data, rows[i].filled);
        captures_free(&captures);
        assert_null(captures);
    }
}

static void test_from_a_target(void **state)
{
    (void)state;
    static const struct {
        const char *text, *target, *name, *filled; /* NULL: no request gives it */
    } cases[] = {
        {"{id}/events.jsonl", "shell/{id}", "shell/a1", "a1/events.jsonl"},
        {"{id}/{id}.x", "shell/{id}", "shell/a.1", "a.1/a.1.x"},
        {"all.jsonl", "shell/{id}", "shell/a1", "all.jsonl"},
        {"all.jsonl", "api", "api", "all.jsonl"},
        {"{b}-{id}", "{b}-x/{id}", "a-x/1", "a-1"},
        {"all.jsonl", "api", "apis", NULL},
        {"all.jsonl", "api", "ap", NULL},
        {"all.jsonl", "api", "", NULL},
        {"{id}", "shell/{id}", "shell/", NULL},
        {"{id}", "shell/{id}", "shell/a/b", NULL},
        {"{id}", "shell/{id}", "tool/a", NULL},
        {"{id}", "shell/{id}", "shell/..", NULL},
        {"{id}-{b}", "shell/{id}", "shell/a1", NULL}, /* {b} is not said */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct captures *captures = captures_new(cases[i].text, "/x/{id}/{b}", NULL, NULL);
        struct captures *target = captures_new(cases[i].target, "/x/{id}/{b}", NULL, NULL);
        struct arena arena = ARENA(4096);
        struct slice filled = captures_fill_from(captures, target, slice_of_text(cases[i].name), &arena);
        if (cases[i].filled)
            assert_string_equal(filled.data, cases[i].filled);
        else
            assert_null(filled.data);
        arena_free(&arena);
        captures_free(&captures);
        captures_free(&target);
    }
}

static void test_a_name_has_64_bytes_at_most(void **state)
{
    (void)state;
    char path[80] = "/s/";
    struct captures *captures = captures_new("shell/{id}", "/s/{id}", NULL, NULL);
    memset(path + 3, 'a', 64);
    assert_int_equal(fill(captures, path, "h", 4096).size, strlen("shell/") + 64);
    path[3 + 64] = 'a';
    assert_null(fill(captures, path, "h", 4096).data);
    captures_free(&captures);
}

static void test_a_full_arena_gives_nothing(void **state)
{
    (void)state;
    struct captures *captures = captures_new("shell/{id}", "/s/{id}", NULL, NULL);
    assert_null(fill(captures, "/s/a1", "h", 8).data);
    captures_free(&captures);
}

static void test_a_name_that_nobody_captures_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *host, *part;
    } wrong[] = {
        {"shell/{id}", "/s/*", NULL, "{id} is captured by neither path nor host"},
        {"shell/{id}", "/s/{ids}", "{i}.lan", "{id} is captured"},
        {"shell/{id}", "/s/id", "id.lan", "{id} is captured"},
        {"shell/{}", "/s/{id}", NULL, "{} is captured"},
        {"shell/{id", "/s/{id}", NULL, "not closed"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {0};
        assert_null(captures_new(wrong[i].text, wrong[i].path, wrong[i].host, &error));
        if (!strstr(error.text, wrong[i].part))
            fail_msg("%s", error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_filled_in),
        cmocka_unit_test(test_from_a_target),
        cmocka_unit_test(test_a_name_has_64_bytes_at_most),
        cmocka_unit_test(test_a_full_arena_gives_nothing),
        cmocka_unit_test(test_a_name_that_nobody_captures_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
