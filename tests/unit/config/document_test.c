#include "world.h"

#include "config/document.h"

static void test_page(void **state)
{
    (void)state;
    char *page = document_markdown();
    assert_non_null(strstr(page, "\n### `services`\n"));
    assert_non_null(strstr(page, "\n| `services.NAME.ready.timeout` | duration | `30s` | "));
    assert_non_null(strstr(page, "\n| `listen[].address` | address | required | "));
    assert_non_null(strstr(page, "**Not supported yet**, but for `stop-first`."));
    assert_non_null(strstr(page, "\n| `templates.NAME.parameters.NAME.pattern` | "));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
