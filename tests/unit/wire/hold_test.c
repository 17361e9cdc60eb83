#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/hold.h"

static char *const command[] = {(char[]){"node"}, (char[]){"server.js"}, NULL};
static char *const environment[] = {(char[]){"PATH=/usr/bin"}, (char[]){"ODD=a\xff\x01z"}, NULL};
static const gid_t groups[] = {4, 20};

static struct hold_spec example(void)
{
    struct hold_spec spec = hold_spec_default();
    spec.target = "shell/a1";
    spec.generation = 7;
    spec.nonce = "8c1f";
    spec.command = command;
    spec.environment = environment;
    spec.directory = "/srv/app";
    spec.uid = 65534;
    spec.gid = 65534;
    spec.groups = groups;
    spec.group_count = 2;
    spec.stop_signal = 2;
    spec.output_keep = 3;
    return spec;
}

static void test_a_spec_survives_the_way(void **state)
{
    (void)state;
    struct hold_spec before = example(), after;
    json_t *json = hold_spec_encode(&before);
    struct arena memory = ARENA(HOLD_SPEC_LARGEST);
    struct error error = {0};
    assert_true(hold_spec_decode(json, &memory, &after, &error));
    json_decref(json);
    assert_string_equal(after.target, "shell/a1");
    assert_int_equal(after.generation, 7);
    assert_string_equal(after.nonce, "8c1f");
    assert_string_equal(after.command[1], "server.js");
    assert_null(after.command[2]);
    assert_string_equal(after.environment[1], "ODD=a\xff\x01z"); /* bytes that are not UTF-8 */
    assert_null(after.environment[2]);
    assert_null(after.path);
    assert_string_equal(after.directory, "/srv/app");
    assert_int_equal(after.uid, 65534);
    assert_int_equal(after.group_count, 2);
    assert_int_equal(after.groups[1], 20);
    assert_int_equal(after.stop_signal, 2);
    assert_int_equal(after.stop_grace_ms, 10000);
    assert_int_equal(after.output_keep, 3);
    assert_int_equal(after.umask, -1);
    arena_free(&memory);
}

static void refuses_spec(const char *name, json_t *value)
{
    struct hold_spec spec = example(), after;
    json_t *json = hold_spec_encode(&spec);
    if (value)
        json_object_set_new(json, name, value);
    else
        json_object_del(json, name);
    struct arena memory = ARENA(HOLD_SPEC_LARGEST);
    struct error error = {0};
    assert_false(hold_spec_decode(json, &memory, &after, &error));
    assert_non_null(strstr(error.text, name));
    arena_free(&memory);
    json_decref(json);
}

static void test_a_wrong_spec_is_refused_by_name(void **state)
{
    (void)state;
    refuses_spec("command", json_array());
    refuses_spec("command", json_pack("[i]", 1));
    refuses_spec("command", NULL);
    refuses_spec("environment", json_string("PATH=/"));
    refuses_spec("environment", json_pack("[{s:s}]", "bytes", "0g"));
    refuses_spec("environment", json_pack("[{s:s}]", "bytes", "4100"));
    refuses_spec("environment", json_pack("[s#]", "a\0b", 3));
    refuses_spec("directory", json_string("relative"));
    refuses_spec("target", NULL);
    refuses_spec("nonce", json_integer(1));
    refuses_spec("generation", NULL);
    refuses_spec("uid", json_integer(4294967295));
    refuses_spec("uid", json_string("root"));
    refuses_spec("groups", json_pack("[i]", -1));
    refuses_spec("groups", json_object());
    refuses_spec("output", json_pack("{s:i}", "keep", 0));
    refuses_spec("stop", json_pack("{s:i}", "signal", 65));
    refuses_spec("stop", json_true());
    refuses_spec("cgroup", json_integer(1));
}

static void test_an_unknown_field_is_ignored_and_a_missing_option_has_its_default(void **state)
{
    (void)state;
    json_t *json =
        json_pack("{s:s, s:i, s:s, s:[s], s:[], s:s, s:{s:i}}", "target", "api", "generation", 1, "nonce",
                  "n", "command", "true", "environment", "directory", "/", "later", "field", 1);
    struct hold_spec spec;
    struct arena memory = ARENA(HOLD_SPEC_LARGEST);
    struct error error = {0};
    assert_true(hold_spec_decode(json, &memory, &spec, &error));
    assert_int_equal(spec.uid, -1);
    assert_int_equal(spec.output_keep, 5);
    assert_int_equal(spec.group_count, 0);
    arena_free(&memory);
    json_decref(json);
}

