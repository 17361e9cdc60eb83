#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/chunks.h"

/* What came out of a body. */
static struct chunks chunks;
static char data[32768];
static size_t data_size;
static size_t used_size;

/* Feeds a copy of exact size. */
static enum chunks_result feed(struct slice bytes)
{
    char *copy = memory_copy(bytes.data, bytes.size);
    struct slice rest = slice_of(copy, bytes.size), piece;
    enum chunks_result result = CHUNKS_MORE;
    size_t used = 0;
    while ((result = chunks_next(&chunks, rest, &used, &piece)) == CHUNKS_DATA) {
        assert_true(piece.size > 0);
        assert_ptr_equal(piece.data + piece.size, rest.data + used);
        memcpy(data + data_size, piece.data, piece.size);
        data_size += piece.size;
        used_size += used;
        rest = slice_from(rest, used);
    }
    used_size += used;
    assert_int_equal(piece.size, 0);
    assert_true(result != CHUNKS_MORE || used == rest.size);
    free(copy);
    return result;
}

static void begin(void)
{
    chunks = (struct chunks){0};
    data_size = used_size = 0;
}

/* All at once, in two pieces at each place, and byte by byte: always the same. */
static enum chunks_result decode(struct slice bytes)
{
    begin();
    enum chunks_result whole = feed(bytes);
    char *expected = memory_copy(data, data_size ? data_size : 1);
    size_t expected_size = data_size, expected_used = used_size;
    for (size_t split = 0; split <= bytes.size + 1; split++) {
        begin();
        enum chunks_result result = CHUNKS_MORE;
        if (split <= bytes.size) {
            result = feed(slice_between(bytes, 0, split));
            if (result == CHUNKS_MORE)
                result = feed(slice_from(bytes, split));
        } else {
            for (size_t i = 0; i < bytes.size && result == CHUNKS_MORE; i++)
                result = feed(slice_between(bytes, i, i + 1));
        }
        assert_int_equal(result, whole);
        assert_int_equal(data_size, expected_size);
        assert_memory_equal(data, expected, expected_size);
        if (whole == CHUNKS_END)
            assert_int_equal(used_size, expected_used);
    }
    free(expected);
    return whole;
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *data;
        size_t behind; /* bytes of the next message */
    } rows[] = {
        {"0\r\n\r\n", "", 0},
        {"5\r\nhello\r\n0\r\n\r\nGET /", "hello", 5},
        {"1\r\na\r\nA\r\n0123456789\r\n000\r\n\r\n", "a0123456789", 0},
        {"0000000000000001\r\nx\r\n0000000000000000\r\n\r\n", "x", 0},
        {"1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", "x", 0},
        {"9\r\n123456789\r\n0;\t\r\n\r\n", "123456789", 0},
        {"1 \t;a\r\nx\r\n0\r\n\r\n", "x", 0},
        {"1\r\nx\r\n0\r\nA: b\r\nDigest: \t c\xff \r\nE:\r\n\r\nrest", "x", 4},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(decode(slice_of_text(rows[i].text)), CHUNKS_END);
        assert_int_equal(data_size, strlen(rows[i].data));
        assert_memory_equal(data, rows[i].data, data_size);
        assert_int_equal(used_size, strlen(rows[i].text) - rows[i].behind);
    }
}

static void test_malformed_bodies(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0x5\r\nhello\r\n",
        "-1\r\n",
        "+1\r\n",
        "\r\n",
        " 1\r\nx\r\n",
        "1 \r\nx\r\n",
        "g\r\n",
        "G\r\n",
        "`\r\n",
        "1g\r\n",
        "1:\r\n",
        "1 \tx;a\r\n",
        ";a\r\n",
        "00000000000000001\r\nx\r\n",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "1\nx\r\n",
        "1\r\nx\n",
        "1\r\nxy\r\n",
        "1\r\nx\rX",
        "1\rx",
        "1;a\nx",
        "1;a\x01\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\n: b\r\n\r\n",
        "0\r\n a\r\n\r\n",
        "0\r\na\r\n\r\n",
        "0\r\na b: c\r\n\r\n",
        "0\r\na: b\nc: d\r\n\r\n",
        "0\r\na: b\x7f\r\n\r\n",
        "0\r\na: b\rc\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(decode(slice_of_text(rows[i])), CHUNKS_BAD);
    assert_int_equal(decode(SLICE("1;\0\r\n")), CHUNKS_BAD);
}

