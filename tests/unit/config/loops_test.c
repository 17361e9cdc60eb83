#include "world.h"

static void test_good(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("services: {api: {command: x, listen: tcp:3000}, nas: {address: \"10.0.0.7:1\"}}\n"
                        "loops:\n"
                        "  tick: {every: 2s, command: [./tick, \"${name}\", \"${services.api.port}\"],"
                        " timeout: 30s, jitter: 10%, vital: true}\n"
                        "  sync: {at: \"0 3 * * *\", http: {to: api, path: /sync, method: POST}}\n"
                        "  ping: {every: 1m, http: {to: nas, path: /}, overlap: skip}\n"
                        "hooks: {startup: [[./migrate, \"--all\"], ./check], shutdown: [[./flush]]}\n",
                        NULL);
    const struct config_loop *loops = config->loops.items;
    assert_int_equal(config->loops.count, 3);
    assert_string_equal(loops[0].name, "tick");
    assert_int_equal(loops[0].every_ms, 2000);
    assert_int_equal(loops[0].timeout_ms, 30000);
    assert_int_equal(loops[0].jitter, 10);
    assert_true(loops[0].vital);
    assert_string_equal(loops[0].command.items[0], "/srv/app/tick");
    assert_string_equal(loops[0].command.items[1], "app");
    assert_string_equal(loops[0].directory, "/srv/app");
    assert_string_equal(loops[1].at, "0 3 * * *");
    assert_int_equal(loops[1].cron.hours, 1 << 3);
    assert_string_equal(loops[1].http.method, "POST");
    assert_int_equal(loops[1].timeout_ms, 30000);
    assert_string_equal(loops[2].http.method, "GET");
    assert_int_equal(config->hooks.startup.count, 2);
    assert_string_equal(config->hooks.startup.items[0].words.items[1], "--all");
    assert_string_equal(config->hooks.startup.items[1].words.items[0], "/srv/app/check");
    assert_int_equal(config->hooks.startup.items[1].words.count, 1);
    assert_string_equal(config->hooks.shutdown.items[0].directory, "/srv/app");
    config_free(&config);
}

static void test_a_command_has_an_hour(void **state)
{
    (void)state;
    struct config *config = world_load_good("loops: {tick: {every: 2s, command: x}}\n", NULL);
    assert_int_equal(config->loops.items[0].timeout_ms, 3600 * 1000);
    config_free(&config);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"loops:\n"
         "  a: {}\n"
         "  b: {every: 2s}\n"
         "  c: {command: x}\n"
         "  d: {every: 2s, at: \"* * * * *\", command: x}\n"
         "  e: {every: 2s, command: x, http: {to: f, path: /}}\n"
         "  f: {every: 2s, http: {path: /}}\n"
         "  g: {at: \"* * * * *\", command: x, jitter: 10%}\n"
         "  h: {at: \"0 0 30 feb *\", command: x}\n"
         "  i: {at: daily, command: x}\n"
         "  j: {every: 2s, command: x, overlap: queue}\n",
         "2:3: loops.a: a loop has command or http, this one has neither\n"
         "3:3: loops.b: a loop has command or http, this one has neither\n"
         "4:3: loops.c: a loop has every or at, this one has neither\n"
         "5:18: loops.d: a loop has every or at, this one has both\n"
         "6:30: loops.e: a loop has command or http, this one has both\n"
         "6:37: loops.e.http.to: there is no service \"f\"; there is none\n"
         "7:18: loops.f.http: it needs to and path, such as {to: api, path: /tick}\n"
         "8:36: loops.g.jitter: it goes with every; at says the minute\n"
         "9:11: loops.h.at: there is no such day: \"0 0 30 feb *\" never comes\n"
         "10:11: loops.i.at: \"daily\" is not a minute (0-59); fields are *, 5, 1-5, */15 or 1,15, separated "
         "by blanks\n"
         "11:39: loops.j.overlap: expected skip, found \"queue\""},
        {"services: {api: {command: x}}\n"
         "loops:\n"
         "  a: {every: 2s, http: {to: api, path: /}}\n"
         "  b: {every: 2s, http: {to: apl, path: /}}\n"
         "  c: {every: 2s, command: [x, \"${services.api.port}\"]}\n",
         "3:25: loops.a.http.to: the service \"api\" has no listener; give it listen: tcp, or listen: "
         "tcp:3000 when its port is fixed\n"
         "4:25: loops.b.http.to: there is no service \"apl\"; did you mean \"api\"?\n"
         "5:31: loops.c.command: the service \"api\" has no port; it needs listen: tcp"},
        {"hooks:\n"
         "  startup: ./migrate.sh\n"
         "  shutdown: [./flush.sh, --all]\n",
         "2:12: hooks.startup: expected a list of commands, such as [[./migrate.sh]], found "
         "\"./migrate.sh\"\n"
         "3:26: hooks.shutdown: \"--all\" is no program; each command is a list of its own, such as [[./a, "
         "--all]]"},
    };
    WORLD_CHECK_BAD(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_a_command_has_an_hour),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
