#include "world.h"

static void test_what_is_no_network(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"trusted_proxies: [proxy.lan, 10.0.0.0/33, \"fd00::/129\", /8, 10.0.0.0/x]\n",
         "1:19: trusted_proxies: expected an address or a network, such as 10.0.0.0/8, or unix, found "
         "\"proxy.lan\"\n"
         "1:30: trusted_proxies: expected at most 32 bits behind the /, found \"10.0.0.0/33\"\n"
         "1:43: trusted_proxies: expected at most 128 bits behind the /, found \"fd00::/129\"\n"
         "1:57: trusted_proxies: expected an address or a network, such as 10.0.0.0/8, or unix, found "
         "\"/8\"\n"
         "1:61: trusted_proxies: expected at most 32 bits behind the /, found \"10.0.0.0/x\""},
        {"trusted_proxies: 10.0.0.0/8\n",
         "1:18: trusted_proxies: expected a list, such as [10.0.0.0/8], found \"10.0.0.0/8\""},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_networks(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("trusted_proxies: [10.0.0.0/8, 192.0.2.1, \"::1\", \"fd00::/8\", unix]\n", NULL);
    assert_int_equal(config->trusted_proxies.count, 5);
    assert_string_equal(config->trusted_proxies.items[3], "fd00::/8");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_network),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
