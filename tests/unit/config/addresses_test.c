#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"listen:\n"
         "  - address: 8080\n"
         "  - address: \"*:80\"\n"
         "  - address: \":80\"\n"
         "  - address: \"::1:80\"\n"
         "  - address: localhost\n"
         "  - address: x.y:80\n"
         "  - address: 1.2.3.4:99999\n"
         "  - address: http://1.2.3.4:80\n"
         "  - address: 127.0.0.1:080\n"
         "  - address: "
         "unix:/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
         "0123456789/012345678\n"
         "  - address: \"unix:\"\n"
         "  - address: \"[::g]:80\"\n"
         "  - address: \"\"\n"
         "  - address: [a]\n",
         "2:14: listen[0].address: a host is missing before the port; write \"127.0.0.1:8080\" for this "
         "machine only\n"
         "3:14: listen[1].address: a host is missing; write \"0.0.0.0:80\" for all addresses of this "
         "machine, \"127.0.0.1:80\" for this machine only\n"
         "4:14: listen[2].address: a host is missing; write \"0.0.0.0:80\" for all addresses of this "
         "machine, \"127.0.0.1:80\" for this machine only\n"
         "5:14: listen[3].address: an IPv6 address needs brackets before its port: \"[::1]:8080\", found "
         "\"::1:80\"\n"
         "6:14: listen[4].address: a port is missing; write \"localhost:8080\"\n"
         "7:14: listen[5].address: the host \"x.y\" is neither an IP address nor localhost\n"
         "8:14: listen[6].address: the port \"99999\" is not a number from 1 to 65535\n"
         "9:14: listen[7].address: an address to listen on is written without http://: \"1.2.3.4:80\"\n"
         "10:14: listen[8].address: the port \"080\" is not a number from 1 to 65535\n"
         "11:14: listen[9].address: the path of a socket has at most 107 bytes, this has 109: "
         "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
         "0123456789/012345678\n"
         "12:14: listen[10].address: a path is missing after unix:\n"
         "13:14: listen[11].address: the host \"[::g]\" is neither an IP address nor localhost\n"
         "14:14: listen[12].address: expected an address: host:port, [v6]:port or unix:/path, found the text "
         "\"\"\n"
         "15:14: listen[13].address: expected an address: host:port, [v6]:port or unix:/path, found a list"},
        {"services:\n"
         "  a: {address: \"https://x:1/y\"}\n"
         "  b: {address: \"http://x:1/y\"}\n"
         "  c: {address: x}\n"
         "  d: {address: []}\n"
         "  e: {address: [\"a_b:1\", \"-:1\"]}\n"
         "  f: {address: 300.1.1.1:80}\n"
         "  g: {address: \"https://unix:/x\"}\n"
         "  h: {address: \"wss://\"}\n",
         "2:16: services.a.address: expected host:port, http://host:port, https://host:port or unix:/path "
         "without anything after it, found \"https://x:1/y\"\n"
         "3:16: services.b.address: expected host:port, http://host:port, https://host:port or unix:/path "
         "without anything after it, found \"http://x:1/y\"\n"
         "4:16: services.c.address: a port is missing; write \"x:8080\"\n"
         "5:16: services.d.address: expected an address, found an empty list\n"
         "6:26: services.e.address: \"-\" is neither an IP address nor a host name\n"
         "7:16: services.f.address: \"300.1.1.1\" is neither an IP address nor a host name\n"
         "8:16: services.g.address: expected host:port, http://host:port, https://host:port or unix:/path "
         "without anything after it, found \"https://unix:/x\"\n"
         "9:16: services.h.address: expected an address: host:port, [v6]:port or unix:/path, found the text "
         "\"wss://\""},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_good(void **state)
{
    (void)state;
    struct config *config = world_load_good("listen:\n"
                                            "  - address: localhost:1\n"
                                            "  - address: \"[2001:db8::1]:65535\"\n"
                                            "  - address: unix:a/../b.sock\n"
                                            "services:\n"
                                            "  a: {address: http://nas.lan:80/}\n"
                                            "  b: {address: [\"a_b:1\", \"unix:c\"]}\n"
                                            "  c: {address: https://nas.lan}\n"
                                            "  d: {address: \"wss://[fe80::1]/\"}\n"
                                            "  e: {address: ws://nas.lan}\n"
                                            "  f: {address: \"https://[::1]:9443\"}\n",
                                            NULL);
    assert_string_equal(config->listeners.items[0].address, "localhost:1");
    assert_string_equal(config->listeners.items[1].address, "[2001:db8::1]:65535");
    assert_string_equal(config->listeners.items[2].address, "unix:/srv/app/b.sock");
    assert_string_equal(config->services.items[0].addresses.items[0].host, "nas.lan");
    assert_string_equal(config->services.items[1].addresses.items[1].path, "/srv/app/c");
    const uint16_t ports[] = {443, 443, 80, 9443};
    for (size_t i = 0; i < 4; i++) {
        const struct config_upstream *upstream = &config->services.items[2 + i].addresses.items[0];
        assert_int_equal(upstream->port, ports[i]);
        assert_int_equal(upstream->tls, i != 2);
    }
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
