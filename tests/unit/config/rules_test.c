#include "config/rules.h"
#include "world.h"

#define SERVICE "services: {api: {command: x, listen: tcp}}\nroutes:\n"

static void test_what_is_no_rule(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {SERVICE
         "  - {path: /*, to: api, allow: [everyone, sined-in, \"user:\", \"group:a b\", bob, Anyone]}\n",
         "3:33: routes[0].allow: expected anyone, signed-in, user:NAME or group:NAME, found \"everyone\"; "
         "did you mean "
         "\"anyone\"?\n"
         "3:43: routes[0].allow: expected anyone, signed-in, user:NAME or group:NAME, found \"sined-in\"; "
         "did you mean "
         "\"signed-in\"?\n"
         "3:53: routes[0].allow: \"user:\": a name has no blanks and no comma, and is not empty\n"
         "3:62: routes[0].allow: \"group:a b\": a name has no blanks and no comma, and is not empty\n"
         "3:75: routes[0].allow: expected anyone, signed-in, user:NAME or group:NAME, found \"bob\"\n"
         "3:80: routes[0].allow: expected anyone, signed-in, user:NAME or group:NAME, found \"Anyone\"; did "
         "you mean "
         "\"anyone\"?"},
        {SERVICE "  - {path: /*, to: api, allow: []}\n",
         "3:32: routes[0].allow: nobody could pass; without the key, whoever has signed in can"},
        {SERVICE "  - {path: \"/u/{id}/*\", to: api, allow: [\"user:{id}\", \"user:{name}\"]}\n",
         "3:34: routes[0].allow: {name} in \"user:{name}\" is captured neither by path nor by host"},
        {SERVICE "  - {path: /*, to: api, allow: [\"user:{id\"]}\n",
         "3:25: routes[0].allow: {id in \"user:{id\" is captured neither by path nor by host"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_rules(void **state)
{
    (void)state;
    struct config *config = world_load_good(
        SERVICE "  - {path: /*, to: api}\n"
                "  - {path: \"/u/{id}/*\", host: \"{team}.example\", to: api,\n"
                "     allow: [anyone, signed-in, \"user:{id}\", \"group:x-{team}\", \"${WHO}\"]}\n",
        "WHO=user:ann");
    const struct config_route *routes = config->routes.items;
    assert_int_equal(routes[0].allow.count, 0);
    assert_int_equal(routes[1].allow.count, 5);
    assert_string_equal(routes[1].allow.items[3], "group:x-{team}");
    assert_string_equal(routes[1].allow.items[4], "user:ann");
    const struct config_texts *rules = rules_or_default(config, &routes[0].allow);
    assert_int_equal(rules->count, 1);
    assert_string_equal(rules->items[0], "anyone");
    assert_ptr_equal(rules_or_default(config, &routes[1].allow), &routes[1].allow);
    config_free(&config);
    config = world_load_good("auth: password\n" SERVICE "  - {path: /*, to: api}\n", NULL);
    assert_string_equal(rules_or_default(config, &config->routes.items[0].allow)->items[0], "signed-in");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_rule),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
