#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/logline.h"

enum { ROOM = 1 << 20 };

static struct buffer record_of(struct slice text, bool more, int64_t dropped)
{
    struct buffer out = BUFFER(ROOM);
    struct logline line = {.wall_ms = 1795407000123,
                           .run = 4,
                           .stream = LOGLINE_STDOUT,
                           .text = text,
                           .more = more,
                           .dropped = dropped};
    assert_true(logline_append(&out, &line));
    return out;
}

static void assert_record(struct slice text, const char *expected)
{
    struct buffer out = record_of(text, false, 0);
    char *whole =
        memory_format("{\"time\":\"2026-11-23T04:10:00.123Z\",\"run\":4,\"stream\":\"stdout\",\"text\":"
                      "\"%s\"}\n",
                      expected);
    assert_int_equal(buffer_size(&out), strlen(whole));
    assert_memory_equal(buffer_slice(&out).data, whole, strlen(whole));
    free(whole);
    buffer_free(&out);
}

static void test_the_form_of_a_record(void **state)
{
    (void)state;
    assert_record(SLICE("listening"), "listening");
    assert_record(SLICE(""), "");
    assert_record(SLICE("a\"b\\c\td\re\x01\x7f\0"), "a\\\"b\\\\c\\td\\re\\u0001\\u007f\\u0000");
    assert_record(SLICE("na\xc3\xafve \xf0\x9f\x98\x80"), "na\xc3\xafve \xf0\x9f\x98\x80");
    assert_record(SLICE("\xff<\xc3>\xe2\x82"), "\xef\xbf\xbd<\xef\xbf\xbd>\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_a_record_is_read_back(void **state)
{
    (void)state;
    static const char text[] = "a\0b \xc3\xa9 \"q\" \x1b[1m";
    struct buffer out = record_of(slice_of(text, sizeof text - 1), true, 12);
    struct logline_parsed parsed;
    assert_true(logline_parse(buffer_slice(&out), &parsed));
    assert_true(slice_equal(parsed.line.text, slice_of(text, sizeof text - 1)));
    assert_true(slice_equal(parsed.time, SLICE("2026-11-23T04:10:00.123Z")));
    assert_int_equal(parsed.line.run, 4);
    assert_int_equal(parsed.line.stream, LOGLINE_STDOUT);
    assert_true(parsed.line.more);
    assert_int_equal(parsed.line.dropped, 12);
    logline_end(&parsed);
    buffer_free(&out);
}

static void test_the_worst_text_fits_into_the_largest_record(void **state)
{
    (void)state;
    char *zeros = memory_new(LOGLINE_TEXT_LARGEST);
    struct buffer out = record_of(slice_of(zeros, LOGLINE_TEXT_LARGEST), true, INT64_MAX);
    assert_true(buffer_size(&out) <= LOGLINE_RECORD_LARGEST);
    struct buffer small = BUFFER(1000);
    struct logline line = {.text = slice_of(zeros, 1000)};
    assert_false(logline_append(&small, &line));
    assert_int_equal(buffer_size(&small), 0);
    buffer_free(&small);
    buffer_free(&out);
    free(zeros);
}

static void test_what_is_no_record(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"time\":\"x\",\"run\":1,\"stream\":\"stdout\"}",
        "{\"time\":\"x\",\"run\":1,\"stream\":\"other\",\"text\":\"\"}",
        "{\"time\":1,\"run\":1,\"stream\":\"stdout\",\"text\":\"\"}",
        "{\"time\":\"x\",\"run\":\"1\",\"stream\":\"stdout\",\"text\":\"\"}",
        "{\"time\":\"x\",\"run\":1,\"stream\":\"stdout\",\"text\":[]}",
    };
    struct logline_parsed parsed;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(logline_parse(slice_of_text(wrong[i]), &parsed));
    assert_true(logline_parse(
        SLICE("{\"new\":{},\"text\":\"\",\"stream\":\"reeve\",\"run\":1,\"time\":\"\"}"), &parsed));
    logline_end(&parsed);
}

static void test_names_of_files(void **state)
{
    (void)state;
    char name[LOGLINE_NAME_SIZE];
    assert_string_equal(logline_file_name(7, name), "0000000007.jsonl");
    assert_int_equal(logline_file_number("0000000007.jsonl"), 7);
    assert_int_equal(logline_file_number(LOGLINE_CURRENT), -1);
    assert_int_equal(logline_file_number("7.jsonl"), -1);
    assert_int_equal(logline_file_number("00000000070.jsonl"), -1);
    assert_int_equal(logline_file_number("0000000007.jsonl~"), -1);
    assert_int_equal(logline_file_number("-000000007.jsonl"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_form_of_a_record),
        cmocka_unit_test(test_a_record_is_read_back),
        cmocka_unit_test(test_the_worst_text_fits_into_the_largest_record),
        cmocka_unit_test(test_what_is_no_record),
        cmocka_unit_test(test_names_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
