#include "world.h"

#include "base/buffer.h"
#include "config/changes.h"

static const char changes_base[] = "name: n\n"
                                   "services:\n"
                                   "  api: {command: [run, --port, \"${PORT}\"], env: {A: x, B: y}}\n"
                                   "  db: {command: db}\n"
                                   "routes:\n"
                                   "  - {path: /api/*, to: api}\n";

/* The paths, each with a space behind it. */
static void changes_check(const char *before, const char *after, const char *expected)
{
    struct config *old = world_load_good(before, NULL), *new = world_load_good(after, NULL);
    struct config_changes changes;
    struct buffer found = BUFFER(1024);
    changes_find(old, new, &changes);
    for (size_t i = 0; i < changes.count; i++)
        assert_true(buffer_append_format(&found, "%s ", changes.items[i].path));
    buffer_append(&found, slice_of("", 1));
    assert_string_equal(buffer_slice(&found).data, expected);
    buffer_free(&found);
    changes_free(&changes);
    config_free(&old);
    config_free(&new);
}

static void test_nothing(void **state)
{
    (void)state;
    changes_check(changes_base, changes_base, "");
    changes_check(changes_base,
                  "# moved\nname: n\n"
                  "drain: {timeout: 30s}\n"
                  "services:\n"
                  "  db: {command: [db]}\n"
                  "  api: {command: [run, --port, \"${PORT}\"], env: {B: y, A: x}, restart: on-failure}\n"
                  "routes:\n"
                  "  - {path: /api/*, to: api}\n",
                  "");
}

static void test_entries(void **state)
{
    (void)state;
    changes_check(changes_base,
                  "name: n\n"
                  "services:\n"
                  "  api: {command: [run, \"${PORT}\"], env: {A: x, B: z, C: c}, stop: {grace: 1s}}\n"
                  "  web: {command: web}\n"
                  "routes:\n"
                  "  - {path: /*, to: api}\n",
                  "services.api.command services.api.env.B services.api.env.C services.api.stop.grace "
                  "services.db services.web routes ");
}

static void test_top(void **state)
{
    (void)state;
    changes_check(changes_base,
                  "name: n\n"
                  "listen: [{address: \"127.0.0.1:9\"}]\n"
                  "drain: 5s\n"
                  "services:\n"
                  "  api: {command: [run, --port, \"${PORT}\"], env: {A: x, B: y}}\n"
                  "  db: {command: db}\n"
                  "routes:\n"
                  "  - {path: /api/*, to: api}\n",
                  "listen console.listen drain.timeout ");
}

/* What is shown masked alike may have changed all the same. */
static void test_secrets(void **state)
{
    (void)state;
    struct world world = {
        .files = {{"/srv/app/reeve.yaml",
                   "name: n\nservices:\n  a: {command: x, env: {B: b, KEY: {file: ./key}}}\n"
                   "templates:\n  t: {command: x, env: {KEY: {file: ./key}}}\n"},
                  {"/srv/app/key", "one"}}};
    struct config_errors errors = {0};
    struct config_changes changes;
    struct config *old = world_load(&world, &errors);
    world.files[1].text = "two";
    struct config *new = world_load(&world, &errors);
    assert_non_null(old);
    assert_non_null(new);
    changes_find(old, new, &changes);
    assert_int_equal(changes.count, 2);
    assert_string_equal(changes.items[0].path, "services.a.env.KEY");
    assert_string_equal(changes.items[1].path, "templates.t.env.KEY");
    assert_string_equal(json_string_value(changes.items[0].before), "***");
    assert_string_equal(json_string_value(changes.items[1].after), "***");
    changes_free(&changes);
    config_free(&old);
    config_free(&new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
