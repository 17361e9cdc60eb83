#include "world.h"

#include "config/hints.h"

static void check_lines(char *(*correct)(struct slice line), const char *const (*rows)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *corrected = correct(slice_of_text(rows[i][0]));
        if (rows[i][1])
            assert_string_equal(corrected, rows[i][1]);
        else
            assert_null(corrected);
        free(corrected);
    }
}

#define CHECK_LINES(correct, rows) check_lines((correct), (rows), sizeof(rows) / sizeof(rows)[0])

static void test_quoted(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"command: [a, --port, ${PORT}]", "command: [a, --port, \"${PORT}\"]"},
        {"command: [a, --port=${PORT:-80}, b] # c", "command: [a, \"--port=${PORT:-80}\", b] # c"},
        {"  - {path: /s/{id}/*, to: api}", "  - {path: \"/s/{id}/*\", to: api}"},
        {"path: {id}/x  # why", "path: \"{id}/x\"  # why"},
        {"- address: [::1]:80", "- address: \"[::1]:80\""},
        {"listen: [{address: [::1]:80}]", "listen: [{address: \"[::1]:80\"}]"},
        {"hosts: *", "hosts: \"*\""},
        {"hosts: [*, a]", "hosts: [\"*\", a]"},
        {"- - *x", "- - \"*x\""},
        {"  a, ${PORT},", "  a, \"${PORT}\","},
        {"a: [x{y}\"z]", "a: ['x{y}\"z']"},
        {"path: /s/{id}", NULL},
        {"command: run ${PORT}", NULL},
        {"command: [a, \"${PORT}\"]", NULL},
        {"a: {b: [c, d], e: \"[::1]:80\"}", NULL},
        {"a: 'it''s {x}'", NULL},
        {"text: |", NULL},
        {"", NULL},
        {"# [*", NULL},
        {"{", NULL},
        {"a: [", NULL},
        {"a: \"", NULL},
    };
    CHECK_LINES(hints_quoted, rows);
}

static void test_spaced(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"name:x", "name: x"},
        {"  - address:\"1.2.3.4:5\"", "  - address: \"1.2.3.4:5\""},
        {"- {path:/x, to:api}", "- {path: /x, to: api}"},
        {"name: x", NULL},
        {"http://x", NULL},
        {"address: http://x:80", NULL},
        {"nonsense:x", NULL},
        {"name:", NULL},
        {"", NULL},
    };
    CHECK_LINES(hints_spaced, rows);
}

static void test_untabbed(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\tx: y", "  x: y"},
        {" \t\tx:\ty", "     x:\ty"},
        {"  x:\ty", NULL},
        {"", NULL},
    };
    CHECK_LINES(hints_untabbed, rows);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"command", "directory", "env", "env_file", "b"};
    static const char *const rows[][2] = {
        {"comand", "command"},
        {"commnad", "command"},
        {"comm", "command"},
        {"dirctory", "directory"},
        {"envfile", "env_file"},
        {"enf", "env"},
        {"a", NULL},
        {"xyz", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *nearest = hints_nearest(slice_of_text(rows[i][0]), names, sizeof names / sizeof names[0]);
        if (rows[i][1])
            assert_string_equal(nearest, rows[i][1]);
        else
            assert_null(nearest);
    }
}

static void test_line(void **state)
{
    (void)state;
    struct slice source = SLICE("a\r\nb\n\nd");
    assert_true(slice_equal(hints_line(source, 1), SLICE("a")));
    assert_true(slice_equal(hints_line(source, 2), SLICE("b")));
    assert_int_equal(hints_line(source, 3).size, 0);
    assert_true(slice_equal(hints_line(source, 4), SLICE("d")));
    assert_null(hints_line(source, 5).data);
    assert_null(hints_line(source, 0).data);
}

static void test_indented(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        int line;
        const char *columns; /* "of the line, of the one above"; NULL: fine */
    } rows[] = {
        {"services:\n  api:\n    command: a\n   listen: tcp\n", 4, "column 4, that of line 3 in column 5"},
        {"routes:\n  - path: /x\n  to: api\n", 3, "column 3, that of line 2 in column 5"},
        {"a:\n    b: 1\n\n# why\n   c: 2\n", 5, "column 4, that of line 2 in column 5"},
        {"a:\n  b: 1\n  c: 2\n", 3, NULL},
        {"routes:\n  - path: /x\n    to: api\nlog: {}\n", 4, NULL},
        {"routes:\n  - path: /x\n  - path: /y\n", 3, NULL},
        {"a:\n  - text\n", 2, NULL},
        {"a: 1\n", 1, NULL},
        {"", 1, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *hint = hints_indented(slice_of_text(rows[i].source), rows[i].line);
        assert_true((hint != NULL) == (rows[i].columns != NULL));
        assert_true(!hint || strstr(hint, rows[i].columns));
        free(hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoted),  cmocka_unit_test(test_spaced), cmocka_unit_test(test_untabbed),
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_line),   cmocka_unit_test(test_indented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
