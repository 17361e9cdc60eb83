#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/checker.h"

static void test_the_record(void **state)
{
    (void)state;
    struct checker_question question;
    assert_true(checker_read(SLICE("{\"user\": \"ann\", \"password\": \"p\\\"\\u00e4\"}"), &question));
    assert_string_equal(question.user, "ann");
    assert_string_equal(question.password, "p\"\xc3\xa4");
    checker_wipe(&question);
    assert_null(question.password);
    checker_wipe(&question);
}

static void test_what_is_no_record(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"user\": \"ann\"}",
        "{\"user\": \"ann\", \"password\": null}",
        "{\"user\": 1, \"password\": \"x\"}",
        "{\"user\": \"ann\", \"password\": \"x\", \"more\": 1}",
        "{\"user\": \"ann\", \"user\": \"bob\", \"password\": \"x\"}",
        "{\"user\": \"ann\", \"password\": \"x\\u0000y\"}",
        "{\"user\": \"ann\", \"password\": \"\xff\"}",
        "{\"user\": \"ann\", \"password\": \"x\"} ",
        "{\"user\": \"ann\", \"password\": \"x\"}x",
    };
    struct checker_question question;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool fine = i == 10; /* a blank at the end is JSON */
        assert_int_equal(checker_read(slice_of_text(rows[i]), &question), fine);
        checker_wipe(&question);
    }
    char large[CHECKER_RECORD_MOST + 1];
    memset(large, ' ', sizeof large);
    memcpy(large, "{\"user\":\"ann\",\"password\":\"x\"}", 29);
    assert_true(checker_read(slice_of(large, sizeof large - 1), &question));
    checker_wipe(&question);
    assert_false(checker_read(slice_of(large, sizeof large), &question));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_record),
        cmocka_unit_test(test_what_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