static void test_a_hello_with_an_exit_survives_the_way(void **state)
{
    (void)state;
    struct hold_hello before = {.version = 1,
                                .target = "api",
                                .generation = 4,
                                .nonce = "n",
                                .hold_pid = 10,
                                .hold_start_time = 99,
                                .pid = 11,
                                .started_ms = 5,
                                .state = HOLD_EXITED,
                                .end = {.generation = 4,
                                        .nonce = "n",
                                        .code = -1,
                                        .signal = 9,
                                        .core = true,
                                        .after_ms = 77,
                                        .leftovers = 2}};
    struct hold_hello after;
    json_t *json = hold_hello_encode(&before);
    struct error error = {0};
    assert_true(hold_hello_decode(json, &after, &error));
    json_decref(json);
    assert_memory_equal(&before, &after, sizeof before);
}

static void test_a_failure_survives_the_way_even_with_odd_bytes(void **state)
{
    (void)state;
    struct hold_end before = {.generation = 1,
                              .nonce = "n",
                              .failed = true,
                              .error = 2,
                              .stage = "exec",
                              .path = "/x/\xff",
                              .text = "exec /x/y: No such file or directory"};
    struct hold_end after;
    json_t *json = hold_end_encode(&before);
    struct error error = {0};
    assert_true(hold_end_decode(json, &after, &error));
    assert_true(after.failed);
    assert_int_equal(after.error, 2);
    assert_string_equal(after.stage, "exec");
    assert_string_equal(after.path, "/x/?");
    assert_string_equal(after.text, before.text);
    json_decref(json);
}

static void refuses_hello(json_t *json)
{
    struct hold_hello hello;
    struct error error = {0};
    assert_false(hold_hello_decode(json, &hello, &error));
    assert_string_not_equal(error.text, "");
    json_decref(json);
}

static void test_a_wrong_hello_is_refused(void **state)
{
    (void)state;
    const char *form = "{s:i, s:s, s:i, s:s, s:i, s:s, s:o*}";
#define HELLO(version, pid, state_name, exit)                                                                \
    json_pack(form, "version", version, "target", "api", "generation", 1, "nonce", "n", "hold_pid", pid,     \
              "state", state_name, "exit", exit)
    refuses_hello(json_array());
    refuses_hello(HELLO(0, 1, "running", NULL));
    refuses_hello(HELLO(1, 0, "running", NULL));
    refuses_hello(HELLO(1, 1, "gone", NULL));
    refuses_hello(HELLO(1, 1, "exited", NULL));
    refuses_hello(HELLO(1, 1, "exited", json_true()));
    refuses_hello(
        HELLO(1, 1, "exited",
              json_pack("{s:i, s:b, s:i, s:i}", "generation", 1, "failed", 0, "code", 0, "signal", 9)));
    struct hold_hello hello;
    json_t *fine = HELLO(1, 1, "running", NULL);
    assert_true(hold_hello_decode(fine, &hello, NULL));
    json_decref(fine);
}

static void test_a_text_that_is_too_long_is_cut_at_a_character(void **state)
{
    (void)state;
    char nonce[HOLD_NONCE_SIZE + 2];
    memset(nonce, 'n', sizeof nonce);
    memcpy(nonce + HOLD_NONCE_SIZE - 2, "\xc3\xa9", 3); /* é starts on the last byte that fits */
    json_t *json = json_pack("{s:i, s:s, s:b, s:i, s:i}", "generation", 1, "nonce", nonce, "failed", 0,
                             "code", 0, "signal", 0);
    struct hold_end end;
    assert_true(hold_end_decode(json, &end, NULL));
    assert_int_equal(strlen(end.nonce), HOLD_NONCE_SIZE - 2);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spec_survives_the_way),
        cmocka_unit_test(test_a_wrong_spec_is_refused_by_name),
        cmocka_unit_test(test_an_unknown_field_is_ignored_and_a_missing_option_has_its_default),
        cmocka_unit_test(test_a_hello_with_an_exit_survives_the_way),
        cmocka_unit_test(test_a_failure_survives_the_way_even_with_odd_bytes),
        cmocka_unit_test(test_a_wrong_hello_is_refused),
        cmocka_unit_test(test_a_text_that_is_too_long_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
