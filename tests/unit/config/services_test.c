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

static void test_bad_terminals(void **state)
{
    (void)state;
    static const char *const parts[] = {"2:39: services.a.terminal.columns: ",
                                        "2:48: services.a.terminal.rows: ",
                                        "services.a.terminal.scrollback: ",
                                        "services.a.terminal.size: expected one of last | smallest | fixed",
                                        "3:39: services.b.terminal.columns: ",
                                        "services.c.terminal: it means nothing for a service with an address",
                                        "5:29: services.d.terminal: "};
    char *text =
        world_errors("services:\n"
                     "  a: {command: x, terminal: {columns: 0, rows: 501, scrollback: -1, size: big}}\n"
                     "  b: {command: x, terminal: {columns: wide}}\n"
                     "  c: {address: \"h:1\", terminal: {}}\n"
                     "  d: {command: x, terminal: true}\n");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s is not in\n%s", parts[i], text);
    free(text);
}

static void test_terminals(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("services:\n"
                        "  a: {command: x}\n"
                        "  b: {command: x, terminal: {}}\n"
                        "  c: {command: x, terminal: {columns: 80, size: fixed}, restart: always}\n"
                        "templates: {t: {command: x, terminal: {scrollback: 0}}}\n",
                        NULL);
    const struct config_service *a = config_service(config, "a"), *b = config_service(config, "b"),
                                *c = config_service(config, "c"), *t = &config->templates.items[0].service;
    assert_false(a->terminal.wanted);
    assert_int_equal(a->restart, CONFIG_RESTART_ON_FAILURE);
    assert_true(b->terminal.wanted);
    assert_int_equal(b->terminal.columns, 120);
    assert_int_equal(b->terminal.rows, 40);
    assert_int_equal(b->terminal.scrollback, 10000);
    assert_int_equal(b->terminal.size, CONFIG_TERMINAL_LAST);
    assert_int_equal(b->restart, CONFIG_RESTART_NEVER);
    assert_int_equal(c->terminal.columns, 80);
    assert_int_equal(c->terminal.size, CONFIG_TERMINAL_FIXED);
    assert_int_equal(c->restart, CONFIG_RESTART_ALWAYS);
    assert_true(t->terminal.wanted);
    assert_int_equal(t->terminal.scrollback, 0);
    json_t *shown = config_to_json(config, false);
    json_t *services = json_object_get(shown, "services");
    assert_null(json_object_get(json_object_get(services, "a"), "terminal"));
    assert_int_equal(json_object_size(json_object_get(json_object_get(services, "b"), "terminal")), 4);
    assert_string_equal(json_string_value(json_object_get(json_object_get(services, "b"), "restart")),
                        "never");
    json_decref(shown);
    config_free(&config);
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
        cmocka_unit_test(test_bad_terminals),
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_listen_by_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
