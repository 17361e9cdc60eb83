#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/websocket_scan.h"

static const uint8_t mask[4] = {1, 2, 3, 4};

/* A conversation under construction. */
static char bytes[200000];
static size_t size;

static void add(enum websocket_frame_opcode opcode, bool final, size_t payload, bool masked)
{
    size += websocket_frame_head(bytes + size, opcode, final, payload, masked ? mask : NULL);
    memset(bytes + size, 'p', payload);
    size += payload;
}

static bool scan_in_pieces(struct websocket_scan *scan, size_t first, size_t step)
{
    size_t at = 0;
    bool fine = true;
    for (size_t piece = first; at < size && fine; piece = step) {
        piece = piece < size - at ? piece : size - at;
        char *copy = memory_copy(bytes + at, piece ? piece : 1);
        fine = websocket_scan_feed(scan, slice_of(copy, piece));
        free(copy);
        at += piece;
    }
    return fine;
}

static void assert_same(const struct websocket_scan *a, const struct websocket_scan *b)
{
    assert_int_equal(a->error, b->error);
    assert_int_equal(a->messages, b->messages);
    assert_memory_equal(&a->text, &b->text, sizeof(a->text));
    assert_memory_equal(&a->binary, &b->binary, sizeof(a->binary));
    assert_memory_equal(&a->control, &b->control, sizeof(a->control));
    assert_int_equal(a->left, b->left);
    assert_int_equal(a->message, b->message);
    assert_int_equal(a->closed, b->closed);
    assert_int_equal(a->close_code, b->close_code);
    assert_int_equal(websocket_scan_at_frame(a), websocket_scan_at_frame(b));
}

/* At once, in two pieces at each place, and byte by byte. */
static struct websocket_scan scan_all(bool from_client, uint8_t extension_bits)
{
    struct websocket_scan whole, parts;
    websocket_scan_begin(&whole, from_client, extension_bits);
    bool fine = scan_in_pieces(&whole, size, size);
    for (size_t split = 0; split <= size; split += size > 2000 ? 997 : 1) {
        websocket_scan_begin(&parts, from_client, extension_bits);
        assert_int_equal(scan_in_pieces(&parts, split, size), fine);
        assert_same(&whole, &parts);
    }
    websocket_scan_begin(&parts, from_client, extension_bits);
    assert_int_equal(scan_in_pieces(&parts, 1, 1), fine);
    assert_same(&whole, &parts);
    assert_int_equal(fine, whole.error == WEBSOCKET_SCAN_NO_ERROR);
    return whole;
}

static int set_up(void **state)
{
    (void)state;
    size = 0;
    return 0;
}

static void test_a_conversation_is_counted(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_TEXT, true, 5, true);
    add(WEBSOCKET_FRAME_BINARY, false, 130, true);
    add(WEBSOCKET_FRAME_PING, true, 4, true);
    add(WEBSOCKET_FRAME_CONTINUATION, false, 0, true);
    add(WEBSOCKET_FRAME_CONTINUATION, true, 1, true);
    add(WEBSOCKET_FRAME_PONG, true, 0, true);
    add(WEBSOCKET_FRAME_TEXT, false, 1, true);
    add(WEBSOCKET_FRAME_CONTINUATION, true, 126, true);
    add(WEBSOCKET_FRAME_PING, true, 125, true);
    struct websocket_scan scan = scan_all(true, 0);
    assert_int_equal(scan.error, WEBSOCKET_SCAN_NO_ERROR);
    assert_int_equal(scan.messages, 3);
    assert_int_equal(scan.text.frames, 3);
    assert_int_equal(scan.text.bytes, 132);
    assert_int_equal(scan.binary.frames, 3);
    assert_int_equal(scan.binary.bytes, 131);
    assert_int_equal(scan.control.frames, 3);
    assert_int_equal(scan.control.bytes, 129);
    assert_true(websocket_scan_at_message(&scan));
}

static void test_long_frames(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_BINARY, true, 65535, false);
    add(WEBSOCKET_FRAME_BINARY, true, 65536, false);
    add(WEBSOCKET_FRAME_TEXT, true, 0, false);
    struct websocket_scan scan = scan_all(false, 0);
    assert_int_equal(scan.error, WEBSOCKET_SCAN_NO_ERROR);
    assert_int_equal(scan.binary.bytes, 131071);
    assert_int_equal(scan.messages, 3);
}

