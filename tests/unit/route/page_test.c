#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "route/page.h"

static void what_is_from_outside_is_only_text(void **state)
{
    (void)state;
    struct buffer html = BUFFER(1024);
    page_append(&html, SLICE("<script>\"a\" & 'b'</script>\n"));
    assert_true(slice_equal(buffer_slice(&html),
                            SLICE("&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;\n")));
    buffer_free(&html);
}

static void it_comes_back_only_when_told_to(void **state)
{
    (void)state;
    struct buffer stays = BUFFER(8192), returns = BUFFER(8192);
    page_begin(&stays, &(struct page){.title = "Not found"});
    page_begin(&returns, &(struct page){.title = "Not available now", .reload_in_s = 7});
    buffer_append(&stays, slice_of("", 1));
    buffer_append(&returns, slice_of("", 1));
    assert_null(strstr(buffer_slice(&stays).data, "refresh"));
    assert_non_null(strstr(buffer_slice(&returns).data, "http-equiv=\"refresh\" content=\"7\""));
    buffer_free(&stays);
    buffer_free(&returns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_from_outside_is_only_text),
        cmocka_unit_test(it_comes_back_only_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
