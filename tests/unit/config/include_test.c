#include "world.h"

static char *load_three(const char *main_file, const char *a, const char *b, struct config **config)
{
    struct world world = {
        .files = {{"/srv/app/reeve.yaml", main_file}, {"/srv/app/d/a.yaml", a}, {"/srv/app/d/b.yaml", b}}};
    struct config_errors errors = {0};
    *config = world_load(&world, &errors);
    char *text = config_errors_text(&errors);
    config_errors_free(&errors);
    return text;
}

static void test_added_up(void **state)
{
    (void)state;
    struct config *config;
    char *text =
        load_three("include: [d/a.yaml, d/b.yaml]\nservices: {m: {command: ./m}}\nlog: {level: debug}\n",
                   "services: {a: {command: ./a, listen: tcp}}\nroutes: [{path: /a, to: a}]\n",
                   "services: {b: {command: b}}\nroutes: [{path: /b, files: b}]\nlog: {format: combined}\n"
                   "name: n\n",
                   &config);
    assert_string_equal(text, "");
    assert_int_equal(config->services.count, 3);
    assert_string_equal(config_service(config, "a")->command.items[0], "/srv/app/d/a");
    assert_string_equal(config_service(config, "m")->command.items[0], "/srv/app/m");
    assert_string_equal(config->routes.items[0].item.place.file, "d/a.yaml");
    assert_string_equal(config->routes.items[1].files, "/srv/app/d/b");
    assert_int_equal(config->log.level, LOG_DEBUG);
    assert_int_equal(config->log.format, CONFIG_ACCESS_COMBINED);
    assert_string_equal(config->name, "n");
    config_free(&config);
    free(text);
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        {"include: d/a.yaml\nname: x\nservices: {a: {command: x}}\n",
         "name: y\nservices: {a: {command: y}}\n", "",
         "d/a.yaml:1:1: name: it is set already, at reeve.yaml:2:1\n"
         "d/a.yaml:2:12: services.a: it is set already, at reeve.yaml:3:12\n"},
        {"include: [d/a.yaml, d/c.yaml, '${NOPE}']\n", "include: b.yaml\n", "",
         "d/a.yaml:1:1: include: an included file cannot include others\n"
         "d/c.yaml: cannot read /srv/app/d/c.yaml: No such file or directory\n"
         "reeve.yaml:1:31: include: ${NOPE} is not set and has no default; ${NOPE:-value} has one\n"},
        {"include: [d/a.yaml, d/b.yaml]\n", "- x\n", "a: b: c\n",
         "d/a.yaml:1:1: expected a mapping of keys, found a list\n"
         "d/b.yaml:1:5: this is not YAML: invalid nested block mapping on the same line\n"},
        {"include: d/a.yaml\n", "services: {a: {comand: x}}\n", "",
         "d/a.yaml:1:16: services.a.comand: there is no such key; did you mean \"command\"?\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config *config;
        char *text = load_three(rows[i][0], rows[i][1], rows[i][2], &config);
        assert_null(config);
        assert_string_equal(text, rows[i][3]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_added_up),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
