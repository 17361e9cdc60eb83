#include "world.h"

static void test_what_it_may_not_be(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"console: {path: /}\n",
         "1:11: console.path: / would take /api/v1/ from the routes; name a folder, such as /_reeve/"},
        {"console: {path: \"/a/*\"}\n", "1:11: console.path: /a/* is to be plain: no *, {}, ?, % or //"},
        {"console: {path: \"/{x}/\"}\n", "1:11: console.path: /{x}/ is to be plain: no *, {}, ?, % or //"},
        {"listen: [{address: \"127.0.0.1:80\"}]\nconsole: {listen: \"127.0.0.1:80\"}\n",
         "2:11: console.listen: 127.0.0.1:80 is listened on by listen[0] already; the console needs an "
         "origin of "
         "its own"},
        {"console: {listen: {}}\n",
         "1:19: console.listen: expected an address: host:port, [v6]:port or unix:/path, found a mapping"},
        {"auth: password\nconsole: {listen: \"10.0.0.1:81\"}\n",
         "2:11: console.listen: with auth.method: password, passwords would come to 10.0.0.1:81 in clear "
         "text; "
         "listen on 127.0.0.1 behind something that serves HTTPS"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = world_load_good("listen: [{address: \"127.0.0.1:80\"}]\n", NULL);
    assert_string_equal(config->console.listen, "127.0.0.1:81");
    assert_false(config_is_set(&config->item, "console.listen"));
    assert_string_equal(config->console.path, "/_reeve/");
    assert_int_equal(config->console.allow.count, 1);
    assert_string_equal(config->console.allow.items[0], "anyone");
    config_free(&config);
    config = world_load_good("auth: password\n", NULL);
    assert_string_equal(config->console.allow.items[0], "signed-in");
    assert_string_equal(config->console.listen, "127.0.0.1:8081");
    config_free(&config);
    config = world_load_good("listen: [{address: \"unix:/x\"}, {address: \"[::1]:9\"}]\n", NULL);
    assert_string_equal(config->console.listen, "127.0.0.1:10");
    config_free(&config);
    config = world_load_good("listen: [{address: \"unix:/x\"}]\n", NULL);
    assert_null(config->console.listen);
    config_free(&config);
}

static void test_what_is_written(void **state)
{
    (void)state;
    struct config *config = world_load_good(
        "console: {listen: \"10.0.0.1:81\", path: /ops, allow: [\"group:ops\", \"user:ann\"]}\n", NULL);
    assert_string_equal(config->console.listen, "10.0.0.1:81");
    assert_string_equal(config->console.path, "/ops/");
    assert_int_equal(config->console.allow.count, 2);
    assert_string_equal(config->console.allow.items[1], "user:ann");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_may_not_be),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
