#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "reeve/change.h"

static void assert_change(enum target_state before, const struct target_row *row, const char *expected)
{
    struct buffer out = BUFFER(1024);
    assert_int_equal(change_append(&out, before, row, 1000), expected != NULL);
    char *text = slice_to_text(buffer_slice(&out));
    assert_string_equal(text, expected ? expected : "");
    free(text);
    buffer_free(&out);
}

static void test_each_state_has_its_sentence(void **state)
{
    (void)state;
    struct target_row row = {.state = TARGET_READY,
                             .pid = 7,
                             .ready_after_ms = 120,
                             .addresses = {"127.0.0.1:20000"},
                             .address_count = 1};
    assert_change(TARGET_STARTING, &row, "ready after 0.12 s, pid 7, 127.0.0.1:20000");
    assert_change(TARGET_READY, &row, NULL);
    row = (struct target_row){.state = TARGET_READY, .ready_after_ms = -1};
    assert_change(TARGET_DOWN, &row, "ready");
    row = (struct target_row){
        .state = TARGET_BACKOFF, .cause = {.text = "exited with 3"}, .next_attempt_ms = 1450};
    assert_change(TARGET_STARTING, &row, "exited with 3; next attempt in 0.5 s");
    row.next_attempt_ms = 900;
    assert_change(TARGET_STARTING, &row, "exited with 3; next attempt in 0.0 s");
    row.state = TARGET_FAILED;
    assert_change(TARGET_STARTING, &row, "exited with 3; not started again by itself");
    row.state = TARGET_DOWN;
    assert_change(TARGET_STOPPING, &row, "exited with 3");
    row = (struct target_row){.state = TARGET_DOWN};
    assert_change(TARGET_STOPPING, &row, "down");
}

static void test_what_is_on_the_way_is_no_news(void **state)
{
    (void)state;
    struct target_row row = {.state = TARGET_STARTING};
    assert_change(TARGET_DOWN, &row, NULL);
    row.state = TARGET_STOPPING;
    assert_change(TARGET_READY, &row, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_state_has_its_sentence),
        cmocka_unit_test(test_what_is_on_the_way_is_no_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
