#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/etag.h"

static void test_matches(void **state)
{
    (void)state;
    static const struct {
        const char *list, *etag;
        bool weakly, strongly;
    } rows[] = {
        {"\"a\"", "\"a\"", true, true},
        {"W/\"a\"", "\"a\"", true, false},
        {"\"a\"", "W/\"a\"", true, false},
        {"W/\"a\"", "W/\"a\"", true, false},
        {"\"b\", \"a\"", "\"a\"", true, true},
        {" ,\"b\",,W/\"x,y\" , \"a\" ", "\"a\"", true, true},
        {"\"a,b\"", "\"a\"", false, false},
        {"\"a\" \"b\"", "\"b\"", true, true},
        {"*", "\"a\"", true, true},
        {" * ", "\"a\"", true, true},
        {"*", "", false, false},
        {"\"b\"", "\"a\"", false, false},
        {"\"A\"", "\"a\"", false, false},
        {"a", "\"a\"", false, false},
        {"w/\"a\"", "\"a\"", false, false},
        {"\"a", "\"a\"", false, false},
        {"x, \"a\"", "\"a\"", false, false},
        {"\"a\"", "", false, false},
        {"\"\"", "\"\"", true, true},
        {"\"!\"", "\"!\"", true, true},
        {"\"\x7f\"", "\"\x7f\"", false, false},
        {"W/", "W/", false, false},
        {"", "\"a\"", false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice list = slice_of_text(rows[i].list), etag = slice_of_text(rows[i].etag);
        assert_int_equal(etag_matches_weakly(list, etag), rows[i].weakly);
        assert_int_equal(etag_matches_strongly(list, etag), rows[i].strongly);
    }
    assert_false(etag_matches_weakly((struct slice){0}, SLICE("\"a\"")));
}

static void test_forms(void **state)
{
    (void)state;
    assert_true(etag_is_valid(SLICE("W/\"a\"")));
    assert_false(etag_is_strong(SLICE("W/\"a\"")));
    assert_true(etag_is_strong(SLICE("\"a\"")));
    assert_false(etag_is_valid(SLICE("\"a\"b")));
    assert_false(etag_is_valid(SLICE("\"a b\"")));
    assert_false(etag_is_valid(SLICE("W/")));
    assert_false(etag_is_valid(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
