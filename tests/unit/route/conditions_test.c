#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "route/conditions.h"

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"
enum { DATE_S = 784111777 };

struct row {
    const char *method, *fields;
    int status;
    int64_t start, size;
};

static const struct row rows[] = {
    {"GET", "", 200, 0, 1000},
    {"GET", "If-None-Match: \"abc\"\r\n", 304, 0, 1000},
    {"HEAD", "If-None-Match: \"abc\"\r\n", 304, 0, 1000},
    {"GET", "If-None-Match: W/\"abc\"\r\n", 304, 0, 1000},
    {"GET", "If-None-Match: \"x\", \"abc\"\r\n", 304, 0, 1000},
    {"GET", "If-None-Match: \"x\"\r\nIf-None-Match: \"abc\"\r\n", 304, 0, 1000},
    {"GET", "If-None-Match: *\r\n", 304, 0, 1000},
    {"GET", "If-None-Match: \"x\"\r\n", 200, 0, 1000},
    {"GET", "If-None-Match: abc\r\n", 200, 0, 1000},
    {"GET", "If-Modified-Since: " DATE "\r\n", 304, 0, 1000},
    {"GET", "If-Modified-Since: " LATER "\r\n", 304, 0, 1000},
    {"GET", "If-Modified-Since: " EARLIER "\r\n", 200, 0, 1000},
    {"GET", "If-Modified-Since: yesterday\r\n", 200, 0, 1000},
    {"GET", "If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE "\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\n", 206, 0, 100},
    {"GET", "Range: bytes=999-\r\n", 206, 999, 1},
    {"GET", "Range: bytes=100-5000\r\n", 206, 100, 900},
    {"GET", "Range: bytes=-10\r\n", 206, 990, 10},
    {"GET", "Range: bytes=-5000\r\n", 206, 0, 1000},
    {"GET", "Range: bytes=5-18446744073709551615\r\n", 206, 5, 995},
    {"GET", "Range: bytes=1000-\r\n", 416, 0, 0},
    {"GET", "Range: bytes=-0\r\n", 416, 0, 0},
    {"GET", "Range: bytes=5-4\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-1,5-6\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=-\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=a-b\r\n", 200, 0, 1000},
    {"GET", "Range: lines=0-5\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-18446744073709551616\r\n", 200, 0, 1000},
    {"HEAD", "Range: bytes=0-99\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-Range: \"abc\"\r\n", 206, 0, 100},
    {"GET", "Range: bytes=0-99\r\nIf-Range: W/\"abc\"\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-Range: " DATE "\r\n", 206, 0, 100},
    {"GET", "Range: bytes=0-99\r\nIf-Range: " LATER "\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-None-Match: \"abc\"\r\n", 304, 0, 1000},
};

static void test_table(void **state)
{
    (void)state;
    struct conditions_file file = {
        .size = 1000, .etag = SLICE("\"abc\""), .modified = SLICE(DATE), .modified_s = DATE_S};
    const struct http1_limits limits = {4096, 4096};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        int size = snprintf(text, sizeof text, "%s / HTTP/1.1\r\n%s\r\n", rows[i].method, rows[i].fields);
        struct http1_head head;
        struct field storage[16];
        struct conditions_part part;
        http1_begin(&head, storage, 16);
        assert_int_equal(http1_parse_request(&head, slice_of(text, (size_t)size), &limits), HTTP1_DONE);
        int status = conditions_check(&head, &file, &part);
        if (status != rows[i].status || (status == 206 && part.start != rows[i].start) ||
            (status == 206 && part.size != rows[i].size))
            fail_msg("%s %s: %d, %d bytes from %d", rows[i].method, rows[i].fields, status, (int)part.size,
                     (int)part.start);
    }
}

static void test_dates(void **state)
{
    (void)state;
    char text[CONDITIONS_DATE_SIZE];
    time_t seconds = 0;
    assert_string_equal(conditions_date(DATE_S, text), DATE);
    static const char *const forms[] = {DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(conditions_date_read(slice_of_text(forms[i]), &seconds));
        assert_int_equal(seconds, DATE_S);
    }
    assert_false(conditions_date_read(SLICE(DATE "x"), &seconds));
    assert_false(conditions_date_read(SLICE(""), &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
