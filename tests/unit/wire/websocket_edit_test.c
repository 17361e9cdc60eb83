/* What is changed in bytes that pass: our own pongs and forbidden close codes, nothing else; at every split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/websocket_edit.h"

enum { MOST = 4096 };

static const uint8_t mask[4] = {1, 200, 3, 4};
static const struct websocket_edit fresh = {.nonce = "nonce 12"};

struct bytes {
    char data[MOST];
    size_t size;
};

static void add(struct bytes *bytes, enum websocket_frame_opcode opcode, struct slice payload, bool masked)
{
    bytes->size +=
        websocket_frame_head(bytes->data + bytes->size, opcode, true, payload.size, masked ? mask : NULL);
    memcpy(bytes->data + bytes->size, payload.data, payload.size);
    if (masked)
        websocket_frame_mask(bytes->data + bytes->size, payload.size, mask, 0);
    bytes->size += payload.size;
}

static struct slice nonce(void)
{
    return slice_of((const char *)fresh.nonce, sizeof fresh.nonce);
}

/* What passes when `in` comes in pieces of `step` bytes behind a first one. */
static bool pass(struct websocket_edit *edit, const struct bytes *in, size_t first, size_t step,
                 struct bytes *out)
{
    struct websocket_scan scan;
    bool fine = true;
    websocket_scan_begin(&scan, edit != NULL, 0);
    out->size = 0;
    for (size_t at = 0, piece = first; at < in->size; piece = step) {
        size_t size = piece < in->size - at ? piece : in->size - at;
        char *room = memory_new(WEBSOCKET_EDIT_PONG + size + 1), *data = room + WEBSOCKET_EDIT_PONG;
        memcpy(data, in->data + at, size);
        at += size;
        fine = fine && websocket_edit_pass(edit, &scan, &data, &size);
        memcpy(out->data + out->size, data, size);
        out->size += size;
        free(room);
    }
    return fine;
}

/* At every split, with so many of our pongs taken away. */
static void expect(unsigned awaited, unsigned left, const struct bytes *in, const struct bytes *wanted)
{
    for (size_t first = 0; first <= in->size; first++) {
        for (size_t step = 1; step <= in->size; step += step < 20 ? 1 : in->size) {
            struct websocket_edit edit = fresh;
            struct bytes out;
            edit.awaited = (uint8_t)awaited;
            assert_true(pass(&edit, in, first, step, &out));
            assert_int_equal(out.size, wanted->size);
            assert_memory_equal(out.data, wanted->data, out.size);
            assert_int_equal(edit.awaited, left);
            assert_int_equal(edit.held_size, 0);
        }
    }
}

static void our_pong_alone_is_taken(void **state)
{
    (void)state;
    struct bytes in = {0}, wanted = {0};
    add(&in, WEBSOCKET_FRAME_TEXT, SLICE("one"), true);
    add(&in, WEBSOCKET_FRAME_PONG, SLICE("nonce 13"), true); /* a program's */
    add(&in, WEBSOCKET_FRAME_PING, nonce(), true);
    add(&in, WEBSOCKET_FRAME_TEXT, nonce(), true);
    wanted = in;
    add(&in, WEBSOCKET_FRAME_PONG, nonce(), true);
    add(&in, WEBSOCKET_FRAME_TEXT, SLICE("two"), true);
    add(&wanted, WEBSOCKET_FRAME_TEXT, SLICE("two"), true);
    add(&in, WEBSOCKET_FRAME_PONG, nonce(), true); /* said twice: the second is nobody's answer */
    add(&wanted, WEBSOCKET_FRAME_PONG, nonce(), true);
    add(&in, WEBSOCKET_FRAME_PONG, SLICE(""), true);
    add(&wanted, WEBSOCKET_FRAME_PONG, SLICE(""), true);
    expect(1, 0, &in, &wanted);
    expect(0, 0, &in, &in);
}

static void two_pings_have_two_pongs(void **state)
{
    (void)state;
    struct bytes in = {0}, wanted = {0};
    add(&in, WEBSOCKET_FRAME_PONG, nonce(), true);
    add(&in, WEBSOCKET_FRAME_PONG, nonce(), true);
    expect(2, 0, &in, &wanted);
    expect(3, 1, &in, &wanted);
    struct websocket_edit edit = fresh;
    char ping[WEBSOCKET_EDIT_PING];
    websocket_edit_ping(&edit, ping);
    assert_memory_equal(ping, "\x89\x08nonce 12", sizeof ping);
    assert_int_equal(edit.awaited, 1);
}

static void a_torn_pong_of_ours_waits(void **state)
{
    (void)state;
    struct bytes in = {0}, out;
    struct websocket_edit edit = fresh;
    edit.awaited = 1;
    add(&in, WEBSOCKET_FRAME_PONG, nonce(), true);
    in.size--;
    assert_true(pass(&edit, &in, in.size, 1, &out));
    assert_int_equal(out.size, 0);
    assert_int_equal(edit.held_size, in.size);
}

static void expect_code(unsigned code, unsigned seen)
{
    char payload[2] = {(char)(code >> 8), (char)code}, changed[2] = {(char)(seen >> 8), (char)seen};
    struct bytes in = {0}, wanted = {0}, masked = {0}, wanted_masked = {0}, out;
    add(&in, WEBSOCKET_FRAME_CLOSE, slice_of(payload, 2), false);
    add(&wanted, WEBSOCKET_FRAME_CLOSE, slice_of(changed, 2), false);
    add(&masked, WEBSOCKET_FRAME_CLOSE, slice_of(payload, 2), true);
    add(&wanted_masked, WEBSOCKET_FRAME_CLOSE, slice_of(changed, 2), true);
    expect(0, 0, &masked, &wanted_masked);
    expect(1, 1, &masked, &wanted_masked);
    for (size_t first = 0; first <= in.size; first++) {
        assert_true(pass(NULL, &in, first, 1, &out));
        assert_memory_equal(out.data, wanted.data, wanted.size);
    }
}

static void codes_that_are_never_sent_become_1011(void **state)
{
    (void)state;
    expect_code(1005, 1011), expect_code(1006, 1011), expect_code(1015, 1011);
    for (unsigned code = 0; code < 5000; code += code < 990 || code > 1020 ? 83 : 1)
        if (code != 1005 && code != 1006 && code != 1015)
            expect_code(code, code);
}

static void what_is_no_frame_passes(void **state)
{
    (void)state;
    struct bytes in = {0}, out;
    struct websocket_edit edit = fresh;
    edit.awaited = 1;
    add(&in, WEBSOCKET_FRAME_TEXT, SLICE("x"), true);
    memset(in.data + in.size, 0xff, 100);
    in.size += 100;
    assert_false(pass(&edit, &in, in.size, 1, &out));
    assert_int_equal(out.size, in.size);
    assert_memory_equal(out.data, in.data, in.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_pong_alone_is_taken),   cmocka_unit_test(two_pings_have_two_pongs),
        cmocka_unit_test(a_torn_pong_of_ours_waits), cmocka_unit_test(codes_that_are_never_sent_become_1011),
        cmocka_unit_test(what_is_no_frame_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
