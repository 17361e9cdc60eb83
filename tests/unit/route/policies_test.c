/* Policies of snapshots, and targets that wait for theirs. */
#include "../support.h"

#include "route/backends.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *read_json(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static bool prepare(struct policies *policies, const char *text, struct error *error)
{
    json_t *rows = read_json(text);
    bool fine = policies_prepare(policies, rows, error);
    json_decref(rows);
    return fine;
}

static void equal_ones_are_the_same_object(void **state)
{
    (void)state;
    struct policies *policies = policies_new();
    assert_true(prepare(policies,
                        "{\"none:1\": {\"verify\": \"none\"}, \"pin:2\": {\"verify\": \"pin\", \"pins\": "
                        "[\"sha256:" HEX "\"], \"name\": \"nas.lan\"}}",
                        NULL));
    assert_null(policies_find(policies, "none:1")); /* not yet */
    policies_commit(policies);
    struct tls_policy *none = policies_find(policies, "none:1");
    assert_non_null(none);
    assert_non_null(policies_find(policies, "pin:2"));
    assert_true(prepare(
        policies, "{\"none:1\": {\"verify\": \"none\"}, \"system:3\": {\"verify\": \"system\"}}", NULL));
    assert_ptr_equal(policies_find(policies, "none:1"), none);
    policies_commit(policies);
    assert_ptr_equal(policies_find(policies, "none:1"), none);
    assert_null(policies_find(policies, "pin:2"));
    assert_true(policies_prepare(policies, NULL, NULL)); /* a snapshot without any */
    policies_commit(policies);
    assert_null(policies_find(policies, "none:1"));
    policies_free(&policies);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "[]",
        "{\"x\": 1}",
        "{\"x\": {}}",
        "{\"x\": {\"verify\": \"maybe\"}}",
        "{\"x\": {\"verify\": \"none\", \"name\": 1}}",
        "{\"x\": {\"verify\": \"pin\"}}",
        "{\"x\": {\"verify\": \"pin\", \"pins\": []}}",
        "{\"x\": {\"verify\": \"pin\", \"pins\": [\"sha256:0\"]}}",
        "{\"x\": {\"verify\": \"none\", \"pins\": [\"sha256:" HEX "\"]}}",
    };
    struct policies *policies = policies_new();
    struct error error = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(prepare(policies, wrong[i], &error));
    assert_false(prepare(policies,
                         "{\"ca:1\": {\"verify\": \"ca\", \"ca\": \"x\", "
                         "\"place\": \"reeve.yaml:3:7\"}}",
                         &error));
    assert_non_null(strstr(error.text, "reeve.yaml:3:7: tls.ca: there is no certificate in it"));
    policies_free(&policies);
}

static void set_target(struct backends *backends, const char *policy)
{
    struct target_row row = {
        .name = "nas", .state = TARGET_READY, .ready = true, .address_count = 1, .ready_after_ms = -1};
    snprintf(row.addresses[0], sizeof row.addresses[0], "10.0.0.7:9000");
    snprintf(row.tls, sizeof row.tls, "%s", policy);
    json_t *object = target_row_encode(&row, true, 0, 0);
    assert_true(backends_set_row(backends, object, -1));
    json_decref(object);
}

/* Never in the clear instead. */
static void a_target_waits_for_its_policy(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct policies *policies = policies_new();
    const struct backends_settings settings = {.loop = loop, .policies = policies};
    struct backends *backends = backends_new(&settings);
    set_target(backends, "none:1");
    struct backend *nas = backends_find(backends, SLICE("nas"));
    assert_int_equal(backends_verdict(nas), BACKENDS_WAIT);
    assert_true(prepare(policies, "{\"none:1\": {\"verify\": \"none\"}}", NULL));
    policies_commit(policies);
    backends_find_policies(backends);
    assert_int_equal(backends_verdict(nas), BACKENDS_GO);
    assert_ptr_equal(backends_tls(nas), policies_find(policies, "none:1"));
    set_target(backends, "pin:2"); /* the row comes before its snapshot */
    assert_int_equal(backends_verdict(nas), BACKENDS_WAIT);
    set_target(backends, "");
    assert_int_equal(backends_verdict(nas), BACKENDS_GO);
    assert_null(backends_tls(nas));
    turn_all(loop);
    backends_free(&backends);
    policies_free(&policies);
    loop_free(&loop);
}

/* A snapshot without the policy may come before the row that no longer needs it. */
static void a_target_keeps_its_policy_over_snapshots(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct policies *policies = policies_new();
    const struct backends_settings settings = {.loop = loop, .policies = policies};
    struct backends *backends = backends_new(&settings);
    assert_true(prepare(policies, "{\"none:1\": {\"verify\": \"none\"}}", NULL));
    policies_commit(policies);
    set_target(backends, "none:1");
    struct backend *nas = backends_find(backends, SLICE("nas"));
    struct tls_policy *before = backends_tls(nas);
    assert_true(prepare(policies, "{}", NULL));
    policies_commit(policies);
    backends_find_policies(backends);
    assert_int_equal(backends_verdict(nas), BACKENDS_GO);
    set_target(backends, "none:1");
    assert_ptr_equal(backends_tls(nas), before);
    turn_all(loop);
    policies_free(&policies);
    backends_free(&backends);
    loop_free(&loop);
}

struct told {
    int calls;
    char text[64];
};

static void on_distrust(void *owner, const char *target, const char *text)
{
    struct told *told = owner;
    assert_string_equal(target, "nas");
    snprintf(told->text, sizeof told->text, "%s", text);
    told->calls++;
}

static void distrust_is_told_now_and_then(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000000);
    struct loop *loop = loop_new(&clock.clock);
    struct told told = {0};
    const struct backends_settings settings = {.loop = loop, .on_distrust = on_distrust, .owner = &told};
    struct backends *backends = backends_new(&settings);
    set_target(backends, "");
    struct backend *nas = backends_find(backends, SLICE("nas"));
    for (int i = 0; i < 5; i++)
        backends_distrust(nas, "other");
    assert_int_equal(told.calls, 1);
    assert_string_equal(told.text, "other");
    clock.now_us += BACKENDS_DISTRUST_MS * 1000LL;
    turn_all(loop);
    backends_distrust(nas, "other");
    assert_int_equal(told.calls, 2);
    turn_all(loop);
    backends_free(&backends);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_are_the_same_object),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(a_target_waits_for_its_policy),
        cmocka_unit_test(a_target_keeps_its_policy_over_snapshots),
        cmocka_unit_test(distrust_is_told_now_and_then),
    };
    return run_group(tests);
}
