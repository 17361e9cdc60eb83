#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/websocket.h"

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define GET     "GET /ws HTTP/1.1\r\nHost: x\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static struct field request_storage[16], response_storage[16];
static struct http1_head request, response;
static const struct http1_limits limits = {.head = 4096, .target = 1024};

static enum websocket_result check(const char *text)
{
    http1_begin(&request, request_storage, 16);
    assert_int_equal(http1_parse_request(&request, slice_of_text(text), &limits), HTTP1_DONE);
    return websocket_check_request(&request);
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum websocket_result result;
    } rows[] = {
        {GET UPGRADE VERSION "Sec-WebSocket-Key: " KEY "\r\n\r\n", WEBSOCKET_FINE},
        {GET "Connection: upgrade\r\nUpgrade: foo, WebSocket\r\n" VERSION "Sec-WebSocket-Key: " KEY
             "\r\n\r\n",
         WEBSOCKET_FINE},
        {GET "Connection: upgrade\r\nUpgrade: foo\r\n" VERSION "Sec-WebSocket-Key: " KEY "\r\n\r\n",
         WEBSOCKET_OTHER},
        {GET UPGRADE "Sec-WebSocket-Key: " KEY "\r\n\r\n", WEBSOCKET_BAD_VERSION},
        {GET UPGRADE "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " KEY "\r\n\r\n", WEBSOCKET_BAD_VERSION},
        {GET UPGRADE VERSION VERSION "Sec-WebSocket-Key: " KEY "\r\n\r\n", WEBSOCKET_BAD_VERSION},
        {"POST /ws HTTP/1.1\r\nHost: x\r\n" UPGRADE VERSION "Sec-WebSocket-Key: " KEY "\r\n\r\n",
         WEBSOCKET_BAD},
        {"GET /ws HTTP/1.0\r\nHost: x\r\n" UPGRADE VERSION "Sec-WebSocket-Key: " KEY "\r\n\r\n",
         WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: AZaz09+/AAAAAAAAAAAAAA==\r\n\r\n", WEBSOCKET_FINE},
        {GET UPGRADE VERSION "\r\n", WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
         WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n\r\n", WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n", WEBSOCKET_BAD},
        {GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-Q==\r\n\r\n", WEBSOCKET_BAD},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(check(rows[i].text), rows[i].result);
}

/* The example of RFC 6455 §1.3. */
static void test_the_accept_value(void **state)
{
    (void)state;
    char accept[WEBSOCKET_ACCEPT_SIZE], key[WEBSOCKET_KEY_SIZE];
    websocket_accept(SLICE(KEY), accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WEBSOCKET_ACCEPT_SIZE);
    websocket_key((const uint8_t *)"the sample nonce", key);
    assert_memory_equal(key, KEY, WEBSOCKET_KEY_SIZE);
}

static bool answer(const char *text)
{
    http1_begin(&response, response_storage, 16);
    assert_int_equal(http1_parse_response(&response, slice_of_text(text), &limits), HTTP1_DONE);
    return websocket_check_response(&response, &request.fields, (struct slice){0});
}

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void test_responses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fine;
    } rows[] = {
        {SWITCHING UPGRADE ACCEPT "\r\n", true},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: b\r\n\r\n", true},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate; x=1\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT "\r\n", false},
        {SWITCHING "Upgrade: websocket\r\n" ACCEPT "\r\n", false},
        {SWITCHING "Connection: upgrade\r\n" ACCEPT "\r\n", false},
        {SWITCHING "Connection: upgrade\r\nUpgrade: foo\r\n" ACCEPT "\r\n", false},
        {SWITCHING UPGRADE "\r\n", false},
        {SWITCHING UPGRADE ACCEPT ACCEPT "\r\n", false},
        {SWITCHING UPGRADE "Sec-WebSocket-Accept: t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", false},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: c\r\n\r\n", false},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: B\r\n\r\n", false},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n", false},
        {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Extensions: other\r\n\r\n", false},
    };
    assert_int_equal(check(GET UPGRADE VERSION "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Protocol: a\r\n"
                                               "Sec-WebSocket-Protocol: b\r\n"
                                               "Sec-WebSocket-Extensions: permessage-deflate; y\r\n\r\n"),
                     WEBSOCKET_FINE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(answer(rows[i].text), rows[i].fine);
    assert_true(websocket_offers(&request.fields, SLICE("b")));
    assert_false(websocket_offers(&request.fields, SLICE("B")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_the_accept_value),
        cmocka_unit_test(test_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