static void test_the_largest_chunk_begins(void **state)
{
    (void)state;
    assert_int_equal(decode(SLICE("7fffffffffffffff\r\nx")), CHUNKS_MORE);
    assert_true(chunks.left == INT64_MAX - 1);
    assert_int_equal(decode(SLICE("aBcDeF\r\n")), CHUNKS_MORE);
    assert_true(chunks.left == 0xabcdef);
}

static void test_an_end_stays_the_end(void **state)
{
    (void)state;
    size_t used = 7;
    struct slice piece;
    begin();
    assert_int_equal(feed(SLICE("0\r\n\r\n")), CHUNKS_END);
    assert_int_equal(chunks_next(&chunks, SLICE("0\r\n\r\n"), &used, &piece), CHUNKS_END);
    assert_int_equal(used, 0);
    begin();
    assert_int_equal(feed(SLICE("x")), CHUNKS_BAD);
    assert_int_equal(chunks_next(&chunks, SLICE("0\r\n\r\n"), &used, &piece), CHUNKS_BAD);
    assert_int_equal(used, 0);
}

/* "1;xxx\r\ny\r\n" again and again: extensions of `size` bytes in all, then the end. */
static enum chunks_result decode_with_extensions(size_t size)
{
    begin();
    enum chunks_result result = CHUNKS_MORE;
    for (; size > 0 && result == CHUNKS_MORE; size -= size < 64 ? size : 64) {
        char line[80] = "1;";
        size_t count = size < 64 ? size : 64;
        memset(line + 2, 'x', count);
        memcpy(line + 2 + count, "\r\ny\r\n", 5);
        result = feed(slice_of(line, count + 7));
    }
    return result == CHUNKS_MORE ? feed(SLICE("0\r\n\r\n")) : result;
}

static void test_extensions_have_a_cap(void **state)
{
    (void)state;
    assert_int_equal(decode_with_extensions(CHUNKS_EXTRA_MOST), CHUNKS_END);
    assert_int_equal(data_size, CHUNKS_EXTRA_MOST / 64);
    assert_int_equal(decode_with_extensions(CHUNKS_EXTRA_MOST + 1), CHUNKS_BAD);
}

static void test_trailers_have_a_cap(void **state)
{
    (void)state;
    begin();
    enum chunks_result result = feed(SLICE("0\r\n"));
    size_t fed = 0;
    for (; result == CHUNKS_MORE && fed < 2 * CHUNKS_EXTRA_MOST; fed += 7)
        result = feed(SLICE("A: 4567\r\n"));
    assert_int_equal(result, CHUNKS_BAD);
    assert_true(fed > CHUNKS_EXTRA_MOST && fed < CHUNKS_EXTRA_MOST + 100);
}

static void test_the_encoder(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *line;
    } rows[] = {
        {1, "1\r\n"},     {15, "f\r\n"},        {16, "10\r\n"},    {255, "ff\r\n"},
        {256, "100\r\n"}, {65536, "10000\r\n"}, {4095, "fff\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    char out[CHUNKS_HEAD_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size = chunks_head(out, rows[i].size);
        assert_int_equal(size, strlen(rows[i].line));
        assert_memory_equal(out, rows[i].line, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_malformed_bodies),
        cmocka_unit_test(test_the_largest_chunk_begins),
        cmocka_unit_test(test_an_end_stays_the_end),
        cmocka_unit_test(test_extensions_have_a_cap),
        cmocka_unit_test(test_trailers_have_a_cap),
        cmocka_unit_test(test_the_encoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
