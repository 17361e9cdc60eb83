#include "../support.h"

#include "base/memory.h"
#include "wire/event_name.h"

static void expect_name(struct slice line, struct slice expected)
{
    char *copy = memory_copy(line.data, line.size); /* exact, for the sanitizer */
    struct slice name = event_name_of(slice_of(copy, line.size), SLICE("type"));
    assert_true(slice_equal(name, expected));
    assert_true((name.data == NULL) == (expected.size == 0));
    free(copy);
}

static void test_member(void **state)
{
    (void)state;
    static const struct {
        const char *line, *name;
    } rows[] = {
        {"{\"type\":\"step\"}", "step"},
        {" {\t\"type\" : \"step\" , \"n\": 1}\r", "step"},
        {"{\"n\":1,\"type\":\"step\"}", "step"},
        {"{\"a\":{\"type\":\"inner\"},\"type\":\"outer\"}", "outer"},
        {"{\"a\":[{\"type\":\"x\"},\"type\",{\"b\":[]}],\"type\":\"outer\"}", "outer"},
        {"{\"a\":\"\\\"type\\\":\\\"forged\\\"\",\"type\":\"real\"}", "real"},
        {"{\"a\":\"{[\\\\\",\"b\":null,\"c\":-1.5e9,\"type\":\"real\"}", "real"},
        {"{\"type\":\"first\",\"type\":\"second\"}", "first"},
        {"{\"type\":\"a.b_c-9\"} what comes behind does not matter", "a.b_c-9"},
        {"{\"typed\":\"x\"}", ""},
        {"{\"a\":{\"type\":\"inner\"}}", ""},
        {"[{\"type\":\"x\"}]", ""},
        {"{\"type\":7}", ""},
        {"{\"type\":{\"type\":\"x\"}}", ""},
        {"{\"type\":\"\"}", ""},
        {"{\"type\":\"x", ""},
        {"{\"type\":\"x\\", ""},
        {"{\"type\"", ""},
        {"{\"type\":", ""},
        {"{\"a\":1]", ""},
        {"{\"a\":1},\"type\":\"x\"}", ""},
        {"{", ""},
        {"", ""},
        {"type", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_name(slice_of_text(rows[i].line), slice_of_text(rows[i].name));
}

static void test_only_names_are_taken(void **state)
{
    (void)state;
    static const char *const others[] = {"reset", "timeout", "end",     "auth",     "bye", "gap",
                                         "error", "open",    "message", "1a",       "-a",  "a b",
                                         "a:b",   "a\\nb",   "\\u0061", "\xc3\xa4", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char line[64];
        snprintf(line, sizeof line, "{\"type\":\"%s\"}", others[i]);
        expect_name(slice_of_text(line), (struct slice){0});
        assert_false(event_name_is_free(slice_of_text(others[i])));
    }
    assert_true(event_name_is_free(SLICE("End")));
    assert_true(event_name_is_free(SLICE("resets")));
}

static void test_sizes(void **state)
{
    (void)state;
    char name[EVENT_NAME_LARGEST + 2];
    memset(name, 'n', sizeof name);
    assert_true(event_name_is_free(slice_of(name, EVENT_NAME_LARGEST)));
    assert_false(event_name_is_free(slice_of(name, EVENT_NAME_LARGEST + 1)));
    /* What is looked at ends at the same byte, however much of the line is there. */
    size_t size = EVENT_NAME_WITHIN + 64;
    char *line = memory_new(size);
    static const char start[] = "{\"a\":\"", end[] = "\",\"type\":\"x\"}";
    for (size_t late = 0; late < 2; late++) {
        memset(line, 'a', size);
        memcpy(line, start, strlen(start));
        memcpy(line + EVENT_NAME_WITHIN - strlen(end) + 1 + late, end, strlen(end));
        expect_name(slice_of(line, size), late ? (struct slice){0} : SLICE("x"));
    }
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_only_names_are_taken),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
