#include "world.h"

#include "config/words.h"

struct gathered {
    char text[256];
};

static void gather(void *owner, struct slice word)
{
    struct gathered *gathered = owner;
    size_t size = strlen(gathered->text);
    snprintf(gathered->text + size, sizeof gathered->text - size, "<" SLICE_FORMAT ">",
             SLICE_ARGUMENTS(word));
}

static void test_split(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"  a  b\tc\n", "<a><b><c>"},
        {"a'b c'd", "<ab cd>"},
        {"'' \"\"", "<><>"},
        {"\"a \\\" \\\\ \\n\"", "<a \" \\ \\n>"},
        {"a\\ b \\'", "<a b><'>"},
        {"'|>&;' \"`$(\"", "<|>&;><`$(>"},
        {"${A:-b c} x${B}y", "<${A:-b c}><x${B}y>"},
        {"${A:-${B:-c d}}", "<${A:-${B:-c d}}>"},
        {"$$A \\$A 5$", "<$$A><$$A><5$>"},
        {"a=b --c=d", "<a=b><--c=d>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gathered gathered = {0};
        struct error error = {0};
        assert_true(words_split(slice_of_text(rows[i][0]), gather, &gathered, &error));
        assert_string_equal(gathered.text, rows[i][1]);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a | b", "\"|\""}, {"a || b", "\"||\""}, {"a && b", "\"&&\""}, {"a &", "\"&\""},
        {"a>b", "\">\""},   {"a >> b", "\">>\""}, {"a < b", "\"<\""},   {"a; b", "\";\""},
        {"(a)", "\"(\""},   {"a `b`", "\"`\""},   {"a $(b)", "\"$(\""}, {"a $B_1.c", "${B_1}"},
        {"a 'b", "a ' is"}, {"a \"b", "a \" is"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gathered gathered = {0};
        struct error error = {0};
        assert_false(words_split(slice_of_text(rows[i][0]), gather, &gathered, &error));
        assert_non_null(strstr(error.text, rows[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
