#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  a: {command: cd x && run}\n"
         "  b: {command: run > log}\n"
         "  c: {command: \"run; x\"}\n"
         "  d: {command: \"run `x`\"}\n"
         "  e: {command: \"run $(x)\"}\n"
         "  f: {command: FOO=1 run}\n"
         "  g: {command: run $PORT}\n"
         "  h: {command: [run, $PORT]}\n"
         "  i: {command: \"run 'x\"}\n"
         "  j: {command: []}\n"
         "  k: {command: \"\"}\n"
         "  l: {command: {a: b}}\n"
         "  m: {command: [[x]]}\n"
         "  n: {command: }\n",
         "2:16: services.a.command: \"&&\" is for a shell, and a command is run without a shell; for one, "
         "write [sh, -c, \"...\"]\n"
         "3:16: services.b.command: \">\" is for a shell, and a command is run without a shell; for one, "
         "write [sh, -c, \"...\"]\n"
         "4:16: services.c.command: \";\" is for a shell, and a command is run without a shell; for one, "
         "write [sh, -c, \"...\"]\n"
         "5:16: services.d.command: \"`\" is for a shell, and a command is run without a shell; for one, "
         "write [sh, -c, \"...\"]\n"
         "6:16: services.e.command: \"$(\" is for a shell, and a command is run without a shell; for one, "
         "write [sh, -c, \"...\"]\n"
         "7:16: services.f.command: \"FOO=1\" would set a variable in a shell; here variables are set with "
         "env\n"
         "8:16: services.g.command: $PORT is for a shell; write ${PORT}\n"
         "9:22: services.h.command: $PORT is for a shell; write \"${PORT}\", or \"$$PORT\" for the text\n"
         "10:16: services.i.command: a ' is opened and not closed\n"
         "11:16: services.j.command: the command is empty\n"
         "12:16: services.k.command: the command is empty\n"
         "13:16: services.l.command: expected a list of words, such as [./server, --port, \"${PORT}\"], or "
         "one text, found a mapping\n"
         "14:17: services.m.command: expected a word of the command, found a list\n"
         "15:7: services.n.command: expected a list of words, such as [./server, --port, \"${PORT}\"], or "
         "one text, found no value"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *command, *first, *last;
        size_t count;
    } rows[] = {
        {"run", "run", "run", 1},
        {"./run a", "/srv/app/run", "a", 2},
        {"bin/run 'a b'", "/srv/app/bin/run", "a b", 2},
        {"/bin/run ''", "/bin/run", "", 2},
        {"run ${A:-x y}z", "run", "x yz", 2},
        {"run $$HOME \\$HOME", "run", "$$HOME", 3},
        {"[sh, -c, 'a | b > $c']", "sh", "a | b > $$c", 3},
        {"[sh, 1, true, \"${PORT}\"]", "sh", "${PORT}", 4},
        {"'${HOME}/run a'", "/home/ann/run", "a", 2},
        {"[\"${HOME}/run\", \"$$PORT\"]", "/home/ann/run", "$$PORT", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, "services:\n  s:\n    command: %s\n", rows[i].command);
        struct config *config = world_load_good(yaml, NULL);
        const struct config_texts *command = &config->services.items[0].command;
        assert_int_equal(command->count, rows[i].count);
        assert_string_equal(command->items[0], rows[i].first);
        assert_string_equal(command->items[command->count - 1], rows[i].last);
        config_free(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
