#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/http1.h"

enum { FIELDS = 8 };

typedef enum http1_result parse_fn(struct http1_head *head, struct slice bytes,
                                   const struct http1_limits *limits);

static struct field storage[FIELDS];
static struct http1_head head;
static const struct http1_limits limits = {.head = 512, .target = 64};

/* Gives the bytes in copies of exact size, so that a read beyond them is seen. */
static enum http1_result parse_copy(parse_fn *parse, struct slice bytes, char **copy)
{
    char *fresh = memory_copy(bytes.data, bytes.size);
    enum http1_result result = parse(&head, slice_of(fresh, bytes.size), &limits);
    free(*copy);
    *copy = fresh;
    return result;
}

/* All at once, in two pieces at each place, and byte by byte: always the same result. The head's slices stay
 * valid until the next call. */
static enum http1_result parse_all(parse_fn *parse, struct slice bytes)
{
    static char *copy;
    http1_begin(&head, storage, FIELDS);
    enum http1_result whole = parse_copy(parse, bytes, &copy);
    size_t size = head.size;
    for (size_t split = 0; split <= bytes.size; split++) {
        http1_begin(&head, storage, FIELDS);
        enum http1_result result = parse_copy(parse, slice_between(bytes, 0, split), &copy);
        if (result == HTTP1_MORE)
            result = parse_copy(parse, bytes, &copy);
        assert_int_equal(result, whole);
    }
    http1_begin(&head, storage, FIELDS);
    enum http1_result result = HTTP1_MORE;
    for (size_t end = 0; end <= bytes.size && result == HTTP1_MORE; end++)
        result = parse_copy(parse, slice_between(bytes, 0, end), &copy);
    assert_int_equal(result, whole);
    assert_int_equal(head.size, size);
    return whole;
}

static enum http1_result request(const char *text)
{
    return parse_all(http1_parse_request, slice_of_text(text));
}

static enum http1_result response(const char *text)
{
    return parse_all(http1_parse_response, slice_of_text(text));
}

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.size, strlen(text));
    assert_memory_equal(slice.data, text, slice.size);
}

static void test_a_request_head(void **state)
{
    (void)state;
    assert_int_equal(request("POST /a?b=c HTTP/1.1\r\nHost: x\r\nEmpty:\r\nX-Long: \t a b \t\r\n\r\nbody"),
                     HTTP1_DONE);
    assert_int_equal(head.method, HTTP1_POST);
    assert_slice(head.method_name, "POST");
    assert_slice(head.target, "/a?b=c");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.fields.count, 3);
    assert_slice(fields_get(&head.fields, FIELD_HOST), "x");
    assert_slice(storage[1].value, "");
    assert_non_null(storage[1].value.data);
    assert_slice(storage[2].name, "X-Long");
    assert_slice(storage[2].value, "a b");
    assert_int_equal(head.size,
                     strlen("POST /a?b=c HTTP/1.1\r\nHost: x\r\nEmpty:\r\nX-Long: \t a b \t\r\n\r\n"));
}

