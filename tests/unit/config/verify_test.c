#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  a: {command: x, depends_on: [b]}\n"
         "  b: {command: x, depends_on: [c, bbbx]}\n"
         "  c: {command: x, depends_on: [a, d, d]}\n"
         "  d: {command: x, depends_on: [d]}\n",
         "3:19: services.b.depends_on: there is no service \"bbbx\"; there are a, b, c, d\n"
         "4:19: services.c.depends_on: services wait for each other in a circle: a -> b -> c -> a\n"
         "5:19: services.d.depends_on: services wait for each other in a circle: d -> d"},
        {"services: {api: {comand: \"x ${PORT}\"}}\nroutes:\n  - {path: /x, to: api}\n",
         "1:18: services.api.comand: there is no such key; did you mean \"command\"?"},
        {"services: {api: {command: x}, web: {address: \"h:1\"}}\n"
         "routes:\n"
         "  - {path: /a, to: api}\n"
         "  - {path: /b, to: aip}\n"
         "  - {path: /c, to: nothing}\n"
         "  - {path: /d, to: shell/x}\n",
         "3:16: routes[0].to: the service \"api\" has no listener; give it listen: tcp, or listen: tcp:3000 "
         "when its port is fixed\n"
         "4:16: routes[1].to: there is no service \"aip\"; did you mean \"api\"?\n"
         "5:16: routes[2].to: there is no service \"nothing\"; there are api, web\n"
         "6:16: routes[3].to: there is no template \"shell\"; there is none"},
        {"services: {a: {address: \"[::1]:1\"}}\nroutes: [{path: /, to: other}]\n",
         "2:20: routes[0].to: there is no service \"other\"; there is only a"},
        {"routes: [{path: /, to: x}]\n", "1:20: routes[0].to: there is no service \"x\"; there is none"},
        {"routes:\n"
         "  - {path: \"/x/{a}\", files: x}\n"
         "  - {path: \"/x/{b}\", files: y}\n"
         "  - {path: \"/x/{b}\", host: a, files: y}\n"
         "  - {path: \"/x/{b}\", host: A., files: y}\n"
         "  - {path: \"/x/*\", files: y}\n",
         "3:6: routes[1].path: /x/{b} is the path of another route already, at reeve.yaml:2:5\n"
         "5:6: routes[3].path: /x/{b} on host a is the path of another route already, at reeve.yaml:4:5"},
        {"listen: [{address: \"127.0.0.1:80\"}, {address: \"127.0.0.1:80\"}]\n"
         "services:\n"
         "  a: {command: x, listen: \"tcp:80\"}\n"
         "  b: {command: x, listen: \"tcp:81\"}\n"
         "  c: {command: x, listen: \"tcp:81\"}\n"
         "  d: {command: x, listen: \"unix:/x\"}\n"
         "  e: {command: x, listen: \"unix:/x\"}\n"
         "  f: {command: x, backoff: {initial: 1m}}\n",
         "1:38: listen[1].address: 127.0.0.1:80 is listened on already, see line 1\n"
         "3:19: services.a.listen: port 80 is the port that reeve itself listens on\n"
         "5:19: services.c.listen: port 81 is that of services.b already\n"
         "7:19: services.e.listen: /x is that of services.d already\n"
         "8:19: services.f.backoff: initial is longer than max"},
        {"listen: []\n", "1:1: listen: the list is empty; without the key reeve listens on 127.0.0.1:8080"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_good(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("listen: [{address: \"10.0.0.1:80\"}, {address: \"127.0.0.1:80\"}]\n"
                        "services:\n"
                        "  a: {command: x, depends_on: [b, c]}\n"
                        "  b: {command: x, depends_on: [d]}\n"
                        "  c: {command: x, depends_on: [d]}\n"
                        "  d: {command: x, listen: tcp}\n"
                        "routes:\n"
                        "  - {path: \"/x/{a}/*\", to: d}\n"
                        "  - {path: \"/x/{a}\", to: d}\n"
                        "  - {path: /x/a, to: d}\n"
                        "  - {path: /x/a, host: h, to: d}\n"
                        "  - {path: \"/y\", to: d}\n",
                        NULL);
    assert_string_equal(config_service(config, "d")->prefix, "/x/{a}");
    config_free(&config);
}

/* What is refused may be what a name means: then only the refusal is reported. */
static void test_incomplete(void **state)
{
    (void)state;
    char *text = world_errors("notify: {webhook: \"https://x\"}\nroutes: [{path: /, to: x}]\n");
    assert_string_equal(text, "reeve.yaml:1:1: notify is not supported yet\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
