#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/http1_write.h"

static char memory[128];
static struct buffer buffer;

static int set_up(void **state)
{
    (void)state;
    buffer = (struct buffer){.data = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    return 0;
}

static void assert_written(const char *text)
{
    struct slice written = buffer_slice(&buffer);
    assert_int_equal(written.size, strlen(text));
    assert_memory_equal(written.data, text, written.size);
}

static void test_a_response_head(void **state)
{
    (void)state;
    assert_true(http1_write_status(&buffer, 404));
    assert_true(http1_write_field(&buffer, SLICE("A"), SLICE("b\tc\xff")));
    assert_true(http1_write_field(&buffer, SLICE("Empty"), (struct slice){0}));
    assert_true(http1_write_number(&buffer, SLICE("N"), 0));
    assert_true(http1_write_number(&buffer, SLICE("N"), UINT64_MAX));
    assert_true(http1_write_end(&buffer));
    assert_written(
        "HTTP/1.1 404 Not Found\r\nA: b\tc\xff\r\nEmpty: \r\nN: 0\r\nN: 18446744073709551615\r\n\r\n");
}

static void test_an_unknown_status(void **state)
{
    (void)state;
    assert_true(http1_write_status(&buffer, 299));
    assert_true(http1_write_status(&buffer, 999));
    assert_written("HTTP/1.1 299 \r\nHTTP/1.1 999 \r\n");
    assert_int_equal(http1_write_reason(299).size, 0);
    assert_int_equal(http1_write_reason(999).size, 0);
    assert_true(slice_equal(http1_write_reason(200), SLICE("OK")));
    assert_true(slice_equal(http1_write_reason(431), SLICE("Request Header Fields Too Large")));
    assert_true(slice_equal(http1_write_reason(511), SLICE("Network Authentication Required")));
}

static void test_a_request_line(void **state)
{
    (void)state;
    assert_true(http1_write_request(&buffer, SLICE("GET"), SLICE("/a?b")));
    assert_false(http1_write_request(&buffer, SLICE("G T"), SLICE("/a?b")));
    assert_false(http1_write_request(&buffer, SLICE("GET"), SLICE("/a b")));
    assert_false(http1_write_request(&buffer, SLICE("GET"), SLICE("/a\r\nX:")));
    assert_false(http1_write_request(&buffer, SLICE("GET"), SLICE("")));
    assert_written("GET /a?b HTTP/1.1\r\n");
}

static void test_no_value_splits_a_head(void **state)
{
    (void)state;
    assert_false(http1_write_field(&buffer, SLICE("A"), SLICE("b\r\nC: d")));
    assert_false(http1_write_field(&buffer, SLICE("A"), SLICE("b\nC: d")));
    assert_false(http1_write_field(&buffer, SLICE("A"), SLICE("b\0")));
    assert_false(http1_write_field(&buffer, SLICE("A: b\r\nC"), SLICE("d")));
    assert_false(http1_write_field(&buffer, SLICE("A "), SLICE("d")));
    assert_false(http1_write_field(&buffer, SLICE(""), SLICE("d")));
    assert_written("");
}

static void test_a_full_buffer_takes_whole_lines_or_nothing(void **state)
{
    (void)state;
    buffer.limit = 20;
    assert_true(http1_write_status(&buffer, 200));
    assert_false(http1_write_field(&buffer, SLICE("A"), SLICE("b")));
    assert_false(http1_write_status(&buffer, 299));
    assert_false(http1_write_request(&buffer, SLICE("GET"), SLICE("/")));
    assert_true(http1_write_end(&buffer));
    assert_false(http1_write_end(&buffer));
    assert_written("HTTP/1.1 200 OK\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_response_head, set_up),
        cmocka_unit_test_setup(test_an_unknown_status, set_up),
        cmocka_unit_test_setup(test_a_request_line, set_up),
        cmocka_unit_test_setup(test_no_value_splits_a_head, set_up),
        cmocka_unit_test_setup(test_a_full_buffer_takes_whole_lines_or_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
