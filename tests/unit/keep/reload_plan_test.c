#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "keep/reload_plan.h"

/* One change of a setting that is there before and after. */
static struct config_changes plan_changes(struct config_change *change, const char *path)
{
    static json_t *nothing;
    nothing = json_null();
    *change = (struct config_change){(char *)(uintptr_t)path, nothing, nothing};
    return (struct config_changes){.items = change, .count = 1};
}

static enum reload_effect plan_effect(const char *path, const char *section, const char *name)
{
    struct config_change change;
    struct config_changes changes = plan_changes(&change, path);
    return reload_plan_effect(&changes, section, name);
}

static void test_effects(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum reload_effect effect; /* on services.api */
    } rows[] = {
        {"services.api.command", RELOAD_RESTART},
        {"services.api.env.LOG", RELOAD_RESTART},
        {"services.api.env_file", RELOAD_RESTART},
        {"services.api.listen", RELOAD_RESTART},
        {"services.api.user", RELOAD_RESTART},
        {"services.api.stop.grace", RELOAD_UPDATE},
        {"services.api.restart", RELOAD_UPDATE},
        {"services.api.ready.http", RELOAD_UPDATE},
        {"services.api-2.command", RELOAD_NOTHING},
        {"services.ap.command", RELOAD_NOTHING},
        {"templates.api.command", RELOAD_NOTHING},
        {"services", RELOAD_NOTHING},
        {"routes", RELOAD_NOTHING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(plan_effect(rows[i].path, "services", "api"), rows[i].effect);
    assert_int_equal(plan_effect("templates.shell.command", "templates", "shell"), RELOAD_RESTART);
}

static void test_entries(void **state)
{
    (void)state;
    struct config_change change;
    struct config_changes changes = plan_changes(&change, "services.api");
    change.before = NULL;
    assert_int_equal(reload_plan_effect(&changes, "services", "api"), RELOAD_ADD);
    change.before = change.after;
    change.after = NULL;
    assert_int_equal(reload_plan_effect(&changes, "services", "api"), RELOAD_REMOVE);
}

static void test_strongest(void **state)
{
    (void)state;
    struct config_change items[3];
    plan_changes(&items[0], "services.api.restart");
    plan_changes(&items[1], "services.api.command");
    plan_changes(&items[2], "services.api.stop.grace");
    const struct config_changes changes = {.items = items, .count = 3};
    assert_int_equal(reload_plan_effect(&changes, "services", "api"), RELOAD_RESTART);
}

static void test_fixed(void **state)
{
    (void)state;
    struct error error = {0};
    struct config_change change;
    struct config_changes changes = plan_changes(&change, "state");
    assert_false(reload_plan_check(&changes, &error));
    assert_non_null(strstr(error.text, "state"));
    changes = plan_changes(&change, "names");
    assert_true(reload_plan_check(&changes, &error));
    changes = plan_changes(&change, "services.api.user");
    assert_true(reload_plan_check(&changes, &error));
    changes = plan_changes(&change, "services.api.command");
    assert_true(reload_plan_check(&changes, &error));
    change.after = NULL; /* it has an address now */
    assert_false(reload_plan_check(&changes, &error));
}

static void test_touches(void **state)
{
    (void)state;
    struct config_change change;
    struct config_changes changes = plan_changes(&change, "loops.tick.every");
    assert_true(reload_plan_touches(&changes, "loops"));
    assert_true(reload_plan_touches(&changes, "loops.tick"));
    assert_false(reload_plan_touches(&changes, "loops.ti"));
    assert_false(reload_plan_touches(&changes, "loop"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects), cmocka_unit_test(test_entries), cmocka_unit_test(test_strongest),
        cmocka_unit_test(test_fixed),   cmocka_unit_test(test_touches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
