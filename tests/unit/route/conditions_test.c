#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "route/conditions.h"

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"
enum { DATE_S = 784111777 };

struct row {
    const char *method, *fields;
    int status;
    uint64_t start, size;
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
    {"GET", "Range: bytes=0-18446744073709551616\r\n", 206, 0, 1000},
    {"HEAD", "Range: bytes=0-99\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-Range: \"abc\"\r\n", 206, 0, 100},
    {"GET", "Range: bytes=0-99\r\nIf-Range: W/\"abc\"\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-Range: " DATE "\r\n", 206, 0, 100},
    {"GET", "Range: bytes=0-99\r\nIf-Range: " LATER "\r\n", 200, 0, 1000},
    {"GET", "Range: bytes=0-99\r\nIf-None-Match: \"abc\"\r\n", 304, 0, 1000},
    {"GET", "If-Match: \"x\"\r\n", 412, 0, 1000},
    {"HEAD", "If-Match: \"x\"\r\n", 412, 0, 1000},
    {"GET", "If-Match: \"abc\"\r\n", 200, 0, 1000},
    {"GET", "If-Match: *\r\n", 200, 0, 1000},
    {"GET", "If-Match: W/\"abc\"\r\n", 412, 0, 1000},
    {"GET", "If-Match: \"x\"\r\nIf-Match: \"abc\"\r\n", 200, 0, 1000},
    {"GET", "If-Match: \"x\"\r\nIf-None-Match: \"abc\"\r\n", 412, 0, 1000},
    {"GET", "Range: bytes=5-\r\nIf-Match: \"x\"\r\n", 412, 0, 1000},
    {"GET", "Range: bytes=5-\r\nIf-Match: \"abc\"\r\n", 206, 5, 995},
    {"GET", "If-Unmodified-Since: " DATE "\r\n", 200, 0, 1000},
    {"GET", "If-Unmodified-Since: " EARLIER "\r\n", 412, 0, 1000},
    {"GET", "If-Unmodified-Since: yesterday\r\n", 200, 0, 1000},
    {"GET", "If-Match: \"abc\"\r\nIf-Unmodified-Since: " EARLIER "\r\n", 200, 0, 1000},
};

static void test_table(void **state)
{
    (void)state;
    struct conditions_file file = {.size = 1000, .etag = SLICE("\"abc\""), .modified = DATE_S};
    const struct http1_limits limits = {4096, 4096};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        int size = snprintf(text, sizeof text, "%s / HTTP/1.1\r\n%s\r\n", rows[i].method, rows[i].fields);
        struct http1_head head;
        struct field storage[16];
        struct range part;
        http1_begin(&head, storage, 16);
        assert_int_equal(http1_parse_request(&head, slice_of(text, (size_t)size), &limits), HTTP1_DONE);
        int status = conditions_check(&head, &file, &clock_system, &part);
        if (status != rows[i].status || (status == 206 && part.start != rows[i].start) ||
            (status == 206 && part.size != rows[i].size))
            fail_msg("%s %s: %d, %d bytes from %d", rows[i].method, rows[i].fields, status, (int)part.size,
                     (int)part.start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