static void test_the_position_is_known_at_each_byte(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_TEXT, false, 2, false);
    add(WEBSOCKET_FRAME_PING, true, 1, false);
    add(WEBSOCKET_FRAME_CONTINUATION, true, 1, false);
    /*                                T  T  p  p  P  P  p  C  C  p */
    static const bool at_frame[] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1};
    static const bool at_message[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct websocket_scan scan;
    websocket_scan_begin(&scan, false, 0);
    for (size_t i = 0; i <= size; i++) {
        assert_int_equal(websocket_scan_at_frame(&scan), at_frame[i]);
        assert_int_equal(websocket_scan_at_message(&scan), at_message[i]);
        if (i < size)
            assert_true(websocket_scan_feed(&scan, slice_of(bytes + i, 1)));
    }
}

/* A large frame is entered by its whole head and nothing else is; what is not leaves no trace. */
static void test_only_a_large_frame_is_entered(void **state)
{
    (void)state;
    static const struct {
        enum websocket_frame_opcode opcode;
        size_t payload;
        bool masked, enters;
    } rows[] = {
        {WEBSOCKET_FRAME_BINARY, 70000, true, true},  {WEBSOCKET_FRAME_TEXT, 1000, true, true},
        {WEBSOCKET_FRAME_BINARY, 999, true, false},   {WEBSOCKET_FRAME_PING, 100, true, false},
        {WEBSOCKET_FRAME_BINARY, 2000, false, false}, {WEBSOCKET_FRAME_CONTINUATION, 2000, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_scan scan, before;
        size = 0;
        websocket_scan_begin(&scan, true, 0);
        before = scan;
        add(rows[i].opcode, true, rows[i].payload, rows[i].masked);
        size_t head = size - rows[i].payload;
        for (size_t seen = 0; seen < head; seen++)
            assert_int_equal(websocket_scan_enter(&scan, slice_of(bytes, seen), 1000), 0);
        size_t entered = websocket_scan_enter(&scan, slice_of(bytes, head), 1000);
        assert_int_equal(entered, rows[i].enters ? head : 0);
        if (!rows[i].enters)
            assert_memory_equal(&scan, &before, sizeof scan);
        else
            assert_int_equal(scan.left, rows[i].payload);
        assert_int_equal(websocket_scan_enter(&scan, slice_of(bytes, head), rows[i].enters ? 1 : 100000), 0);
    }
}

static void test_each_frame_ends_where_it_ends(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_TEXT, true, 3, true);
    add(WEBSOCKET_FRAME_PONG, true, 8, true);
    struct websocket_scan scan;
    size_t used = 0;
    websocket_scan_begin(&scan, true, 0);
    assert_int_equal(websocket_scan_next(&scan, slice_of(bytes, size), &used), WEBSOCKET_SCAN_FRAME);
    assert_int_equal(used, 9);
    assert_int_equal(scan.opcode, WEBSOCKET_FRAME_TEXT);
    assert_int_equal(scan.size, 3);
    assert_memory_equal(scan.mask, mask, 4);
    assert_int_equal(websocket_scan_next(&scan, slice_of(bytes + 9, 7), &used), WEBSOCKET_SCAN_MORE);
    assert_int_equal(used, 7);
    assert_int_equal(websocket_scan_next(&scan, slice_of(bytes + 16, size - 16), &used),
                     WEBSOCKET_SCAN_FRAME);
    assert_int_equal(used, 7);
    assert_int_equal(scan.opcode, WEBSOCKET_FRAME_PONG);
    assert_int_equal(websocket_scan_next(&scan, (struct slice){0}, &used), WEBSOCKET_SCAN_MORE);
    assert_int_equal(used, 0);
}

static void test_the_close_code_is_seen(void **state)
{
    (void)state;
    char payload[WEBSOCKET_FRAME_CONTROL_MOST];
    size_t length = websocket_frame_close(payload, 4401, SLICE("signed out"));
    for (int masked = 0; masked < 2; masked++) {
        size = 0;
        add(WEBSOCKET_FRAME_TEXT, false, 3, masked);
        add(WEBSOCKET_FRAME_CLOSE, true, length, masked);
        memcpy(bytes + size - length, payload, length);
        if (masked)
            websocket_frame_mask(bytes + size - length, length, mask, 0);
        struct websocket_scan scan = scan_all(masked, 0);
        assert_true(scan.closed);
        assert_int_equal(scan.close_bytes, 2);
        assert_int_equal(scan.close_code, 4401);
    }
    size = 0;
    add(WEBSOCKET_FRAME_CLOSE, true, 0, false);
    struct websocket_scan scan = scan_all(false, 0);
    assert_true(scan.closed);
    assert_int_equal(scan.close_bytes, 0);
}

