#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/framing.h"

static struct field storage[16];
static struct http1_head head;
static struct framing framing;
static const struct http1_limits limits = {.head = 4096, .target = 1024};

static enum http1_result request(const char *text)
{
    http1_begin(&head, storage, 16);
    assert_int_equal(http1_parse_request(&head, slice_of_text(text), &limits), HTTP1_DONE);
    return framing_of_request(&head, &(struct uri_memo){0}, &framing);
}

static enum http1_result response(const char *text, enum http1_method method)
{
    http1_begin(&head, storage, 16);
    assert_int_equal(http1_parse_response(&head, slice_of_text(text), &limits), HTTP1_DONE);
    return framing_of_response(&head, method, &framing);
}

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.size, strlen(text));
    assert_memory_equal(slice.data, text, slice.size);
}

#define POST "POST / HTTP/1.1\r\nHost: x\r\n"
#define GET  "GET / HTTP/1.1\r\nHost: x\r\n"

static void test_requests_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http1_result result;
        int status;
    } rows[] = {
        {POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 1,1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: +1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: -1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 0x1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 1 1\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length:\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 18446744073709551616\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Content-Length: 9223372036854775808\r\n\r\n", HTTP1_BAD_LENGTH, 400},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Transfer-Encoding:\r\n\r\n", HTTP1_BAD_CODING, 400},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP1_OTHER_CODING, 501},
        {POST "Transfer-Encoding: identity\r\n\r\n", HTTP1_OTHER_CODING, 501},
        {POST "Transfer-Encoding: xchunked\r\n\r\n", HTTP1_OTHER_CODING, 501},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", HTTP1_OTHER_CODING, 501},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n", HTTP1_OTHER_CODING, 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD_CODING, 400},
        {"GET / HTTP/1.1\r\n\r\n", HTTP1_BAD_HOST, 400},
        {GET "Host: x\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a,b\x80\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET http://a/ HTTP/1.1\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP1_BAD_HOST, 400},
        {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"OPTIONS *x HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET http://u@a/ HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"GET http://a?b HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_BAD_TARGET, 400},
        {POST "Expect: 200-maybe\r\n\r\n", HTTP1_BAD_EXPECT, 417},
        {POST "Expect: 100-continue\r\nExpect: x\r\n\r\n", HTTP1_BAD_EXPECT, 417},
        {POST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n", HTTP1_BAD_UPGRADE,
         400},
        {POST "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP1_BAD_UPGRADE, 400},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum http1_result result = request(rows[i].text);
        if (result != rows[i].result)
            print_error("%s", rows[i].text);
        assert_int_equal(result, rows[i].result);
        assert_int_equal(http1_result_status(result), rows[i].status);
    }
}

static void test_bodies_of_requests(void **state)
{
    (void)state;
    assert_int_equal(request(GET "\r\n"), HTTP1_DONE);
    assert_int_equal(framing.body, FRAMING_NONE);
    assert_int_equal(framing.length, 0);
    assert_int_equal(request(POST "Content-Length: 0\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.body, FRAMING_NONE);
    assert_int_equal(framing.length, 0);
    assert_int_equal(request(POST "Content-Length: 9223372036854775807\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.body, FRAMING_LENGTH);
    assert_true(framing.length == INT64_MAX);
    assert_int_equal(request(POST "Transfer-Encoding: Chunked\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.body, FRAMING_CHUNKED);
    assert_int_equal(framing.length, -1);
    assert_int_equal(request("POST / HTTP/1.0\r\nContent-Length: 007\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.length, 7);
}

static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep_alive;
    } rows[] = {
        {GET "\r\n", true},
        {GET "Connection: close\r\n\r\n", false},
        {GET "Connection: x, CLOSE\r\n\r\n", false},
        {GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(request(rows[i].text), HTTP1_DONE);
        assert_int_equal(framing.keep_alive, rows[i].keep_alive);
    }
}

static void test_targets(void **state)
{
    (void)state;
    assert_int_equal(request("GET /a?b HTTP/1.1\r\nHost: X:80\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.form, FRAMING_ORIGIN);
    assert_slice(framing.authority, "X:80");
    assert_slice(framing.path, "/a?b");
    assert_int_equal(request("GET HTTP://other:81/a?b HTTP/1.1\r\nHost: x\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.form, FRAMING_ABSOLUTE);
    assert_slice(framing.authority, "other:81");
    assert_slice(framing.path, "/a?b");
    assert_int_equal(request("GET https://[::1] HTTP/1.1\r\nHost: x\r\n\r\n"), HTTP1_DONE);
    assert_slice(framing.authority, "[::1]");
    assert_slice(framing.path, "/");
    assert_int_equal(request("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.form, FRAMING_ASTERISK);
    assert_slice(framing.authority, "x");
    assert_int_equal(request("CONNECT a:443 HTTP/1.1\r\nHost: x\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.form, FRAMING_AUTHORITY);
    assert_slice(framing.authority, "a:443");
    assert_int_equal(request("GET / HTTP/1.0\r\n\r\n"), HTTP1_DONE);
    assert_int_equal(framing.authority.size, 0);
}

static void test_upgrade_and_expect(void **state)
{
    (void)state;
    assert_int_equal(request(GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"),
                     HTTP1_DONE);
    assert_true(framing.upgrade);
    assert_int_equal(request(GET "Upgrade: websocket\r\n\r\n"), HTTP1_DONE);
    assert_false(framing.upgrade);
    assert_int_equal(request(GET "Connection: upgrade\r\n\r\n"), HTTP1_DONE);
    assert_false(framing.upgrade);
    assert_int_equal(request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
                     HTTP1_DONE);
    assert_false(framing.upgrade);
    assert_int_equal(
        request(POST "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\n"),
        HTTP1_DONE);
    assert_false(framing.upgrade);
    assert_int_equal(request(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"), HTTP1_DONE);
    assert_true(framing.expect_continue);
    assert_int_equal(request(GET "Expect: 100-continue\r\n\r\n"), HTTP1_DONE);
    assert_false(framing.expect_continue);
    assert_int_equal(request("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
                     HTTP1_DONE);
    assert_false(framing.expect_continue);
}

static void test_listed_fields_are_marked(void **state)
{
    (void)state;
    assert_int_equal(request(GET "Connection: close, x-own\r\nX-Own: 1\r\nAccept: 2\r\n\r\n"), HTTP1_DONE);
    assert_false(storage[0].hop_by_hop);
    assert_true(storage[1].hop_by_hop);
    assert_true(storage[2].hop_by_hop);
    assert_false(storage[3].hop_by_hop);
}

static void test_responses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http1_method method;
        enum http1_result result;
        enum framing_body body;
        int64_t length;
        bool keep_alive;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_LENGTH, 3, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, 0, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP1_HEAD, HTTP1_DONE, FRAMING_NONE, 3, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_CHUNKED, -1,
         true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_HEAD, HTTP1_DONE, FRAMING_NONE, -1,
         true},
        {"HTTP/1.1 200 OK\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_UNTIL_CLOSE, -1, false},
        {"HTTP/1.1 200 OK\r\n\r\n", HTTP1_HEAD, HTTP1_DONE, FRAMING_NONE, -1, true},
        {"HTTP/1.1 204 No\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, 0, true},
        {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, 0, true},
        {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, 5, true},
        {"HTTP/1.1 304 No\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, -1, true},
        {"HTTP/1.1 100 Go\r\n\r\n", HTTP1_POST, HTTP1_DONE, FRAMING_NONE, 0, true},
        {"HTTP/1.1 101 Up\r\nContent-Length: 0\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_NONE, 0, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP1_GET, HTTP1_DONE, FRAMING_LENGTH, 3, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", HTTP1_GET, HTTP1_DONE,
         FRAMING_LENGTH, 3, false},
        {"HTTP/1.1 101 Up\r\nContent-Length: 1\r\n\r\n", HTTP1_GET, HTTP1_BAD_UPGRADE, 0, 0, false},
        {"HTTP/1.1 101 Up\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET, HTTP1_BAD_CODING, 0, 0, false},
        {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET, HTTP1_BAD_CODING, 0, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET,
         HTTP1_BAD_CODING, 0, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", HTTP1_GET, HTTP1_BAD_LENGTH, 0,
         0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", HTTP1_HEAD, HTTP1_BAD_LENGTH, 0,
         0, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", HTTP1_GET, HTTP1_OTHER_CODING, 0, 0, false},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET, HTTP1_BAD_CODING, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum http1_result result = response(rows[i].text, rows[i].method);
        if (result != rows[i].result || (!result && framing.body != rows[i].body))
            print_error("%s", rows[i].text);
        assert_int_equal(result, rows[i].result);
        if (result != HTTP1_DONE)
            continue;
        assert_int_equal(framing.body, rows[i].body);
        assert_int_equal(framing.length, rows[i].length);
        assert_int_equal(framing.keep_alive, rows[i].keep_alive);
        assert_int_equal(framing.upgrade, head.status == 101);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_that_are_refused),
        cmocka_unit_test(test_bodies_of_requests),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_upgrade_and_expect),
        cmocka_unit_test(test_listed_fields_are_marked),
        cmocka_unit_test(test_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
