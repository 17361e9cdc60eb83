#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/wishes.h"

static char place[64];
static char file[96];
static char aside[96];

static int make_place(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "/tmp/wishes_test.XXXXXX");
    if (!mkdtemp(place))
        return -1;
    snprintf(file, sizeof file, "%s/wishes.json", place);
    snprintf(aside, sizeof aside, "%s/wishes.json.corrupt", place);
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    unlink(file);
    unlink(aside);
    return rmdir(place);
}

static void test_a_wish_outlives_us(void **state)
{
    (void)state;
    struct error error = {0};
    struct wishes *wishes = wishes_new(place, &error);
    assert_false(wishes_stopped(wishes, "api"));
    assert_int_equal(wishes_set_stopped(wishes, "api", true), 0);
    assert_int_equal(wishes_set_stopped(wishes, "db", true), 0);
    wishes_free(&wishes);
    wishes = wishes_new(place, &error);
    assert_true(wishes_stopped(wishes, "api"));
    assert_true(wishes_stopped(wishes, "db"));
    assert_int_equal(wishes_set_stopped(wishes, "api", false), 0);
    wishes_free(&wishes);
    wishes = wishes_new(place, &error);
    assert_false(wishes_stopped(wishes, "api"));
    assert_true(wishes_stopped(wishes, "db"));
    wishes_free(&wishes);
    assert_string_equal(error.text, "");
}

static void test_a_file_that_is_none_is_moved_aside(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{", "[]", "{}", "{\"stopped\": [1]}", "{\"stopped\": {}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *out = fopen(file, "we");
        fputs(wrong[i], out);
        fclose(out);
        struct error error = {0};
        struct wishes *wishes = wishes_new(place, &error);
        assert_true(error.text[0]);
        assert_false(wishes_stopped(wishes, "api"));
        assert_int_equal(access(aside, F_OK), 0);
        assert_int_equal(wishes_set_stopped(wishes, "api", true), 0);
        wishes_free(&wishes);
        unlink(aside);
    }
}

static void test_an_unwritable_place_keeps_the_wish_in_memory(void **state)
{
    (void)state;
    struct error error = {0};
    struct wishes *wishes = wishes_new("/nowhere/at/all", &error);
    assert_true(wishes_set_stopped(wishes, "api", true) < 0);
    assert_true(wishes_stopped(wishes, "api"));
    wishes_free(&wishes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_wish_outlives_us, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_none_is_moved_aside, make_place, remove_place),
        cmocka_unit_test(test_an_unwritable_place_keeps_the_wish_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
