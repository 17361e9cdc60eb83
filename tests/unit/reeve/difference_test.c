#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "reeve/difference.h"

/* JSON with ' for "; NULL: it is not there. */
static json_t *json_of(const char *text)
{
    if (!text)
        return NULL;
    char *copy = strdup(text);
    for (char *at = copy; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
    free(copy);
    assert_non_null(json);
    return json;
}

static const struct row {
    const char *path, *before, *after, *expected;
} rows[] = {
    {"drain.timeout", "'30s'", "'1s'", "drain.timeout: \"30s\" -> \"1s\"\n"},
    {"services.c.env.KEY", "'***'", "'***'", "services.c.env.KEY: another secret\n"},
    {"services.c", NULL, "{'command':['x']}", "services.c: not set -> {\"command\":[\"x\"]}\n"},
    {"hosts", "['a']", "['a','b']", "hosts: [\"a\"] -> [\"a\",\"b\"]\n"},
    {"routes", "[{'path':'/a','to':'x'},{'path':'/e','to':'e'}]",
     "[{'path':'/a','to':'x'},{'path':'/e','to':'e','limits':{'streams':5}}]",
     "routes[1] (/e).limits: not set -> {\"streams\":5}\n"},
    {"routes", "[{'path':'/a','to':'x','timeout':{'idle':'1m','connect':'5s'}}]",
     "[{'path':'/a','to':'x','timeout':{'idle':'2m','connect':'5s'}}]",
     "routes[0] (/a).timeout.idle: \"1m\" -> \"2m\"\n"},
    {"routes", "[{'path':'/a','to':'x'},{'path':'/b','to':'x'}]",
     "[{'path':'/c','to':'x'},{'path':'/b','to':'x'},{'path':'/b','host':'h','to':'x'}]",
     "routes[0] (/a): {\"path\":\"/a\",\"to\":\"x\"} -> not set\n"
     "routes[0] (/c): not set -> {\"path\":\"/c\",\"to\":\"x\"}\n"
     "routes[2] (h/b): not set -> {\"path\":\"/b\",\"host\":\"h\",\"to\":\"x\"}\n"},
    {"routes", "[{'path':'/a'},{'path':'/b'}]", "[{'path':'/b'},{'path':'/a'}]",
     "routes: the same in another order\n"},
    {"routes", "[]", "[{'path':'/a'}]", "routes: [] -> [{\"path\":\"/a\"}]\n"},
    {"listen", "[{'address':'127.0.0.1:80'}]", "[{'address':'127.0.0.1:80','redirect':'https'}]",
     "listen[0] (127.0.0.1:80).redirect: not set -> \"https\"\n"},
};

static void test_only_what_differs_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *before = json_of(rows[i].before), *after = json_of(rows[i].after);
        struct buffer out = BUFFER(4096);
        difference_append(&out, rows[i].path, before, after);
        char *text = slice_to_text(buffer_slice(&out));
        assert_string_equal(text, rows[i].expected);
        free(text);
        buffer_free(&out);
        json_decref(before);
        json_decref(after);
    }
}

static void test_long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char long_text[604] = {'\''};
    for (int i = 0; i < 300; i++)
        memcpy(long_text + 1 + 2 * i, "\xc3\xa4", 2);
    long_text[601] = '\'';
    json_t *value = json_of(long_text);
    struct buffer out = BUFFER(4096);
    difference_append(&out, "services.a.env.X", NULL, value);
    struct slice said = buffer_slice(&out);
    assert_in_range(said.size, 150, 220);
    assert_true(slice_ends_with(said, SLICE("\xc3\xa4 ...\n")));
    buffer_free(&out);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_differs_is_said),
        cmocka_unit_test(test_long_values_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
