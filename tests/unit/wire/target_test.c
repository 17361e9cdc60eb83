#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/target.h"

static struct target_row full_row(void)
{
    struct target_row row = {
        .name = "shell/a1",
        .instance = true,
        .wanted = true,
        .state = TARGET_BACKOFF,
        .demand = true,
        .slot = 7,
        .addresses = {"127.0.0.1:20001", "unix:/run/x/s"},
        .address_count = 2,
        .tls = "pin:9f86d081",
        .socket = true,
        .terminal = {.there = true, .columns = 120, .rows = 40, .viewers = 2},
        .since_ms = 1700000000123,
        .next_attempt_ms = 5200,
        .hold_ms = 30000,
        .restarts = 3,
        .cause = {.kind = TARGET_CAUSE_EXIT, .code = 7, .text = "exited with 7 after 0.2 s"},
        .generation = 4,
        .pid = 812,
        .started_ms = 1700000000000,
        .ready_after_ms = 120,
        .streams = 2,
        .owner = "ann",
        .url = "/s/a1/",
    };
    return row;
}

static void test_a_row_survives_the_way(void **state)
{
    (void)state;
    struct target_row row = full_row();
    json_t *object = target_row_encode(&row, true, 5000, 1700000001000);
    struct target_row read;
    memset(&read, 0x55, sizeof read);
    assert_true(target_row_decode(object, &read));
    assert_string_equal(read.name, row.name);
    assert_true(read.instance && read.wanted && read.demand && read.socket && !read.ready);
    assert_int_equal(read.state, row.state);
    assert_int_equal(read.slot, row.slot);
    assert_int_equal(read.address_count, 2);
    assert_string_equal(read.addresses[1], "unix:/run/x/s");
    assert_string_equal(read.tls, row.tls);
    assert_string_equal(json_string_value(json_object_get(object, "tls")), "pin");
    assert_string_equal(json_string_value(json_object_get(object, "address")), "https://127.0.0.1:20001");
    assert_int_equal(read.since_ms, row.since_ms);
    assert_int_equal(read.next_attempt_ms, row.next_attempt_ms);
    assert_int_equal(read.hold_ms, row.hold_ms);
    assert_int_equal(read.restarts, 3);
    assert_int_equal(read.cause.kind, TARGET_CAUSE_EXIT);
    assert_int_equal(read.cause.code, 7);
    assert_string_equal(read.cause.text, row.cause.text);
    assert_int_equal(read.generation, 4);
    assert_int_equal(read.pid, 812);
    assert_int_equal(read.started_ms, row.started_ms);
    assert_int_equal(read.ready_after_ms, 120);
    assert_int_equal(read.streams, 2);
    assert_string_equal(read.owner, "ann");
    assert_string_equal(read.url, "/s/a1/");
    assert_true(read.terminal.there);
    assert_int_equal(read.terminal.columns, 120);
    assert_int_equal(read.terminal.rows, 40);
    assert_int_equal(read.terminal.viewers, 2);
    json_decref(object);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_the_world_sees_the_contract(void **state)
{
    (void)state;
    struct target_row row = full_row();
    json_t *object = target_row_encode(&row, false, 5000, 1700000001000);
    assert_string_equal(text_at(object, "kind"), "instance");
    assert_string_equal(text_at(object, "wanted"), "up");
    assert_string_equal(text_at(object, "state"), "backoff");
    assert_string_equal(text_at(object, "since"), "2023-11-14T22:13:20.123Z");
    assert_string_equal(text_at(object, "next_attempt"), "2023-11-14T22:13:21.200Z");
    assert_string_equal(text_at(object, "address"), "https://127.0.0.1:20001");
    assert_string_equal(text_at(json_object_get(object, "cause"), "kind"), "exit");
    assert_true(json_is_null(json_object_get(json_object_get(object, "cause"), "signal")));
    assert_string_equal(text_at(json_object_get(object, "run"), "started"), "2023-11-14T22:13:20.000Z");
    assert_null(json_object_get(object, "slot"));
    assert_null(json_object_get(object, "has_terminal"));
    const json_t *terminal = json_object_get(object, "terminal");
    assert_int_equal(json_integer_value(json_object_get(terminal, "columns")), 120);
    assert_int_equal(json_integer_value(json_object_get(terminal, "viewers")), 2);
    struct target_row read;
    assert_false(target_row_decode(object, &read));
    json_decref(object);
}

static void test_a_target_that_never_ran(void **state)
{
    (void)state;
    struct target_row row = {.name = "api", .ready_after_ms = -1};
    json_t *object = target_row_encode(&row, true, 0, 0);
    assert_true(json_is_null(json_object_get(object, "run")));
    assert_true(json_is_null(json_object_get(object, "cause")));
    assert_true(json_is_null(json_object_get(object, "terminal")));
    assert_true(json_is_null(json_object_get(object, "address")));
    assert_true(json_is_null(json_object_get(object, "next_attempt")));
    struct target_row read;
    assert_true(target_row_decode(object, &read));
    assert_int_equal(read.ready_after_ms, -1);
    json_decref(object);
}

static void test_a_text_that_is_not_utf8_is_still_told(void **state)
{
    (void)state;
    struct target_row row = full_row();
    snprintf(row.cause.text, sizeof(row.cause.text), "%s", "cannot execute /x\xff/y");
    json_t *object = target_row_encode(&row, false, 0, 0);
    assert_string_equal(text_at(json_object_get(object, "cause"), "text"), "cannot execute /x?/y");
    json_decref(object);
}

static void refuses(const char *path, json_t *value)
{
    struct target_row row = full_row();
    json_t *object = target_row_encode(&row, true, 0, 0);
    json_t *place = object;
    const char *dot = strchr(path, '.');
    if (dot) {
        char parent[32] = {0};
        memcpy(parent, path, (size_t)(dot - path));
        place = json_object_get(object, parent);
        path = dot + 1;
    }
    if (value)
        json_object_set_new(place, path, value);
    else
        json_object_del(place, path);
    struct target_row read;
    if (target_row_decode(object, &read))
        fail_msg("accepted a wrong %s", path);
    json_decref(object);
}

static json_t *long_text(size_t size)
{
    char text[1024];
    memset(text, 'a', size);
    return json_stringn(text, size);
}

static void test_what_is_missed(void **state)
{
    (void)state;
    for (int i = 0; i < TARGET_STATES; i++) {
        struct target_row row = {.wanted = true, .state = (enum target_state)i, .ready = i == TARGET_READY};
        assert_int_equal(target_row_is_missed(&row), i != TARGET_READY);
        row.instance = true; /* the outcome of a job */
        assert_int_equal(target_row_is_missed(&row),
                         i != TARGET_READY && i != TARGET_ENDED && i != TARGET_FAILED);
        row.wanted = false;
        assert_false(target_row_is_missed(&row));
    }
}

static void test_wrong_members_are_refused(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "name",      "kind",     "wanted",     "state",   "ready",           "restarts",
        "cause",     "run",      "streams",    "slot",    "demand",          "addresses",
        "socket",    "since_ms", "started_ms", "hold_ms", "next_attempt_ms", "run.generation",
        "cause.kind"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        refuses(needed[i], NULL);
        refuses(needed[i], json_real(1.5));
    }
    refuses("name", json_string(""));
    refuses("name", long_text(TARGET_NAME_SIZE));
    refuses("state", json_string("upside"));
    refuses("slot", json_integer(-1));
    refuses("restarts", json_integer(-1));
    refuses("run.pid", json_integer(1LL << 40));
    refuses("run.pid", json_string("1"));
    refuses("cause.signal", json_integer(1000));
    refuses("cause.text", long_text(512));
    refuses("addresses", json_pack("[i]", 1));
    refuses("addresses", json_pack("[o]", long_text(TARGET_ADDRESS_SIZE)));
    refuses("addresses", json_pack("[sssssssss]", "a", "a", "a", "a", "a", "a", "a", "a", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_survives_the_way),
        cmocka_unit_test(test_the_world_sees_the_contract),
        cmocka_unit_test(test_a_target_that_never_ran),
        cmocka_unit_test(test_a_text_that_is_not_utf8_is_still_told),
        cmocka_unit_test(test_what_is_missed),
        cmocka_unit_test(test_wrong_members_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
