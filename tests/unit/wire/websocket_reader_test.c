#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/websocket_reader.h"

static const uint8_t mask[4] = {0x11, 0x22, 0x33, 0x44};

/* A conversation under construction, and what a reader makes of it, in words. */
static struct buffer wire = BUFFER(400000);

static void add(enum websocket_frame_opcode opcode, bool final, const char *payload)
{
    char head[WEBSOCKET_FRAME_HEAD_SIZE];
    size_t size = strlen(payload);
    assert_true(buffer_append(&wire, slice_of(head, websocket_frame_head(head, opcode, final, size, mask))));
    char *copy = memory_copy(payload, size + 1);
    websocket_frame_mask(copy, size, mask, 0);
    assert_true(buffer_append(&wire, slice_of(copy, size)));
    free(copy);
}

static void tell(struct buffer *words, const struct websocket_reader *reader,
                 enum websocket_reader_result result)
{
    static const char *const names[] = {"", "data", "ping", "pong", "close", "bad"};
    if (result == WEBSOCKET_READER_DATA) {
        if (reader->first)
            buffer_append_text(words, "<");
        buffer_append(words, reader->data);
        if (reader->last)
            buffer_append_text(words, ">");
    } else if (result == WEBSOCKET_READER_CLOSE) {
        buffer_append_format(words, "close %u", reader->code);
    } else if (result != WEBSOCKET_READER_MORE) {
        buffer_append_format(words, "(%s ", names[result]);
        if (result != WEBSOCKET_READER_BAD)
            buffer_append(words, reader->data);
        buffer_append_text(words, ")");
    }
}

static bool feed(struct websocket_reader *reader, struct slice piece, struct buffer *words)
{
    char *copy = memory_copy(piece.size ? piece.data : "", piece.size ? piece.size : 1);
    enum websocket_reader_result result = WEBSOCKET_READER_MORE;
    for (size_t at = 0, used; at < piece.size && result != WEBSOCKET_READER_BAD; at += used) {
        result = websocket_reader_next(reader, copy + at, piece.size - at, &used);
        tell(words, reader, result);
    }
    free(copy);
    return result != WEBSOCKET_READER_BAD;
}

/* In two pieces at every place, and byte by byte: always the same. */
static void expect(const char *wanted)
{
    struct slice all = buffer_slice(&wire);
    for (size_t split = 0; split <= all.size + 1; split++) {
        struct websocket_reader reader;
        struct buffer words = BUFFER(400000);
        websocket_reader_begin(&reader);
        bool fine = true;
        if (split <= all.size)
            fine = feed(&reader, slice_between(all, 0, split), &words) &&
                   feed(&reader, slice_from(all, split), &words);
        for (size_t at = 0; split > all.size && at < all.size && fine; at++)
            fine = feed(&reader, slice_between(all, at, at + 1), &words);
        if (!slice_equal(buffer_slice(&words), slice_of_text(wanted)))
            fail_msg("split at %zu: " SLICE_FORMAT, split, SLICE_ARGUMENTS(buffer_slice(&words)));
        buffer_free(&words);
    }
    buffer_free(&wire);
}

static void test_messages(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_BINARY, true, "whole");
    add(WEBSOCKET_FRAME_TEXT, false, "in ");
    add(WEBSOCKET_FRAME_PING, true, "you?");
    add(WEBSOCKET_FRAME_CONTINUATION, false, "");
    add(WEBSOCKET_FRAME_CONTINUATION, false, "three ");
    add(WEBSOCKET_FRAME_PONG, true, "");
    add(WEBSOCKET_FRAME_CONTINUATION, true, "parts");
    add(WEBSOCKET_FRAME_BINARY, true, "");
    add(WEBSOCKET_FRAME_BINARY, false, "");
    add(WEBSOCKET_FRAME_CONTINUATION, true, "");
    add(WEBSOCKET_FRAME_CLOSE, true,
        "\x03\xe9"
        "bye");
    expect("<whole><in (ping you?)three (pong )parts><><>close 1001");
}

static void test_a_close_without_a_code(void **state)
{
    (void)state;
    add(WEBSOCKET_FRAME_CLOSE, true, "");
    expect("close 1005");
}

static void test_long_frames(void **state)
{
    (void)state;
    char text[1003];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    char *wanted = memory_format("<%s>", text);
    add(WEBSOCKET_FRAME_BINARY, true, text);
    expect(wanted);
    free(wanted);
}

static void test_errors(void **state)
{
    static const struct slice rows[] = {
        {"\x82\x01x", 3},         {"\xc2\x81\1\2\3\4x", 7},      {"\x80\x81\1\2\3\4x", 7},
        {"\x83\x81\1\2\3\4x", 7}, {"\x09\x81\1\2\3\4x", 7},      {"\x89\xfe\0\x7e\1\2\3\4x", 9},
        {"\x88\x81\1\2\3\4x", 7}, {"\x88\x82\0\0\0\0\3\xed", 8}, /* 1005 is never sent */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        add(WEBSOCKET_FRAME_BINARY, true, "a");
        assert_true(buffer_append(&wire, rows[i]));
        add(WEBSOCKET_FRAME_BINARY, true, "never");
        expect("<a>(bad )");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_a_close_without_a_code),
        cmocka_unit_test(test_long_frames),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
