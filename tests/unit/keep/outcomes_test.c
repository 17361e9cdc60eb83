/* What services came to, kept over a crash: of this boot, and of the last run only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/outcomes.h"

static char place[64], file[96];

static int make_place(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "/tmp/outcomes_test.XXXXXX");
    if (!mkdtemp(place))
        return -1;
    snprintf(file, sizeof file, "%s/outcomes.json", place);
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(place);
}

static struct target_row row_of(const char *name, enum target_state state, uint64_t generation)
{
    struct target_row row = {.state = state, .generation = generation, .ready_after_ms = -1};
    row.cause = (struct target_cause){.kind = TARGET_CAUSE_EXIT, .code = 7, .text = "exited with 7"};
    snprintf(row.name, sizeof row.name, "%s", name);
    return row;
}

static bool finds(const char *name, uint64_t generation, struct target_row *found)
{
    struct outcomes *outcomes = outcomes_new(place);
    bool is_there = outcomes_find(outcomes, name, generation, found);
    outcomes_free(&outcomes);
    return is_there;
}

static void note(const char *name, enum target_state state, uint64_t generation)
{
    struct outcomes *outcomes = outcomes_new(place);
    struct target_row row = row_of(name, state, generation);
    assert_int_equal(outcomes_note(outcomes, &row), 0);
    outcomes_free(&outcomes);
}

static void test_an_outcome_outlives_us(void **state)
{
    (void)state;
    struct target_row found;
    note("api", TARGET_FAILED, 4);
    note("db", TARGET_READY, 2);
    assert_true(finds("api", 4, &found));
    assert_int_equal(found.state, TARGET_FAILED);
    assert_int_equal(found.cause.code, 7);
    assert_string_equal(found.cause.text, "exited with 7");
    assert_false(finds("db", 2, &found));
    assert_false(finds("api", 5, &found)); /* a later run was begun and its keeper died before it said so */
    note("api", TARGET_STARTING, 5);
    assert_false(finds("api", 4, &found));
}

static void test_a_stop_in_order_forgets_all(void **state)
{
    (void)state;
    struct target_row found;
    note("api", TARGET_ENDED, 1);
    struct outcomes *outcomes = outcomes_new(place);
    assert_int_equal(outcomes_clear(outcomes), 0);
    outcomes_free(&outcomes);
    assert_false(finds("api", 1, &found));
}

static void test_those_of_another_boot_do_not_count(void **state)
{
    (void)state;
    char text[4096] = "";
    struct target_row found;
    note("api", TARGET_ENDED, 1);
    FILE *stream = fopen(file, "r+e");
    assert_true(fread(text, 1, sizeof text - 1, stream) > 0);
    char *boot = strstr(text, "\"boot\"");
    assert_non_null(boot);
    boot += strlen("\"boot\": \"");
    *boot = *boot == '0' ? '1' : '0';
    rewind(stream);
    fputs(text, stream);
    fclose(stream);
    assert_false(finds("api", 1, &found));
}

static void test_a_file_that_is_none_is_as_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{", "[]", "{}", "{\"boot\": 1, \"targets\": []}"};
    struct target_row found;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *stream = fopen(file, "we");
        fputs(wrong[i], stream);
        fclose(stream);
        assert_false(finds("api", 1, &found));
    }
    note("api", TARGET_ENDED, 1);
    assert_true(finds("api", 1, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_outcome_outlives_us, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_a_stop_in_order_forgets_all, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_those_of_another_boot_do_not_count, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_none_is_as_none, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
