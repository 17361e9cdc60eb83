#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"routes:\n"
         "  - {path: foo, files: x}\n"
         "  - {path: \"*\", files: x}\n"
         "  - {path: /a?b, files: x}\n"
         "  - {path: /a//b, files: x}\n"
         "  - {path: /a/../b, files: x}\n"
         "  - {path: /b/*c, files: x}\n"
         "  - {path: /*/c, files: x}\n"
         "  - {path: \"/x{a}\", files: x}\n"
         "  - {path: \"/{a b}\", files: x}\n"
         "  - {path: \"/{a}/{a}\", files: x}\n",
         "2:12: routes[0].path: a path starts with /, found \"foo\"\n"
         "3:12: routes[1].path: a path starts with /, found \"*\"; write /*\n"
         "4:12: routes[2].path: a path has neither ? nor #: routes do not look at what follows the path\n"
         "5:12: routes[3].path: \"/a//b\": an empty segment (//)\n"
         "6:12: routes[4].path: \"/a/../b\": the segments . and .. never reach a route\n"
         "7:12: routes[5].path: \"/b/*c\": a * stands alone as the last segment: /x/*\n"
         "8:12: routes[6].path: \"/*/c\": a * is possible at the end only, as the last segment\n"
         "9:12: routes[7].path: \"/x{a}\": a {name} is a whole segment, its name has letters, digits and _\n"
         "10:12: routes[8].path: \"/{a b}\": a {name} is a whole segment, its name has letters, digits and "
         "_\n"
         "11:12: routes[9].path: \"/{a}/{a}\": {a} is in it twice"},
        {"routes:\n"
         "  - {path: /a, files: x, host: \"a:80\"}\n"
         "  - {path: /b, files: x, host: \"*.a\"}\n"
         "  - {path: /c, files: x, host: \"a..b\"}\n"
         "  - {path: /d, files: x, host: \"\"}\n",
         "2:32: routes[0].host: \"a:80\" is not a host name; it is written without a port\n"
         "3:32: routes[1].host: \"*.a\" is not a host name; one label is written {name}, and a route without "
         "host is for any\n"
         "4:32: routes[2].host: \"a..b\" is not a host name\n"
         "5:32: routes[3].host: \"\" is not a host name"},
        {"services: {s: {address: \"h:1\"}}\n"
         "routes:\n"
         "  - {path: /a, to: s, strip: true}\n"
         "  - {path: /b/*, to: s, strip: /c}\n"
         "  - {path: /c/*, to: s, strip: maybe}\n"
         "  - {path: /dd/*, to: s, strip: /d}\n"
         "  - {path: /e, to: s, files: x}\n"
         "  - {path: /f}\n"
         "  - {path: /g, to: s, fallback: x}\n"
         "  - {path: /h, files: x, fallback: ../x, timeout: {idle: 1s}}\n"
         "  - {path: /i, to: \"\"}\n"
         "  - {path: /j, to: s, limits: {rate: 10/s}, host_header: target}\n"
         "  - {path: /k, files: x, limits: {streams: 1}}\n"
         "  - {path: /l, files: x, websocket: {ping: 1s}}\n"
         "  - {path: /m, to: s, limits: {per_user: 0}}\n"
         "  - {path: /n, to: s, websocket: {subprotocol: \"a b\", refuse: never}}\n",
         "3:23: routes[0].strip: true removes everything before the *, and /a has none; write what to "
         "remove, such as strip: /api\n"
         "4:25: routes[1].strip: \"/c\" is not the start of the path /b/*\n"
         "5:32: routes[2].strip: expected true or false, found \"maybe\"\n"
         "6:26: routes[3].strip: \"/d\" is not the start of the path /dd/*\n"
         "7:23: routes[4]: a route has one of to, files, events and terminal, this one has more\n"
         "8:5: routes[5]: a route needs to, files, events or terminal\n"
         "9:23: routes[6].fallback: it needs `files` in the same route\n"
         "10:26: routes[7].fallback: \"../x\" is not a file below files\n"
         "10:42: routes[7].timeout: it needs `to` in the same route\n"
         "11:16: routes[8].to: the name of a service is missing\n"
         "12:32: routes[9].limits.rate is not supported yet\n"
         "12:45: routes[9].host_header: target is not supported yet; built: client\n"
         "13:26: routes[10].limits: they are for open streams, and files have none\n"
         "14:26: routes[11].websocket: it needs `to` in the same route\n"
         "15:42: routes[12].limits.per_user: expected a whole number, 1 or more, found \"0\"\n"
         "16:48: routes[13].websocket.subprotocol: \"a b\" does not match [A-Za-z0-9!#$%&'*+.^_`|~-]{1,63}\n"
         "16:63: routes[13].websocket.refuse: expected one of status | close, found \"never\""},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_terminals(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services: {s: {address: \"h:1\"}}\n"
         "routes:\n"
         "  - {path: /a, terminal: s}\n"
         "  - {path: \"/b/{id}\", terminal: s}\n"
         "  - {path: /c/*, to: s, view: [anyone]}\n"
         "  - {path: /d/*, terminal: t}\n"
         "  - {path: /e/*, terminal: s, view: [everyone]}\n"
         "  - {path: /f/*, terminal: s, view: [\"user:{id}\"]}\n",
         "3:6: routes[0].path: a terminal has pages below its path, which ends with /*: /a/*\n"
         "3:16: routes[0].terminal: the service \"s\" has no terminal; give it terminal: {}\n"
         "4:6: routes[1].path: a terminal has pages below its path, which ends with /*: /b/{id}/*\n"
         "4:23: routes[1].terminal: the service \"s\" has no terminal; give it terminal: {}\n"
         "5:25: routes[2].view: it needs `terminal` in the same route\n"
         "6:18: routes[3].terminal: there is no service \"t\"; there is only s\n"
         "7:18: routes[4].terminal: the service \"s\" has no terminal; give it terminal: {}\n"
         "7:38: routes[4].view: expected anyone, signed-in, user:NAME or group:NAME, found \"everyone\"; did "
         "you "
         "mean \"anyone\"?\n"
         "8:18: routes[5].terminal: the service \"s\" has no terminal; give it terminal: {}\n"
         "8:31: routes[5].view: {id} in \"user:{id}\" is captured neither by path nor by host"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        enum config_strip strip;
        const char *prefix;
    } rows[] = {
        {"path: /x/*, strip: true", CONFIG_STRIP_WILDCARD, NULL},
        {"path: /x/*, strip: false", CONFIG_STRIP_NOTHING, NULL},
        {"path: /x/*", CONFIG_STRIP_NOTHING, NULL},
        {"path: /x/y/*, strip: /x/", CONFIG_STRIP_PREFIX, "/x"},
        {"path: /x/*, strip: /x", CONFIG_STRIP_PREFIX, "/x"},
        {"path: /x, strip: /x", CONFIG_STRIP_PREFIX, "/x"},
        {"path: /x, strip: /", CONFIG_STRIP_NOTHING, "/"},
        {"path: \"/s/{id}/*\", strip: \"/s/{id}\"", CONFIG_STRIP_PREFIX, "/s/{id}"},
        {"path: /", CONFIG_STRIP_NOTHING, NULL},
        {"path: /a/", CONFIG_STRIP_NOTHING, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, "services: {s: {address: \"h:1\"}}\nroutes: [{%s, to: s}]\n",
                 rows[i].keys);
        struct config *config = world_load_good(yaml, NULL);
        assert_int_equal(config->routes.items[0].strip, rows[i].strip);
        if (rows[i].prefix)
            assert_string_equal(config->routes.items[0].strip_prefix, rows[i].prefix);
        config_free(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
