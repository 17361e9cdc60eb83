#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "route/navigation.h"

struct row {
    const char *method, *path, *fields;
    bool navigation, falls_back;
};

static const struct row rows[] = {
    {"GET", "/a", "Sec-Fetch-Mode: navigate\r\n", true, true},
    {"GET", "/a", "Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n", false, false},
    {"GET", "/a", "Sec-Fetch-Mode: no-cors\r\n", false, false},
    {"GET", "/a", "Accept: text/html\r\n", true, true},
    {"GET", "/a", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", true, true},
    {"GET", "/a", "Accept: application/json, text/html;q=0.9\r\n", false, false},
    {"GET", "/a", "Accept: */*\r\n", false, false},
    {"GET", "/a", "", false, false},
    {"HEAD", "/a", "Accept: text/html\r\n", false, false},
    {"POST", "/a", "Sec-Fetch-Mode: navigate\r\n", false, false},
    {"GET", "/a.js", "Accept: text/html\r\n", true, false},
    {"GET", "/v1.2/a", "Accept: text/html\r\n", true, true},
    {"GET", "/a/", "Accept: text/html\r\n", true, true},
};

static void test_table(void **state)
{
    (void)state;
    const struct http1_limits limits = {4096, 4096};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        int size = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n%s\r\n", rows[i].method, rows[i].path,
                            rows[i].fields);
        struct http1_head head;
        struct field storage[16];
        http1_begin(&head, storage, 16);
        assert_int_equal(http1_parse_request(&head, slice_of(text, (size_t)size), &limits), HTTP1_DONE);
        if (navigation_is(&head) != rows[i].navigation ||
            navigation_may_fall_back(&head, slice_of_text(rows[i].path)) != rows[i].falls_back)
            fail_msg("%s %s %s", rows[i].method, rows[i].path, rows[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
