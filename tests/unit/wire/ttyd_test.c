#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/ttyd.h"

static void test_hello(void **state)
{
    static const struct {
        const char *json;
        bool fine;
        int64_t columns, rows;
        bool ours;
    } rows[] = {
        {"{\"AuthToken\":\"\",\"columns\":80,\"rows\":24}", true, 80, 24, false},
        {"{\"rows\":24.9,\"columns\":80.5,\"later\":[1],\"reeve\":true}", true, 80, 24, true},
        {"{\"columns\":80,\"rows\":24,\"reeve\":\"yes\"}", true, 80, 24, false},
        {"{}", true, 0, 0, false},
        {"{\"columns\":null,\"rows\":-3}", true, 0, -3, false},
        {"{\"columns\":1e300,\"rows\":1e18}", true, 0, 0, false},
        {"{\"columns\":\"80\"}", false, 0, 0, false},
        {"{\"columns\":[80]}", false, 0, 0, false},
        {"[80,24]", false, 0, 0, false},
        {"{\"columns\":80", false, 0, 0, false},
        {"{\"rows\":1,\"rows\":2}", false, 0, 0, false},
        {"", false, 0, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ttyd_hello hello;
        bool fine = ttyd_read_hello(slice_of_text(rows[i].json), &hello);
        if (fine != rows[i].fine || (fine && (hello.columns != rows[i].columns ||
                                              hello.rows != rows[i].rows || hello.ours != rows[i].ours)))
            fail_msg("%s: %d %lld %lld %d", rows[i].json, fine, (long long)hello.columns,
                     (long long)hello.rows, hello.ours);
    }
}

static void test_size(void **state)
{
    int64_t columns = 0, rows = 0;
    (void)state;
    assert_true(ttyd_read_size(SLICE("{\"columns\": 132, \"rows\": 50}"), &columns, &rows));
    assert_int_equal(columns, 132);
    assert_int_equal(rows, 50);
    assert_false(ttyd_read_size(SLICE("{\"columns\": 132}"), &columns, &rows));
    assert_false(ttyd_read_size(SLICE("{\"columns\": 132, \"rows\": null}"), &columns, &rows));
    assert_false(ttyd_read_size(SLICE("80x24"), &columns, &rows));
    char large[TTYD_JSON_MOST + 1];
    memset(large, ' ', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    assert_false(ttyd_read_size(slice_of(large, sizeof large), &columns, &rows));
}

static void test_size_is_written(void **state)
{
    struct buffer out = BUFFER(100);
    (void)state;
    ttyd_write_size(&out, 132, 50);
    assert_true(slice_equal(buffer_slice(&out), SLICE("4{\"columns\":132,\"rows\":50}")));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_size_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
