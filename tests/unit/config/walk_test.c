#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  api:\n"
         "    comand: x\n"
         "    prot: 80\n"
         "    zzzzzzzz: 1\n",
         "3:5: services.api.comand: there is no such key; did you mean \"command\"?\n"
         "4:5: services.api.prot: there is no such key; did you mean \"listen\"?\n"
         "5:5: services.api.zzzzzzzz: there is no such key; allowed here: command, address, tls, directory, "
         "user, "
         "listen, env_file, env, pass_env, start, depends_on, ready, restart, backoff, stop, output, "
         "terminal"},
        {"servics: {}\n"
         "x: {path:/x, to:api}\n",
         "1:1: servics: there is no such key; did you mean \"services\"?\n"
         "2:1: x: there is no such key; allowed here: name, state, include, listen, hosts, origins, "
         "trusted_proxies, workers, "
         "user, takeover, services, templates, loops, hooks, auth, routes, console, ports, log, drain\n"
         "  a colon that ends a key has a space after it:\n"
         "    x: {path: /x, to: api}"},
        {"<<: {name: x}\n",
         "1:1: <<: merge keys are not part of YAML 1.2; name the whole value with & and use it with *"},
        {"listen:\n"
         "  - 127.0.0.1:8080\n",
         "2:5: listen[0]: expected a mapping of keys, such as {address: \"127.0.0.1:8080\"}, found "
         "\"127.0.0.1:8080\""},
        {"listen:\n"
         "  - address:\"127.0.0.1:1\"\n",
         "2:5: listen[0]: expected a mapping of keys, such as {address: \"127.0.0.1:8080\"}, found "
         "\"address:\"127.0.0.1:1\"\"\n"
         "  a colon that ends a key has a space after it:\n"
         "    - address: \"127.0.0.1:1\""},
        {"listen: 8080\n",
         "1:9: listen: expected a list, such as [{address: \"127.0.0.1:8080\"}], found \"8080\""},
        {"listen: [{}]\n", "1:10: listen[0]: the key \"address\" is missing"},
        {"services: []\n",
         "1:11: services: expected a mapping of names, such as {api: {command: ./server}}, found a list"},
        {"services: {api: ./run, b: , Api: {command: x}}\n",
         "1:17: services.api: expected a mapping of keys, such as {command: ./server}, found \"./run\"\n"
         "1:24: services.b: a service has a command or an address, this one has neither\n"
         "1:29: services.Api: the name \"Api\" does not match [a-z0-9][a-z0-9-]{0,62}"},
        {"takeover: nver\n"
         "log: loud\n"
         "drain: 30\n",
         "1:11: takeover.holder: expected one of own | any | never, found \"nver\"; did you mean \"never\"?\n"
         "2:6: log.level: expected one of debug | info | warning | error, found \"loud\"\n"
         "3:8: drain.timeout: a duration needs a unit: 30s for seconds, 30ms, 30m, 30h or 30d"},
        {"services:\n"
         "  api:\n"
         "    command: x\n"
         "    liveness: {http: /, intervall: 3s}\n"
         "    limits: {memory: lots}\n"
         "    replicas: 2\n"
         "    detached: false\n"
         "    order: start-first\n"
         "    watch: [src]\n",
         "4:5: services.api.liveness is not supported yet\n"
         "4:25: services.api.liveness.intervall: there is no such key; did you mean \"interval\"?\n"
         "5:5: services.api.limits is not supported yet\n"
         "5:22: services.api.limits.memory: expected a size in bytes: a whole number, with k, M or G for "
         "larger units, found \"lots\"\n"
         "6:5: services.api.replicas is not supported yet\n"
         "8:5: services.api.order: start-first is not supported yet; built: stop-first\n"
         "9:5: services.api.watch is not supported yet"},
        {"templates: {shell: {command: x, paramters: {}, liveness: {}}}\n"
         "notify: {on: [failed], webhok: http://x}\n",
         "1:33: templates.shell.paramters: there is no such key; did you mean \"parameters\"?\n"
         "1:48: templates.shell.liveness is not supported yet\n"
         "2:1: notify is not supported yet\n"
         "2:24: notify.webhok: there is no such key; did you mean \"webhook\"?"},
        {"include: {a: b}\n", "1:10: include: expected a path or a list of paths, found a mapping"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_what_belongs_there_is_shown(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"listen: 127.0.0.1:9090\n", "1:9: listen: expected a list; write listen: [{address: "
                                     "\"127.0.0.1:9090\"}], found \"127.0.0.1:9090\""},
        {"services: {a: {address: \"127.0.0.1:9\"}}\nroutes:\n  - {path: /a, to: a, timeout: 5s}\n  - {path: "
         "/b, to: "
         "a, limits: {streams: 99999999999999}}\n",
         "3:32: routes[0].timeout: expected a mapping of keys, such as {response: 60s}, found \"5s\"\n"
         "4:41: routes[1].limits.streams: expected a whole number, 1 or more and at most 2147483647, found "
         "\"99999999999999\""},
    };
    WORLD_CHECK_BAD(rows);
}

/* Some values of a choice are built before others. */
static void test_values_that_are_not_built(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"auth: pam\n", "1:7: auth.method: pam is not supported yet; built: none | password"},
        {"auth: \"${HOME}\"\n", "1:7: auth.method is not supported yet"},
        {"auth: {method: forward, users: x, forward: {}}\n",
         "1:8: auth.method: forward is not supported yet; built: none | password\n1:35: auth.forward is not "
         "supported yet"},
        {"auth: {method: pasword, session: {lifetime: 1ms}}\n",
         "1:16: auth.method: expected one of none | password | pam | forward, found \"pasword\"; did you "
         "mean "
         "\"password\"?\n"
         "1:45: auth.session.lifetime: \"1ms\" is too short, the least is 1s"},
    };
    WORLD_CHECK_BAD(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_what_belongs_there_is_shown),
        cmocka_unit_test(test_values_that_are_not_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
