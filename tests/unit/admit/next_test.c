#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/next.h"

static void test_paths_of_ours(void **state)
{
    (void)state;
    const char *paths[] = {"/",
                           "/x",
                           "/x/y/",
                           "/x?a=1&b=%2F%2Fc",
                           "/a%20b",
                           "/x?next=//evil.example",
                           "/~ann/'x'",
                           "/%2Fevil.example",
                           "/x?u=http://evil.example",
                           "/x:y@z"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!slice_equal(next_path(slice_of_text(paths[i])), slice_of_text(paths[i])))
            fail_msg("refused: %s", paths[i]);
}

static void test_others(void **state)
{
    (void)state;
    const char *paths[] = {
        "",
        "x",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/x\\..\\y",
        "/\tevil",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        " //evil.example",
        "\t//evil.example",
        "http://evil.example",
        "HTTP://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "?x",
        "#x",
        "/x#y",
        "/x y",
        "/x\x7f",
        "/\xc3\xa4",
        "/.//evil.example",
        "/..//evil.example",
        "/./x",
        "/x/../y",
        "/%2e/x",
        "/%2E%2e//evil.example",
        "/x//y",
        "/%0d%0aSet-Cookie:a",
        "/%00",
        "/%",
        "/%zz",
        "/x\"onclick",
        "/<script>",
        "/_reeve/login",
        "/_reeve/login?next=/x",
        "/_reeve/logout",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!slice_equal(next_path(slice_of_text(paths[i])), SLICE("/")))
            fail_msg("accepted: %s", paths[i]);
    assert_true(slice_equal(next_path(slice_of("/x\0y", 4)), SLICE("/")));
    assert_true(slice_equal(next_path((struct slice){0}), SLICE("/")));
}

static void test_length(void **state)
{
    (void)state;
    char path[NEXT_MOST + 2];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    assert_int_equal(next_path(slice_of(path, NEXT_MOST)).size, NEXT_MOST);
    assert_int_equal(next_path(slice_of(path, NEXT_MOST + 1)).size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_ours),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
