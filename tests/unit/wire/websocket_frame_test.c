#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/websocket_frame.h"

static const uint8_t mask[4] = {1, 2, 0x80, 0xff};

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        enum websocket_frame_opcode opcode;
        bool final, masked;
        uint64_t size;
        size_t head_size;
        const char *head;
    } rows[] = {
        {WEBSOCKET_FRAME_TEXT, true, false, 0, 2, "\x81\x00"},
        {WEBSOCKET_FRAME_BINARY, false, false, 125, 2, "\x02\x7d"},
        {WEBSOCKET_FRAME_CONTINUATION, true, false, 126, 4, "\x80\x7e\x00\x7e"},
        {WEBSOCKET_FRAME_BINARY, true, false, 65535, 4, "\x82\x7e\xff\xff"},
        {WEBSOCKET_FRAME_BINARY, true, false, 65536, 10, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
        {WEBSOCKET_FRAME_PING, true, true, 4, 6, "\x89\x84\x01\x02\x80\xff"},
        {WEBSOCKET_FRAME_TEXT, true, true, INT64_MAX, 14,
         "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x80\xff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[WEBSOCKET_FRAME_HEAD_SIZE];
        size_t size = websocket_frame_head(out, rows[i].opcode, rows[i].final, rows[i].size,
                                           rows[i].masked ? mask : NULL);
        assert_int_equal(size, rows[i].head_size);
        assert_memory_equal(out, rows[i].head, size);
    }
}

/* In two pieces at every place, from every offset into the payload. */
static void test_masking(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 9; offset++)
        for (size_t split = 0; split <= 37; split++) {
            char bytes[37];
            memset(bytes, 'x', sizeof(bytes));
            websocket_frame_mask(bytes, split, mask, offset);
            websocket_frame_mask(bytes + split, sizeof(bytes) - split, mask, offset + split);
            for (size_t i = 0; i < sizeof(bytes); i++)
                assert_int_equal((uint8_t)bytes[i], 'x' ^ mask[(offset + i) & 3]);
        }
}

static void test_close_payloads(void **state)
{
    (void)state;
    char out[WEBSOCKET_FRAME_CONTROL_MOST], reason[200];
    assert_int_equal(websocket_frame_close(out, 1012, SLICE("bye")), 5);
    assert_memory_equal(out,
                        "\x03\xf4"
                        "bye",
                        5);
    assert_int_equal(websocket_frame_close(out, 1000, (struct slice){0}), 2);
    memset(reason, 'x', sizeof(reason));
    assert_int_equal(websocket_frame_close(out, 1000, slice_of(reason, 200)), 125);
    memcpy(reason + 121, "\xe2\x82\xac", 3);
    assert_int_equal(websocket_frame_close(out, 1000, slice_of(reason, 200)), 123);
    memcpy(reason + 120, "\xe2\x82\xac", 3);
    assert_int_equal(websocket_frame_close(out, 1000, slice_of(reason, 200)), 125);
}

static void test_close_payloads_read(void **state)
{
    (void)state;
    static const struct {
        struct slice payload;
        bool fine;
        unsigned code;
        const char *reason;
    } rows[] = {
        {{"", 0}, true, WEBSOCKET_FRAME_NO_CODE, ""},
        {{"\x03\xe8", 2}, true, 1000, ""},
        {{"\x03\xe9gone", 6}, true, 1001, "gone"},
        {{"\x0f\xa0h\xc3\xa9", 5}, true, 4000, "h\xc3\xa9"},
        {{"\x03", 1}, false, 0, ""},
        {{"\x03\xed", 2}, false, 0, ""}, /* 1005 */
        {{"\x03\xee", 2}, false, 0, ""}, /* 1006 */
        {{"\x03\xf7", 2}, false, 0, ""}, /* 1015 */
        {{"\x03\xe7", 2}, false, 0, ""}, /* 999 */
        {{"\x13\x88", 2}, false, 0, ""}, /* 5000 */
        {{"\x03\xe8\xff", 3}, false, 0, ""},
        {{"\x03\xe8\xc3", 3}, false, 0, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned code = 0;
        struct slice reason;
        assert_int_equal(websocket_frame_read_close(rows[i].payload, &code, &reason), rows[i].fine);
        if (!rows[i].fine)
            continue;
        assert_int_equal(code, rows[i].code);
        assert_true(slice_equal(reason, slice_of_text(rows[i].reason)));
    }
}

static bool is_text(const char *reason, size_t size)
{
    char payload[16] = "\x03\xe8";
    unsigned code = 0;
    struct slice read;
    memcpy(payload + 2, reason, size);
    return websocket_frame_read_close(slice_of(payload, size + 2), &code, &read);
}

static void test_codes(void **state)
{
    (void)state;
    static const unsigned borders[] = {1000, 1004, 1007, 1015, 3000, 5000};
    for (unsigned code = 0; code < 65536; code++) {
        size_t passed = 0;
        while (passed < sizeof(borders) / sizeof(borders[0]) && borders[passed] <= code)
            passed++;
        assert_int_equal(websocket_frame_code_is_valid(code), passed % 2);
    }
}

static void test_the_longest_close_payload(void **state)
{
    (void)state;
    char payload[WEBSOCKET_FRAME_CONTROL_MOST + 1] = "\x03\xe8";
    unsigned code = 0;
    struct slice reason;
    memset(payload + 2, 'x', sizeof(payload) - 2);
    assert_true(websocket_frame_read_close(slice_of(payload, sizeof(payload) - 1), &code, &reason));
    assert_int_equal(reason.size, WEBSOCKET_FRAME_REASON_MOST);
    assert_false(websocket_frame_read_close(slice_of(payload, sizeof(payload)), &code, &reason));
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(is_text("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", 13));
    assert_true(is_text("\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 11));
    assert_false(is_text("\xc1\xbf", 2));
    assert_false(is_text("\xe0\x9f\xbf", 3));
    assert_false(is_text("\xed\xa0\x80", 3));
    assert_false(is_text("\xed\xbf\xbf", 3));
    assert_false(is_text("\xf0\x8f\xbf\xbf", 4));
    assert_false(is_text("\xf4\x90\x80\x80", 4));
    assert_false(is_text("\xf5\x80\x80\x80", 4));
    assert_false(is_text("\x80", 1));
    assert_false(is_text("\xe2\x28\xa1", 3));
    assert_false(is_text("\xe2\x80\x28", 3));
    assert_false(is_text("\xf0\x90\x80\x28", 4));
    assert_false(is_text("\xc2\xc0", 2));
    assert_true(is_text("\xc3\xbf\xe1\xbf\xbf\xf1\xbf\xbf\xbf", 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),          cmocka_unit_test(test_masking),
        cmocka_unit_test(test_close_payloads), cmocka_unit_test(test_close_payloads_read),
        cmocka_unit_test(test_codes),          cmocka_unit_test(test_the_longest_close_payload),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
