#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  a: {command: x, listen: 3000}\n"
         "  b: {command: x, listen: tcp:0}\n"
         "  c: {command: x, listen: tpc}\n"
         "  d: {command: x, listen: here}\n"
         "  e: {command: x, listen: none, ready: {tcp: true}}\n"
         "  f: {command: x, ready: {http: /}}\n"
         "  g: {command: x, listen: tcp, ready: {http: /, none: true}}\n"
         "  h: {command: x, stop: {signal: NOPE}}\n",
         "2:27: services.a.listen: expected one of tcp, tcp:PORT, unix, unix:/path, passed, none, found "
         "\"3000\"; write \"tcp:3000\"\n"
         "3:27: services.b.listen: expected one of tcp, tcp:PORT, unix, unix:/path, passed, none, found "
         "\"tcp:0\"\n"
         "  a colon that ends a key has a space after it:\n"
         "    b: {command: x, listen: tcp: 0}\n"
         "4:27: services.c.listen: expected one of tcp, tcp:PORT, unix, unix:/path, passed, none, found "
         "\"tpc\"; did you mean \"tcp\"?\n"
         "5:27: services.d.listen: expected one of tcp, tcp:PORT, unix, unix:/path, passed, none, found "
         "\"here\"\n"
         "6:33: services.e.ready: tcp needs a listener, and this service has none (listen: tcp, or ${PORT} "
         "in its command)\n"
         "7:19: services.f.ready: http needs a listener, and this service has none (listen: tcp, or ${PORT} "
         "in its command)\n"
         "8:32: services.g.ready: only one of tcp, http and none is possible\n"
         "9:34: services.h.stop.signal: expected a signal, such as TERM, INT, QUIT, HUP or USR1, found "
         "\"NOPE\""},
        {"services:\n"
         "  a: {}\n"
         "  b: {command: x, address: \"127.0.0.1:1\"}\n"
         "  c: {address: \"h:1\", restart: never, env: {A: b}, ready: {http: /}}\n"
         "  d: {command: 'x ${PORT} ${SOCKET}'}\n",
         "2:3: services.a: a service has a command or an address, this one has neither\n"
         "3:3: services.b: a service has a command or an address, this one has both\n"
         "4:23: services.c.restart: it means nothing for a service with an address, which is kept by "
         "somebody else\n"
         "4:39: services.c.env: it means nothing for a service with an address, which is kept by somebody "
         "else\n"
         "4:60: services.c.ready.http: it means nothing for a service with an address, which is kept by "
         "somebody else\n"
         "5:3: services.d: it uses both ${PORT} and ${SOCKET}; say which is its address with listen: tcp or "
         "listen: unix"},
    };
    WORLD_CHECK_BAD(rows);
}

/* Where `listen` is not written, command and env say it. */
static void test_listen_by_use(void **state)
{
    (void)state;
    struct config *config = world_load_good("services:\n"
                                            "  a: {command: 'x ${PORT}'}\n"
                                            "  b: {command: x, env: {SOCK: \"${SOCKET}\"}}\n"
                                            "  c: {command: x}\n"
                                            "  d: {command: 'x ${PORT}', listen: none}\n"
                                            "  e: {command: 'x ${PORT:-1}', listen: unix:/s}\n"
                                            "  f: {command: x, listen: passed}\n"
                                            "  g: {command: x, listen: tcp:3000}\n",
                                            "PORT=99");
    const struct config_service *services = config->services.items;
    assert_int_equal(services[0].listen.kind, CONFIG_LISTEN_TCP);
    assert_int_equal(services[1].listen.kind, CONFIG_LISTEN_UNIX);
    assert_int_equal(services[2].listen.kind, CONFIG_LISTEN_NONE);
    assert_int_equal(services[3].listen.kind, CONFIG_LISTEN_NONE);
    assert_string_equal(services[3].command.items[1], "99");
    assert_string_equal(services[4].listen.path, "/s");
    assert_int_equal(services[5].listen.kind, CONFIG_LISTEN_PASSED);
    assert_int_equal(services[5].ready.kind, CONFIG_READY_LISTEN);
    assert_int_equal(services[6].listen.port, 3000);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_listen_by_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
