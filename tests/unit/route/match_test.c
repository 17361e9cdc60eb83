#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "route/match.h"

struct pattern {
    const char *host, *path;
};

static const struct pattern patterns[] = {
    {NULL, "/*"},
    {NULL, "/api/*"},
    {NULL, "/api/users"},
    {NULL, "/api/{id}"},
    {NULL, "/api/{id}/log"},
    {NULL, "/api/users/*"},
    {NULL, "/"},
    {"nas.lan", "/*"},
    {"{user}.box.lan", "/*"},
    {"www.box.lan", "/only"},
    {NULL, "/a/b/*"},
    {NULL, "/a/{x}/c/d"},
    {NULL, "/slash/"},
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

static struct match_table *table_new(void)
{
    struct match_table *table = match_new();
    for (unsigned i = 0; i < PATTERNS; i++)
        assert_true(match_add(table, patterns[i].host, patterns[i].path, i, NULL));
    return table;
}

struct row {
    const char *host, *path, *pattern, *pattern_host;
    const char *rest; /* NULL: bare or no wildcard */
    unsigned before_rest;
};

static const struct row rows[] = {
    {"x", "/", "/", NULL, NULL, 1},
    {"x", "/index.html", "/*", NULL, "/index.html", 0},
    {"x", "/api", "/api/*", NULL, NULL, 1},
    {"x", "/api/", "/api/*", NULL, "/", 1},
    {"x", "/api/7/x/y", "/api/*", NULL, "/7/x/y", 1},
    {"x", "/apis", "/*", NULL, "/apis", 0},
    {"x", "/api/users", "/api/users", NULL, NULL, 2},
    {"x", "/api/users/", "/api/users/*", NULL, "/", 2},
    {"x", "/api/users/log", "/api/users/*", NULL, "/log", 2},
    {"x", "/api/7", "/api/{id}", NULL, NULL, 2},
    {"x", "/api/7/log", "/api/{id}/log", NULL, NULL, 3},
    {"x", "/api/7/", "/api/*", NULL, "/7/", 1},
    {"x", "/a/b/c/d", "/a/b/*", NULL, "/c/d", 2},
    {"x", "/a/z/c/d", "/a/{x}/c/d", NULL, NULL, 4},
    {"x", "/a/z/c", "/*", NULL, "/a/z/c", 0},
    {"x", "/slash/", "/slash/", NULL, NULL, 2},
    {"x", "/slash", "/*", NULL, "/slash", 0},
    {"nas.lan", "/api/users", "/*", "nas.lan", "/api/users", 0},
    {"ann.box.lan", "/q", "/*", "{user}.box.lan", "/q", 0},
    {"www.box.lan", "/only", "/only", "www.box.lan", NULL, 1},
    {"www.box.lan", "/other", "/*", "{user}.box.lan", "/other", 0},
    {"a.b.box.lan", "/q", "/*", NULL, "/q", 0},
    {"box.lan", "/api/users", "/api/users", NULL, NULL, 2},
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void test_the_most_exact_route_wins(void **state)
{
    (void)state;
    struct match_table *table = table_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct match_result result;
        if (!match_find(table, slice_of_text(row->host), slice_of_text(row->path), &result))
            fail_msg("%s%s: no route", row->host, row->path);
        const struct pattern *got = &patterns[result.route];
        if (!same_text(got->path, row->pattern) || !same_text(got->host, row->pattern_host))
            fail_msg("%s%s: %s", row->host, row->path, got->path);
        assert_int_equal(result.before_rest, row->before_rest);
        assert_int_equal(result.wildcard, strchr(row->pattern, '*') != NULL);
        assert_int_equal(result.bare, result.wildcard && !row->rest);
        assert_true(slice_equal(result.rest, slice_of_text(row->rest)));
    }
    match_free(&table);
}

static void test_without_a_wildcard_a_path_can_have_no_route(void **state)
{
    (void)state;
    struct match_table *table = match_new();
    struct match_result result;
    assert_true(match_add(table, NULL, "/x/{id}", 0, NULL));
    assert_false(match_find(table, SLICE("h"), SLICE("/"), &result));
    assert_false(match_find(table, SLICE("h"), SLICE("/x"), &result));
    assert_false(match_find(table, SLICE("h"), SLICE("/x/"), &result)); /* a name is never empty */
    assert_true(match_find(table, SLICE("h"), SLICE("/x/1"), &result));
    assert_false(match_find(table, SLICE("h"), SLICE("/x/1/"), &result));
    match_free(&table);
}

static void test_equal_and_malformed_patterns_are_refused(void **state)
{
    (void)state;
    struct match_table *table = table_new();
    struct error error;
    assert_false(match_add(table, NULL, "/api/{other}/log", 99, &error));
    assert_non_null(strstr(error.text, "/api/{other}/log"));
    assert_false(match_add(table, NULL, "/*", 99, &error));
    assert_false(match_add(table, "nas.lan", "/*", 99, &error));
    assert_false(match_add(table, NULL, "api", 99, &error));
    assert_false(match_add(table, NULL, "/x/*/y", 99, &error));
    match_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_exact_route_wins),
        cmocka_unit_test(test_without_a_wildcard_a_path_can_have_no_route),
        cmocka_unit_test(test_equal_and_malformed_patterns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
