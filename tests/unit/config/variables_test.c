#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  a:\n"
         "    command: x\n"
         "    env:\n"
         "      A:\n"
         "      B: yes\n"
         "      C: {fil: x}\n"
         "      9: x\n"
         "      D: [1]\n"
         "      E: {file: nothing}\n"
         "      F: {env: NOTHING}\n"
         "      G: ${NOPE}\n"
         "    env_file: [none, [x]]\n"
         "  b: {command: x, env: [A=b]}\n",
         "5:7: services.a.env.A: a value is missing; \"\" is the empty text, and pass_env passes reeve's own "
         "on\n"
         "7:10: services.a.env.C: expected a text, {file: PATH} or {env: NAME}, found a mapping\n"
         "8:7: services.a.env.9: the name of a variable has only letters, digits and _\n"
         "9:10: services.a.env.D: expected a text, {file: PATH} or {env: NAME}, found a list\n"
         "10:17: services.a.env.E: cannot read /srv/app/nothing: No such file or directory\n"
         "11:16: services.a.env.F: the variable NOTHING is not set\n"
         "12:10: services.a.env.G: ${NOPE} is not set and has no default; ${NOPE:-value} has one\n"
         "13:16: services.a.env_file: cannot read /srv/app/none: No such file or directory\n"
         "13:22: services.a.env_file: expected a path, found a list\n"
         "14:24: services.b.env: expected a mapping of names to values, such as {LOG: debug}, found a list"},
    };
    WORLD_CHECK_BAD(rows);
}

/* The lines of an env_file, as docker compose reads them. */
static void test_env_file(void **state)
{
    (void)state;
    static const struct {
        const char *line, *value;
    } rows[] = {
        {"A=1", "1"},
        {"A=", ""},
        {" export A = b c  # d", "b c"},
        {"A=b#c", "b#c"},
        {"A='b # c'", "b # c"},
        {"A='b\\nc'", "b\\nc"},
        {"A=\"b\\nc\\\"d\" # e", "b\nc\"d"},
        {"A=b\r", "b"},
        {"A=${HOME}", "$${HOME}"},
        {"A=1\nA=2", "2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world = {.files = {{"/srv/app/reeve.yaml", "services: {s: {command: x, env_file: e}}\n"},
                                        {"/srv/app/e", rows[i].line}}};
        struct config_errors errors = {0};
        struct config *config = world_load(&world, &errors);
        assert_non_null(config);
        const struct config_variables *variables = &config->services.items[0].variables;
        assert_int_equal(variables->count, 1);
        assert_string_equal(variables->items[0].name, "A");
        assert_string_equal(variables->items[0].value, rows[i].value);
        config_free(&config);
    }
}

static void test_bad_env_file(void **state)
{
    (void)state;
    struct world world = {.files = {{"/srv/app/reeve.yaml", "services: {s: {command: x, env_file: [e]}}\n"},
                                    {"/srv/app/e", "# x\nA\nB='x\n9=1\nC=\"a\" b\nD=1\n"}}};
    struct config_errors errors = {0};
    assert_null(world_load(&world, &errors));
    char *text = config_errors_text(&errors);
    assert_string_equal(text,
                        "/srv/app/e:2:1: services.s.env_file: expected a line NAME=value\n"
                        "/srv/app/e:3:1: services.s.env_file: the value's quote is not closed at the end of "
                        "the line\n"
                        "/srv/app/e:4:1: services.s.env_file: expected a line NAME=value\n"
                        "/srv/app/e:5:1: services.s.env_file: the value's quote is not closed at the end of "
                        "the line\n");
    free(text);
    config_errors_free(&errors);
}

/* env_file serves ${...} in its service only, and env wins over it. */
static void test_order(void **state)
{
    (void)state;
    struct world world = {
        .files = {{"/srv/app/reeve.yaml",
                   "services:\n"
                   "  s: {command: 'x ${A} ${HOME}', env: {A: \"2${A}\", B: \"${A}\"}, env_file: e}\n"
                   "  t: {command: 'x ${A:-none}'}\n"},
                  {"/srv/app/e", "A=1\nHOME=$x\n"}}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    const struct config_service *s = &config->services.items[0], *t = &config->services.items[1];
    assert_string_equal(s->command.items[1], "1");
    assert_string_equal(s->command.items[2], "$$x");
    assert_string_equal(s->variables.items[0].value, "21");
    assert_string_equal(s->variables.items[2].value, "1");
    assert_string_equal(t->command.items[1], "none");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_env_file),
        cmocka_unit_test(test_bad_env_file),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
