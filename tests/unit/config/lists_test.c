#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"origins: [app.example, \"https://a/b\", [x]]\n"
         "hosts: [\"http://x\", \"x:1\"]\n",
         "1:11: origins: \"app.example\" does not fit; such as [\"https://app.example\"]\n"
         "1:24: origins: \"https://a/b\" does not fit; such as [\"https://app.example\"]\n"
         "1:39: origins: expected a text, found a list\n"
         "2:9: hosts: \"http://x\" does not fit; such as [app.example]\n"
         "2:21: hosts: \"x:1\" does not fit; such as [app.example]"},
        {"hosts: app.example\n", "1:8: hosts: expected a list, such as [app.example], found \"app.example\""},
        {"services: {api: {command: x, pass_env: [\"A B\", \"*X\"]}}\n",
         "1:41: services.api.pass_env: \"A B\" does not fit; such as [AWS_PROFILE, \"GIT_*\"]\n"
         "1:48: services.api.pass_env: \"*X\" does not fit; such as [AWS_PROFILE, \"GIT_*\"]"},
        {"notify: {on: [failed, recoverd]}\n"
         "hooks: {startup: [[], 3 | 4, {}]}\n"
         "routes: [{path: /x, headers: {request: {set: [1]}}, cache: {any: [thing]}, to: x}]\n",
         "1:1: notify is not supported yet\n"
         "1:23: notify.on: expected one of failed | recovered | degraded, found \"recoverd\"; did you mean "
         "\"recovered\"?\n"
         "2:19: hooks.startup: the command is empty\n"
         "2:23: hooks.startup: \"|\" is for a shell, and a command is run without a shell; for one, write "
         "[sh, -c, \"...\"]\n"
         "2:30: hooks.startup: expected a list of words, such as [./server, --port, \"${PORT}\"], or one "
         "text, found a mapping\n"
         "3:21: routes[0].headers is not supported yet\n"
         "3:46: routes[0].headers.request.set: expected a mapping of names to texts, found a list\n"
         "3:53: routes[0].cache is not supported yet"},
    };
    WORLD_CHECK_BAD(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