static void test_an_error_is_told_at_once(void **state)
{
    (void)state;
    struct websocket_scan scan;
    size_t used = 0;
    websocket_scan_begin(&scan, false, 0);
    assert_int_equal(websocket_scan_next(&scan, SLICE("\x83\x00"), &used), WEBSOCKET_SCAN_BAD);
    assert_false(websocket_scan_at_frame(&scan));
    assert_false(websocket_scan_at_message(&scan));
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        bool from_client;
        uint8_t extension_bits;
        enum websocket_scan_error error;
    } rows[] = {
        {{"\x83\x00", 2}, false, 0, WEBSOCKET_SCAN_OPCODE},
        {{"\x87\x00", 2}, false, 0, WEBSOCKET_SCAN_OPCODE},
        {{"\x8b\x00", 2}, false, 0, WEBSOCKET_SCAN_OPCODE},
        {{"\x8f\x00", 2}, false, 0, WEBSOCKET_SCAN_OPCODE},
        {{"\xc1\x00", 2}, false, 0, WEBSOCKET_SCAN_RESERVED_BITS},
        {{"\xc1\x00", 2}, false, 0x40, WEBSOCKET_SCAN_NO_ERROR},
        {{"\xa1\x00", 2}, false, 0x40, WEBSOCKET_SCAN_RESERVED_BITS},
        {{"\xf1\x00", 2}, false, 0x70, WEBSOCKET_SCAN_NO_ERROR},
        {{"\xc9\x00", 2}, false, 0x40, WEBSOCKET_SCAN_RESERVED_BITS},
        {{"\x09\x00", 2}, false, 0, WEBSOCKET_SCAN_CONTROL},
        {{"\x89\x7e\x00\x7e", 4}, false, 0, WEBSOCKET_SCAN_CONTROL},
        {{"\x88\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10}, false, 0, WEBSOCKET_SCAN_CONTROL},
        {{"\x82\x7e\x00\x7d", 4}, false, 0, WEBSOCKET_SCAN_LENGTH},
        {{"\x82\x7e\x00\x00", 4}, false, 0, WEBSOCKET_SCAN_LENGTH},
        {{"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10}, false, 0, WEBSOCKET_SCAN_LENGTH},
        {{"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10}, false, 0, WEBSOCKET_SCAN_LENGTH},
        {{"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10}, false, 0, WEBSOCKET_SCAN_NO_ERROR},
        {{"\x81\x80\x01\x02\x03\x04", 6}, false, 0, WEBSOCKET_SCAN_MASK},
        {{"\x81\x00", 2}, true, 0, WEBSOCKET_SCAN_MASK},
        {{"\x80\x00", 2}, false, 0, WEBSOCKET_SCAN_SEQUENCE},
        {{"\x01\x00\x81\x00", 4}, false, 0, WEBSOCKET_SCAN_SEQUENCE},
        {{"\x01\x00\x89\x00\x80\x00", 6}, false, 0, WEBSOCKET_SCAN_NO_ERROR},
        {{"\x81\x00\x80\x00", 4}, false, 0, WEBSOCKET_SCAN_SEQUENCE},
        {{"\x88\x01x", 3}, false, 0, WEBSOCKET_SCAN_CLOSE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size = rows[i].bytes.size;
        memcpy(bytes, rows[i].bytes.data, size);
        struct websocket_scan scan = scan_all(rows[i].from_client, rows[i].extension_bits);
        assert_int_equal(scan.error, rows[i].error);
        assert_non_null(websocket_scan_error_text(rows[i].error));
        size_t used = 0;
        if (scan.error)
            assert_int_equal(websocket_scan_next(&scan, SLICE("\x81\x00"), &used), WEBSOCKET_SCAN_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_conversation_is_counted, set_up),
        cmocka_unit_test_setup(test_long_frames, set_up),
        cmocka_unit_test_setup(test_the_position_is_known_at_each_byte, set_up),
        cmocka_unit_test_setup(test_only_a_large_frame_is_entered, set_up),
        cmocka_unit_test_setup(test_each_frame_ends_where_it_ends, set_up),
        cmocka_unit_test_setup(test_the_close_code_is_seen, set_up),
        cmocka_unit_test(test_an_error_is_told_at_once),
        cmocka_unit_test_setup(test_errors, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
