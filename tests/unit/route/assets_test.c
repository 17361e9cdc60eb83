#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "route/assets.h"

static void test_the_table_is_found(void **state)
{
    (void)state;
    const struct asset *client = assets_find(SLICE("/_reeve/client.js"));
    assert_non_null(client);
    assert_string_equal(client->type, "text/javascript; charset=utf-8");
    assert_true(client->plain.size > client->packed.size);
    assert_memory_equal(client->packed.data, "\x1f\x8b", 2);
    assert_string_not_equal(client->tag, client->packed_tag);
    for (size_t i = 0; i < assets_count; i++)
        assert_ptr_equal(assets_find(slice_of_text(assets_table[i].path)), &assets_table[i]);
    assert_null(assets_find(SLICE("/client.js")));
    assert_null(assets_find(SLICE("/_reeve/client.js/")));
    assert_null(assets_find(SLICE("/_reeve/")));
}

static void test_who_takes_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool takes;
    } rows[] = {
        {"gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"br;q=1.0, GZIP", true},
        {"deflate, gzip;q=0.001", true},
        {"*", true},
        {"*;q=0, gzip;q=0.5", true},
        {"gzip ; q=1", true},
        {"gzip;level=9;q=1", true},
        {"", false},
        {"identity", false},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"*, gzip;q=0", false},
        {"*;q=0", false},
        {"gzipped", false},
        {"x-gzip", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (assets_takes_gzip(slice_of_text(rows[i].field)) != rows[i].takes)
            fail_msg("%s", rows[i].field);
    assert_false(assets_takes_gzip((struct slice){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_found),
        cmocka_unit_test(test_who_takes_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
