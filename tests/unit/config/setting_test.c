#include "world.h"

#include "config/setting.h"

/* Every setting below a top-level key has its parent before it, a line about it, and a type that can do its
 * work. */
static void test_rows(void **state)
{
    (void)state;
    const struct setting *row;
    for (size_t i = 0; (row = setting_at(i)); i++) {
        const char *dot = strrchr(row->path, '.');
        size_t about = strlen(row->about);
        assert_ptr_equal(setting_find(slice_of_text(row->path)), row);
        if (dot)
            assert_non_null(setting_find(slice_of(row->path, (size_t)(dot - row->path))));
        assert_true(about > 3 && row->about[about - 1] == '.');
        if (row->type->shape == TYPE_VALUE)
            assert_true(row->type->read && row->type->schema);
        if (row->at && row->type->shape == TYPE_VALUE)
            assert_non_null(row->type->show);
        if (row->short_form)
            assert_non_null(setting_child_named(row, slice_of_text(row->short_form)));
        if (row->type->shape == TYPE_ENTRIES || row->type->shape == TYPE_ITEMS)
            assert_true(setting_child(row, NULL) && row->item_size + row->later > 0);
        if (row->harmless)
            assert_true(row->later);
    }
}

/* YAML with this row's key set to `value`, all that is above it around it. */
static char *yaml_for(const struct setting *row, const char *value)
{
    char *yaml = memory_text(value);
    for (size_t size = strlen(row->path); size;) {
        const struct setting *here = setting_find(slice_of(row->path, size));
        struct slice key = setting_key(here);
        bool star = slice_equal(key, SLICE("*"));
        size -= key.size + (size > key.size);
        const struct setting *above = size ? setting_find(slice_of(row->path, size)) : NULL;
        char *whole = !star ? memory_format("{" SLICE_FORMAT ": %s}", SLICE_ARGUMENTS(key), yaml)
                      : above->type->shape == TYPE_ITEMS ? memory_format("[%s]", yaml)
                                                         : memory_format("{x: %s}", yaml);
        free(yaml);
        yaml = whole;
    }
    return yaml;
}

/* No error is about the value itself. */
static void check_accepted(const struct setting *row, const char *value)
{
    char *yaml = yaml_for(row, value);
    struct world world = {.files = {{"/srv/app/reeve.yaml", yaml}, {"/srv/app/.env", "A=1\n"}}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        const char *text = errors.items[i].text;
        bool expected = strstr(text, "not supported yet") || strstr(text, "there is no service") ||
                        strstr(text, "there is no template") || strstr(text, "needs a listener") ||
                        strstr(text, "it needs ") || strstr(text, "is missing") || strstr(text, "neither") ||
                        strstr(text, "to, files, events or terminal") || strstr(text, "conf.d");
        if (!expected)
            print_error("%s\n%s\n", yaml, text);
        assert_true(expected);
    }
    config_errors_free(&errors);
    config_free(&config);
    free(yaml);
}

static void test_examples_and_defaults(void **state)
{
    (void)state;
    const struct setting *row;
    for (size_t i = 0; (row = setting_at(i)); i++) {
        if (row->example)
            check_accepted(row, row->example);
        if (row->standard && row->type->shape == TYPE_VALUE)
            check_accepted(row, row->standard);
    }
}

static void test_find(void **state)
{
    (void)state;
    const struct setting *ready = setting_find(SLICE("services.*.ready"));
    assert_non_null(ready);
    assert_true(slice_equal(setting_key(ready), SLICE("ready")));
    assert_true(
        slice_equal(setting_item_key(setting_child_named(ready, SLICE("http"))), SLICE("ready.http")));
    assert_null(setting_find(SLICE("services.*.read")));
    const struct setting *shell = setting_find(SLICE("templates.*"));
    assert_non_null(setting_child_named(shell, SLICE("command")));
    assert_non_null(setting_child_named(shell, SLICE("retention")));
    assert_null(setting_child_named(setting_find(SLICE("services.*")), SLICE("retention")));
    assert_true(setting_is_key(SLICE("timeout")));
    assert_false(setting_is_key(SLICE("nonsense")));
    assert_string_equal(setting_meant(setting_find(SLICE("services.*")), SLICE("cwd")), "directory");
    assert_string_equal(setting_meant(NULL, SLICE("rotues")), "routes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_examples_and_defaults),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
