#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "keep/parameters.h"

static char topic[] = "topic", prompt[] = "prompt", pattern[] = "[a-z]{1,4}|x y";
static struct config_parameter parameters[] = {
    {.name = topic, .pattern = pattern, .required = true},
    {.name = prompt, .text_bytes = 8},
};
static const struct config_template template = {.parameters = {parameters, 2}};

struct row {
    const char *given; /* JSON with ' for "; NULL: none */
    const char *wrong; /* "POINTER: DETAIL\n" ...; "": it fits */
};

static const struct row rows[] = {
    {"{'topic': 'abcd'}", ""},
    {"{'topic': 'x y', 'prompt': '$(id)\\n'}", ""},
    {"{'topic': 'a', 'prompt': ''}", ""},
    {"{'topic': 'abcde'}", "/parameters/topic: it does not match [a-z]{1,4}|x y\n"},
    {"{'topic': 'ab\\ncd'}", "/parameters/topic: it does not match [a-z]{1,4}|x y\n"}, /* the whole value */
    {"{'topic': 'abcd\\n'}", "/parameters/topic: it does not match [a-z]{1,4}|x y\n"},
    {"{'topic': '--'}", "/parameters/topic: it does not match [a-z]{1,4}|x y\n"},
    {"{'topic': 'a', 'prompt': '123456789'}",
     "/parameters/prompt: it has 9 bytes, and at most 8 are possible\n"},
    {"{'topic': 7, 'prompt': null}",
     "/parameters/topic: it is not a text\n/parameters/prompt: it is not a text\n"},
    {"{'topic': 'a', 'a/b~c': ''}", "/parameters/a~1b~0c: the template has no such parameter\n"},
    {"{'prompt': 'x'}", "/parameters/topic: it is missing\n"},
    {NULL, "/parameters/topic: it is missing\n"},
    {"['topic']", "/parameters: it is not an object of names and texts\n/parameters/topic: it is missing\n"},
};

static json_t *parse(const char *text)
{
    char *copy = memory_text(text);
    for (char *byte = copy; byte && *byte; byte++)
        *byte = *byte == '\'' ? '"' : *byte;
    json_t *value = copy ? json_loads(copy, 0, NULL) : NULL;
    free(copy);
    return value;
}

static void test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *given = parse(rows[i].given), *errors = parameters_check(&template, given);
        struct buffer text = BUFFER(4096);
        for (size_t e = 0; e < json_array_size(errors); e++) {
            const json_t *error = json_array_get(errors, e);
            buffer_append_format(&text, "%s: %s\n", json_string_value(json_object_get(error, "pointer")),
                                 json_string_value(json_object_get(error, "detail")));
        }
        char *found = slice_to_text(buffer_slice(&text));
        assert_string_equal(found, rows[i].wrong);
        assert_int_equal(errors == NULL, rows[i].wrong[0] == '\0');
        free(found);
        buffer_free(&text);
        json_decref(errors);
        json_decref(given);
    }
}

static void test_all_faults_are_told_in_one_text(void **state)
{
    (void)state;
    json_t *given = parse("{'topic': 7, 'x': ''}"), *errors = parameters_check(&template, given);
    struct error error;
    parameters_tell(errors, &error);
    assert_string_equal(error.text,
                        "parameters/topic: it is not a text; parameters/x: the template has no such "
                        "parameter");
    json_decref(errors);
    json_decref(given);
}

static void test_all_together_have_a_limit(void **state)
{
    (void)state;
    char *large = memory_new(PARAMETERS_MOST + 1);
    memset(large, 'x', PARAMETERS_MOST);
    json_t *given = json_pack("{s:s, s:s}", "topic", "a", "prompt", large);
    json_t *errors = parameters_check(&template, given);
    assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 0), "pointer")),
                        "/parameters");
    json_decref(errors);
    json_decref(given);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_all_faults_are_told_in_one_text),
        cmocka_unit_test(test_all_together_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
