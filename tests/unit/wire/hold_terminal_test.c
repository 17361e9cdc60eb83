#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/hold.h"

static void test_a_terminal_survives_the_way(void **state)
{
    (void)state;
    const struct hold_terminal before = {
        .columns = 132, .rows = 43, .scrollback = 0, .rule = HOLD_TERMINAL_SMALLEST};
    struct hold_terminal after;
    struct error error = {0};
    json_t *json = hold_terminal_encode(&before);
    assert_true(hold_terminal_decode(json, &after, &error));
    assert_int_equal(after.columns, 132);
    assert_int_equal(after.rows, 43);
    assert_int_equal(after.scrollback, 0);
    assert_int_equal(after.rule, HOLD_TERMINAL_SMALLEST);
    json_decref(json);
}

static void test_defaults(void **state)
{
    (void)state;
    struct hold_terminal terminal;
    struct error error = {0};
    json_t *json = json_pack("{s:i}", "later", 1);
    assert_true(hold_terminal_decode(json, &terminal, &error));
    assert_int_equal(terminal.columns, 120);
    assert_int_equal(terminal.rows, 40);
    assert_int_equal(terminal.scrollback, 10000);
    assert_int_equal(terminal.rule, HOLD_TERMINAL_LAST);
    json_decref(json);
    assert_true(hold_terminal_decode(NULL, &terminal, &error));
    assert_int_equal(terminal.columns, 0);
}

static void refuses(json_t *json)
{
    struct hold_terminal terminal;
    struct error error = {0};
    assert_false(hold_terminal_decode(json, &terminal, &error));
    assert_non_null(strstr(error.text, "terminal"));
    json_decref(json);
}

static void test_a_wrong_terminal_is_refused(void **state)
{
    (void)state;
    refuses(json_true());
    refuses(json_pack("{s:s}", "columns", "80"));
    refuses(json_pack("{s:i}", "columns", 0));
    refuses(json_pack("{s:i}", "columns", 1001));
    refuses(json_pack("{s:i}", "rows", 501));
    refuses(json_pack("{s:i}", "scrollback", -1));
    refuses(json_pack("{s:s}", "size", "largest"));
    refuses(json_pack("{s:i}", "size", 1));
}

static void test_the_spec_has_it_or_not(void **state)
{
    (void)state;
    char word[] = "bash", *words[] = {word, NULL};
    struct hold_spec spec = hold_spec_default(), after;
    struct arena memory = ARENA(HOLD_SPEC_LARGEST);
    struct error error = {0};
    spec.target = "shell/a1";
    spec.nonce = "n";
    spec.command = words;
    spec.directory = "/";
    json_t *json = hold_spec_encode(&spec);
    assert_null(json_object_get(json, "terminal"));
    json_decref(json);
    spec.terminal = (struct hold_terminal){.columns = 80, .rows = 24, .scrollback = 7};
    json = hold_spec_encode(&spec);
    assert_true(hold_spec_decode(json, &memory, &after, &error));
    assert_int_equal(after.terminal.scrollback, 7);
    json_object_set_new(json, "terminal", json_pack("{s:i}", "rows", 0));
    assert_false(hold_spec_decode(json, &memory, &after, &error));
    json_decref(json);
    arena_free(&memory);
}

static void test_who_attaches(void **state)
{
    (void)state;
    const struct hold_terminal_attach before = {.view = true, .columns = 80, .rows = 24, .user = "ann"};
    struct hold_terminal_attach after;
    struct error error = {0};
    json_t *json = hold_terminal_attach_encode(&before);
    assert_true(hold_terminal_attach_decode(json, &after, &error));
    assert_true(after.view);
    assert_int_equal(after.columns, 80);
    assert_string_equal(after.user, "ann");
    json_object_set_new(json, "columns", json_integer(65536));
    assert_false(hold_terminal_attach_decode(json, &after, &error));
    json_decref(json);
    json = json_pack("{s:i}", "view", 1);
    assert_false(hold_terminal_attach_decode(json, &after, &error));
    json_decref(json);
    char name[HOLD_TERMINAL_USER_SIZE + 1] = {0};
    memset(name, 'a', HOLD_TERMINAL_USER_SIZE);
    json = json_pack("{s:s}", "user", name);
    assert_false(hold_terminal_attach_decode(json, &after, &error));
    json_decref(json);
}

static void test_what_viewers_do(void **state)
{
    (void)state;
    const struct hold_terminal_news before = {.columns = 80,
                                              .rows = 24,
                                              .viewers = 2,
                                              .action = HOLD_TERMINAL_INPUT,
                                              .viewer = 3,
                                              .user = "ann",
                                              .bytes = 41,
                                              .first_ms = 1000,
                                              .last_ms = 2000};
    struct hold_terminal_news after;
    struct error error = {0};
    json_t *json = hold_terminal_news_encode(&before);
    assert_true(hold_terminal_news_decode(json, &after, &error));
    assert_int_equal(after.action, HOLD_TERMINAL_INPUT);
    assert_int_equal(after.viewers, 2);
    assert_int_equal(after.viewer, 3);
    assert_int_equal(after.bytes, 41);
    assert_int_equal(after.last_ms, 2000);
    assert_string_equal(after.user, "ann");
    json_object_set_new(json, "action", json_string("later"));
    assert_true(hold_terminal_news_decode(json, &after, &error));
    assert_int_equal(after.action, HOLD_TERMINAL_NOTHING);
    json_object_set_new(json, "bytes", json_integer(-1));
    assert_false(hold_terminal_news_decode(json, &after, &error));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_survives_the_way),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_a_wrong_terminal_is_refused),
        cmocka_unit_test(test_the_spec_has_it_or_not),
        cmocka_unit_test(test_who_attaches),
        cmocka_unit_test(test_what_viewers_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