static void test_a_head_without_fields(void **state)
{
    (void)state;
    assert_int_equal(request("GET / HTTP/1.0\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(head.minor, 0);
    assert_int_equal(head.fields.count, 0);
    assert_int_equal(request("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(request("\r\n\r\nBREW /pot HTTP/1.7\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(head.method, HTTP1_OTHER_METHOD);
    assert_int_equal(head.minor, 1);
}

struct row {
    const char *text;
    enum http1_result result;
};

static const struct row bad_requests[] = {
    {"GET / HTTP/1.1\nHost: x\r\n\r\n", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: x\r\n\n", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\rHost: x\r\n\r\n", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: x\r\n\rY", HTTP1_BAD_LINE_END},
    {"GET / HTTP/1.1\r\r\n\r\n", HTTP1_BAD_LINE_END},
    {"\nGET / HTTP/1.1\r\n\r\n", HTTP1_BAD_LINE_END},
    {"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", HTTP1_BAD_LINE_END},
    {"G(T / HTTP/1.1\r\n\r\n", HTTP1_BAD_METHOD},
    {"GE\x80 / HTTP/1.1\r\n\r\n", HTTP1_BAD_METHOD},
    {" GET / HTTP/1.1\r\n\r\n", HTTP1_BAD_METHOD},
    {"GET\t/ HTTP/1.1\r\n\r\n", HTTP1_BAD_METHOD},
    {"GET\r\n\r\n", HTTP1_BAD_METHOD},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n\r\n", HTTP1_LONG_METHOD},
    {"GET  / HTTP/1.1\r\n\r\n", HTTP1_BAD_TARGET},
    {"GET /\t HTTP/1.1\r\n\r\n", HTTP1_BAD_TARGET},
    {"GET /\x7f HTTP/1.1\r\n\r\n", HTTP1_BAD_TARGET},
    {"GET /\x01 HTTP/1.1\r\n\r\n", HTTP1_BAD_TARGET},
    {"GET /\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / \r\n\r\n", HTTP1_BAD_VERSION},
    {"GET /  HTTP/1.1\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / http/1.1\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / HTTP/1.1 \r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / HTTP/1.10\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / HTTP/11\r\n\r\n  ", HTTP1_BAD_VERSION},
    {"GET / HTTP/x.1\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / HTTPS/1.1\r\n\r\n", HTTP1_BAD_VERSION},
    {"GET / HTTP/0.9\r\n\r\n", HTTP1_OTHER_VERSION},
    {"GET / HTTP/2.0\r\n\r\n", HTTP1_OTHER_VERSION},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP1_OTHER_VERSION},
    {"GET / HTTP/9.9\r\n\r\n", HTTP1_OTHER_VERSION},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\nHost\t: x\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\n: x\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\nH(st: x\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\n\x80: x\r\n\r\n", HTTP1_BAD_NAME},
    {"GET / HTTP/1.1\r\nA: x\x01y\r\n\r\n", HTTP1_BAD_VALUE},
    {"GET / HTTP/1.1\r\nA: x\x7fy\r\n\r\n", HTTP1_BAD_VALUE},
    {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", HTTP1_BAD_FOLD},
    {"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", HTTP1_BAD_FOLD},
    {"GET / HTTP/1.1\r\n A: b\r\n\r\n", HTTP1_BAD_FOLD},
    {"GET / HTTP/1.1\r\nA:1\r\nA:2\r\nA:3\r\nA:4\r\nA:5\r\nA:6\r\nA:7\r\nA:8\r\nA:9\r\n\r\n",
     HTTP1_MANY_FIELDS},
};

static void test_bad_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
        assert_int_equal(request(bad_requests[i].text), bad_requests[i].result);
        assert_true(http1_result_status(bad_requests[i].result) >= 400);
    }
    assert_int_equal(parse_all(http1_parse_request, SLICE("GET / HTTP/1.1\r\nA: x\0y\r\n\r\n")),
                     HTTP1_BAD_VALUE);
    assert_int_equal(parse_all(http1_parse_request, SLICE("GET /\0 HTTP/1.1\r\n\r\n")), HTTP1_BAD_TARGET);
}

static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(http1_result_status(HTTP1_MORE), 0);
    assert_int_equal(http1_result_status(HTTP1_BAD_LINE_END), 400);
    assert_int_equal(http1_result_status(HTTP1_LONG_TARGET), 414);
    assert_int_equal(http1_result_status(HTTP1_LARGE_HEAD), 431);
    assert_int_equal(http1_result_status(HTTP1_MANY_FIELDS), 431);
    assert_int_equal(http1_result_status(HTTP1_OTHER_VERSION), 505);
    for (int i = 0; i < HTTP1_RESULTS; i++)
        assert_non_null(http1_result_text((enum http1_result)i));
}

/* "GET /xxx... HTTP/1.1" with a target of `target` bytes and a field that fills the head up to `size` bytes.
 */
static enum http1_result request_of_size(size_t target, size_t size)
{
    static const char tail[] = " HTTP/1.1\r\nA: ";
    char text[1024];
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    memcpy(text + 4 + target, tail, sizeof(tail) - 1);
    memcpy(text + size - 4, "\r\n\r\n", 4);
    return parse_all(http1_parse_request, slice_of(text, size));
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(request_of_size(64, 512), HTTP1_DONE);
    assert_int_equal(head.target.size, 64);
    assert_int_equal(request_of_size(65, 512), HTTP1_LONG_TARGET);
    assert_int_equal(request_of_size(64, 513), HTTP1_LARGE_HEAD);
}

/* A target that is too long is refused before it ends, a head that is too large likewise. */
static void test_limits_do_not_wait_for_the_end(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(parse_all(http1_parse_request, slice_of(text, 68)), HTTP1_MORE);
    assert_int_equal(parse_all(http1_parse_request, slice_of(text, 69)), HTTP1_LONG_TARGET);
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    assert_int_equal(parse_all(http1_parse_request, slice_of(text, 511)), HTTP1_MORE);
    assert_int_equal(parse_all(http1_parse_request, slice_of(text, 512)), HTTP1_LARGE_HEAD);
}

static void test_a_bad_byte_is_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(request("GE("), HTTP1_BAD_METHOD);
    assert_int_equal(request("GET / HTTQ"), HTTP1_BAD_VERSION);
    assert_int_equal(request("GET / HTTP/1.1\r\nA: b\n"), HTTP1_BAD_LINE_END);
    assert_int_equal(request("GET / HTTP/1.1\r\nA: b\r\n "), HTTP1_BAD_FOLD);
    assert_int_equal(request(""), HTTP1_MORE);
    assert_int_equal(http1_parse_request(&head, (struct slice){0}, &limits), HTTP1_MORE);
}

static void test_a_moved_head_follows(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    char copy[sizeof(text)];
    http1_begin(&head, storage, FIELDS);
    assert_int_equal(http1_parse_request(&head, SLICE("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), &limits),
                     HTTP1_DONE);
    memcpy(copy, text, sizeof(text));
    http1_move(&head, copy);
    assert_ptr_equal(head.target.data, copy + 4);
    assert_ptr_equal(fields_get(&head.fields, FIELD_HOST).data, copy + 23);
    assert_null(head.reason.data);
}

static void test_responses(void **state)
{
    (void)state;
    assert_int_equal(response("HTTP/1.1 200 OK fine\r\nServer: s\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(head.status, 200);
    assert_slice(head.reason, "OK fine");
    assert_slice(fields_get(&head.fields, FIELD_SERVER), "s");
    assert_int_equal(response("HTTP/1.0 404 \r\n\r\n"), HTTP1_DONE);
    assert_int_equal(head.minor, 0);
    assert_slice(head.reason, "");
    assert_int_equal(response("HTTP/1.1 204\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(head.status, 204);
}

static void test_bad_responses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"HTTP/1.1 099 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 20 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 2x0 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 x00 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 2000 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1  200 x\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1\r\n\r\nxxxx", HTTP1_BAD_STATUS},
        {"HTTP/1.1 200 x\x01\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 200 OK\n\r\n", HTTP1_BAD_LINE_END},
        {"HTTP/1.1 200 OK\r\nA: b\n\r\n", HTTP1_BAD_LINE_END},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", HTTP1_BAD_FOLD},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", HTTP1_BAD_NAME},
        {"HTTP/2.0 200 OK\r\n\r\n", HTTP1_OTHER_VERSION},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", HTTP1_BAD_VERSION},
        {"SSH-2.0-OpenSSH\r\n", HTTP1_BAD_VERSION},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(response(rows[i].text), rows[i].result);
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum http1_method method;
    } rows[] = {
        {"GET", HTTP1_GET},          {"HEAD", HTTP1_HEAD},        {"POST", HTTP1_POST},
        {"PUT", HTTP1_PUT},          {"DELETE", HTTP1_DELETE},    {"PATCH", HTTP1_PATCH},
        {"TRACE", HTTP1_TRACE},      {"OPTIONS", HTTP1_OPTIONS},  {"CONNECT", HTTP1_CONNECT},
        {"get", HTTP1_OTHER_METHOD}, {"GEX", HTTP1_OTHER_METHOD},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(http1_method_of(slice_of_text(rows[i].name)), rows[i].method);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_head),
        cmocka_unit_test(test_a_head_without_fields),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_do_not_wait_for_the_end),
        cmocka_unit_test(test_a_bad_byte_is_refused_at_once),
        cmocka_unit_test(test_a_moved_head_follows),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_bad_responses),
        cmocka_unit_test(test_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
