#include "world.h"

#include "config/load.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"drain: soon\n"
         "takeover: {timeout: 4000d}\n",
         "1:8: drain.timeout: expected a duration, a whole number with its unit: 250ms, 2s, 5m, 1h or 7d, "
         "found \"soon\"\n"
         "2:21: takeover.timeout: \"4000d\" is too long, the most is 3650d"},
        {"services:\n"
         "  api:\n"
         "    command: x\n"
         "    restart: allways\n"
         "    ready: {timeout: 30}\n"
         "    backoff: {initial: 0ms}\n"
         "    output: {keep: 010, max: 1x}\n"
         "    detached: yes\n",
         "4:14: services.api.restart: expected one of on-failure | always | never, found \"allways\"; did "
         "you mean \"always\"?\n"
         "5:22: services.api.ready.timeout: a duration needs a unit: 30s for seconds, 30ms, 30m, 30h or 30d\n"
         "6:24: services.api.backoff.initial: \"0ms\" is too short, the least is 1ms\n"
         "7:20: services.api.output.keep: \"010\" starts with a zero; write 10\n"
         "7:30: services.api.output.max: expected a size in bytes: a whole number, with k, M or G for larger "
         "units, found \"1x\"\n"
         "8:5: services.api.detached is not supported yet\n"
         "8:15: services.api.detached: expected true or false, found \"yes\"; write true"},
        {"services:\n"
         "  api:\n"
         "    command: x\n"
         "    output: {keep: \"3\", max: 1k}\n"
         "    ready: {none: \"true\", timeout: [1s]}\n",
         "4:20: services.api.output.keep: expected a whole number from 1 to 1000, found the text \"3\"; "
         "write it without quotes\n"
         "4:30: services.api.output.max: \"1k\" is too small, the least is 64k\n"
         "5:19: services.api.ready.none: expected true or false, found the text \"true\"; write it without "
         "quotes\n"
         "5:36: services.api.ready.timeout: expected a duration, a whole number with its unit: 250ms, 2s, "
         "5m, 1h or 7d, found a list"},
        {"services:\n"
         "  api:\n"
         "    command: x\n"
         "    output: {keep: 0}\n"
         "    ready: {none: maybe}\n"
         "    user: \"a b\"\n"
         "    directory: \"\"\n",
         "4:20: services.api.output.keep: expected a whole number from 1 to 1000, found \"0\"\n"
         "5:19: services.api.ready.none: expected true or false, found \"maybe\"\n"
         "6:11: services.api.user: \"a b\" does not match [A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\n"
         "7:16: services.api.directory: expected a path, found an empty text"},
        {"state: ~/x\n"
         "user:\n"
         "name: {x}\n",
         "1:8: state: ~ is not a home directory here; ${HOME} is\n"
         "2:1: user: expected a text, found no value\n"
         "3:7: name: expected a text, found a mapping\n"
         "  text with {...}, [...] or a * at its start needs quotes around it:\n"
         "    name: \"{x}\""},
        {"log: {level: warned}\n",
         "1:14: log.level: expected one of debug | info | warning | error, found \"warned\""},
        {"services: {api: {command: x, directory: ~}}\n",
         "1:41: services.api.directory: expected a path, found no value"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_match(void **state)
{
    (void)state;
    assert_true(types_match("a|bc", SLICE("bc")));
    assert_false(types_match("a|bc", SLICE("abc")));
    assert_false(types_match("[a-z]+", SLICE("")));
}

/* A value in quotes only because of its ${...} is what it becomes. */
static void test_interpolated(void **state)
{
    (void)state;
    struct config *config = world_load_good("workers: \"${N:-3}\"\n"
                                            "services: {a: {command: x, output: {keep: \"${K}\"},\n"
                                            "  ready: {none: \"${T:-true}\"}}}\n"
                                            "drain: ${D:-5s}\n",
                                            "K=7");
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->services.items[0].output.keep, 7);
    assert_int_equal(config->services.items[0].ready.kind, CONFIG_READY_NONE);
    assert_int_equal(config->drain_timeout_ms, 5000);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_interpolated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
