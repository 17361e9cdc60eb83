#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "route/media.h"

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b/APP.JS", "text/javascript; charset=utf-8"},
        {"x.mjs", "text/javascript; charset=utf-8"},
        {"7z.7z", "application/x-7z-compressed"},
        {"style.min.css", "text/css; charset=utf-8"},
        {"logo.svg", "image/svg+xml"},
        {"font.woff2", "font/woff2"},
        {"m.wasm", "application/wasm"},
        {"app.js.map", "application/json"},
        {"bundle.zst", "application/zstd"},
        {"README", "application/octet-stream"},
        {"html", "application/octet-stream"},
        {"dir.html/file", "application/octet-stream"},
        {"x.", "application/octet-stream"},
        {"x.averyveryverylongextension", "application/octet-stream"},
        {"", "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!slice_equal(media_type(slice_of_text(rows[i].name)), slice_of_text(rows[i].type)))
            fail_msg("%s", rows[i].name);
    assert_true(media_is_html(SLICE("a.htm")));
    assert_false(media_is_html(SLICE("a.json")));
}

static void test_hashed_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool hashed;
    } rows[] = {
        {"assets/index-4f3a2b1c.js", true}, {"chunk.4f3a2b1c9d.css", true}, {"index-BfX9Zk_2.js", true},
        {"index-BfX9Zk_2.js.map", true},    {"my-component.js", false},     {"app-MyWidget.js", false},
        {"report-20240101.json", false},    {"foo-bar-sub2.js", false},     {"4f3a2b1c9d.js", false},
        {"jquery-3.6.0.js", false},         {"index-4f3a2b1.js", false},    {"index.html", false},
        {"dir-4f3a2b1c/index.html", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (media_is_hashed(slice_of_text(rows[i].name)) != rows[i].hashed)
            fail_msg("%s", rows[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_hashed_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
