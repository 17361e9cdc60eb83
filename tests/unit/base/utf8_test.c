#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/utf8.h"

static int character(const char *text)
{
    return utf8_character(slice_of_text(text));
}

static void test_each_length(void **state)
{
    (void)state;
    assert_int_equal(character("a"), 1);
    assert_int_equal(character("\xc2\x80"), 2);
    assert_int_equal(character("\xe0\xa0\x80"), 3);
    assert_int_equal(character("\xed\x9f\xbf"), 3);
    assert_int_equal(character("\xf0\x90\x80\x80"), 4);
    assert_int_equal(character("\xf4\x8f\xbf\xbf"), 4);
}

static void test_what_is_no_character(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xc3(",
                                        "\xe2\x82(",
                                        "\xf0\x90\x80("};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(character(wrong[i]), 0);
}

static void test_a_cut_character_is_told_from_a_wrong_one(void **state)
{
    (void)state;
    static const char whole[] = "\xf0\x9f\x98\x80";
    for (size_t size = 0; size < 4; size++)
        assert_int_equal(utf8_character(slice_of(whole, size)), UTF8_CUT);
    assert_int_equal(utf8_character(slice_of(whole, 4)), 4);
    assert_int_equal(character("\xe0\x9f"), 0); /* already wrong, whatever follows */
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(slice_of_text("")));
    assert_true(utf8_valid(slice_of_text("na\xc3\xafve \xf0\x9f\x98\x80")));
    assert_false(utf8_valid(slice_of_text("na\xc3")));
    assert_false(utf8_valid(slice_of_text("\xffz")));
}

static void test_clean(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", ""},
                                          {"abc", "abc"},
                                          {"\xc3\xa4", "\xc3\xa4"},
                                          {"a\xff\xc3\xa4z", "a?\xc3\xa4z"},
                                          {"cut \xe2\x82", "cut ??"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", rows[i][0]);
        assert_string_equal(utf8_clean(text), rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_length),
        cmocka_unit_test(test_what_is_no_character),
        cmocka_unit_test(test_a_cut_character_is_told_from_a_wrong_one),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
