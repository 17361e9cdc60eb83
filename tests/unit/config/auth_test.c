#include "world.h"

static void test_clear_text_beyond_this_machine(void **state)
{
    (void)state;
#define ADVICE(address)                                                                                      \
    "with auth.method: password, passwords would come to " address " in clear text; listen on 127.0.0.1 "    \
    "behind something that serves HTTPS, or write insecure: true beside this address to do it knowingly"
    static const struct world_bad rows[] = {
        {"auth: password\nlisten: [{address: \"0.0.0.0:80\"}]\n",
         "2:11: listen[0].address: " ADVICE("0.0.0.0:80")},
        {"auth: {method: password}\n"
         "listen:\n"
         "  - {address: \"127.0.0.1:80\"}\n"
         "  - {address: \"[::]:81\", insecure: false}\n"
         "  - {address: \"12.7.0.1:82\", insecure: true}\n"
         "  - {address: \"10.0.0.1:83\"}\n",
         "4:6: listen[1].address: " ADVICE("[::]:81") "\n6:6: listen[3].address: " ADVICE("10.0.0.1:83")},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_defaults_and_what_stays_here(void **state)
{
    (void)state;
    struct config *config = world_load_good("auth: password\n"
                                            "listen:\n"
                                            "  - {address: \"127.0.0.9:80\"}\n"
                                            "  - {address: \"localhost:81\"}\n"
                                            "  - {address: \"[::1]:82\"}\n"
                                            "  - {address: unix:x}\n"
                                            "  - {address: \"0.0.0.0:83\", insecure: true}\n",
                                            NULL);
    assert_int_equal(config->auth.method, CONFIG_AUTH_PASSWORD);
    assert_string_equal(config->auth.users, "/srv/app/users");
    assert_int_equal(config->auth.session.lifetime_ms, 12 * 3600 * 1000);
    assert_int_equal(config->auth.session.idle_ms, 2 * 3600 * 1000);
    config_free(&config);
    config = world_load_good("listen: [{address: \"0.0.0.0:80\"}]\n", NULL);
    assert_int_equal(config->auth.method, CONFIG_AUTH_NONE);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clear_text_beyond_this_machine),
        cmocka_unit_test(test_defaults_and_what_stays_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
