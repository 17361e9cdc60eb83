#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"

static int64_t fixed_wall(const struct clock *clock)
{
    (void)clock;
    return 1795407000123; /* 2026-11-23T04:10:00.123Z */
}

static const struct clock fixed_clock = {.wall_ms = fixed_wall};

static void keep_line(void *sink, const char *line, size_t size)
{
    assert_true(buffer_append(sink, slice_of(line, size)));
}

static struct log log_into(struct buffer *lines, enum log_format format)
{
    return (struct log){
        .least = LOG_INFO,
        .format = format,
        .clock = &fixed_clock,
        .role = "keeper",
        .write = keep_line,
        .sink = lines,
    };
}

static void test_a_json_line_has_time_level_role_event_and_fields(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    struct log log = log_into(&lines, LOG_FORMAT_JSON);
    log_info(&log, "target ready", LOG_TEXT("target", "api"), LOG_NUMBER("pid", -12));
    assert_true(
        slice_equal(buffer_slice(&lines),
                    SLICE("{\"time\":\"2026-11-23T04:10:00.123Z\",\"level\":\"info\",\"role\":\"keeper\","
                          "\"event\":\"target ready\",\"target\":\"api\",\"pid\":-12}\n")));
    buffer_free(&lines);
}

static void test_a_plain_line_is_for_reading(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    struct log log = log_into(&lines, LOG_FORMAT_PLAIN);
    log_warning(&log, "target failed", LOG_TEXT("target", "api"), LOG_NUMBER("code", 7));
    assert_true(
        slice_equal(buffer_slice(&lines), SLICE("04:10:00 warning target failed  target=api  code=7\n")));
    buffer_free(&lines);
}

static void test_less_than_the_least_level_and_no_log_are_dropped(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    struct log log = log_into(&lines, LOG_FORMAT_JSON);
    log_debug(&log, "details");
    log_error(NULL, "nobody listens");
    assert_int_equal(buffer_size(&lines), 0);
    log.write = NULL;
    log_error(&log, "nobody listens");
    assert_int_equal(buffer_size(&lines), 0);
    buffer_free(&lines);
}

/* One event is one line, whatever a peer put into its fields. */
static void test_control_characters_and_quotes_are_escaped(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    for (int format = LOG_FORMAT_JSON; format <= LOG_FORMAT_PLAIN; format++) {
        struct log log = log_into(&lines, (enum log_format)format);
        log_info(&log, "request", LOG_TEXT("path", "a\n\x1b[2J\"\\\x7f"),
                 LOG_TEXT("none", (const char *)NULL));
        struct slice line = buffer_slice(&lines);
        assert_int_equal(slice_find(line, '\n'), line.size - 1);
        assert_int_equal(slice_find(line, '\x1b'), line.size);
        if (format == LOG_FORMAT_JSON) {
            json_t *read = json_loadb(line.data, line.size, 0, NULL);
            assert_non_null(read);
            assert_string_equal(json_string_value(json_object_get(read, "path")), "a\n\x1b[2J\"\\\x7f");
            assert_string_equal(json_string_value(json_object_get(read, "none")), "");
            json_decref(read);
        }
        buffer_clear(&lines);
    }
    buffer_free(&lines);
}

/* At every length around the limit the line is whole JSON of at most 8 KiB and keeps its other fields. */
static void test_a_long_line_is_cut_and_stays_json(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    struct log log = log_into(&lines, LOG_FORMAT_JSON);
    char value[9000];
    for (size_t length = 8000; length < sizeof value; length++) {
        memset(value, length % 2 ? 'x' : '\n', length);
        value[length] = '\0';
        log_info(&log, "long", LOG_TEXT("value", value), LOG_NUMBER("after", 1));
        struct slice line = buffer_slice(&lines);
        json_t *read = json_loadb(line.data, line.size, 0, NULL);
        assert_non_null(read);
        assert_string_equal(json_string_value(json_object_get(read, "event")), "long");
        json_decref(read);
        assert_true(line.size <= 8192 + 2);
        buffer_clear(&lines);
        length += 6;
    }
    buffer_free(&lines);
}

static void test_a_long_plain_line_is_cut_and_ends(void **state)
{
    (void)state;
    struct buffer lines = BUFFER(65536);
    struct log log = log_into(&lines, LOG_FORMAT_PLAIN);
    char value[20000];
    memset(value, 'x', sizeof value);
    value[sizeof value - 1] = '\0';
    log_info(&log, "long", LOG_TEXT("value", value));
    struct slice line = buffer_slice(&lines);
    assert_true(line.size <= 8192 + 1);
    assert_int_equal(slice_find(line, '\n'), line.size - 1);
    buffer_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_json_line_has_time_level_role_event_and_fields),
        cmocka_unit_test(test_a_plain_line_is_for_reading),
        cmocka_unit_test(test_less_than_the_least_level_and_no_log_are_dropped),
        cmocka_unit_test(test_control_characters_and_quotes_are_escaped),
        cmocka_unit_test(test_a_long_line_is_cut_and_stays_json),
        cmocka_unit_test(test_a_long_plain_line_is_cut_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
