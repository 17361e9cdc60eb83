/* What a program writes, as it is shown to people. */
#include "../support.h"

#include "reeve/output.h"

static const struct row {
    const char *text, *shown;
} rows[] = {
    {"", ""},
    {"plain\ttext", "plain\ttext"},
    {"\033[2J", "\\x1b[2J"},
    {"a\rb\bc\177", "a\\x0db\\x08c\\x7f"},
    {"\302\2332J", "\\x9b2J"}, /* U+009B is ESC [ to many a terminal */
    {"\302\235"
     "0;title\302\234",
     "\\x9d0;title\\x9c"},
    {"\302\200\302\237\302\240", "\\x80\\x9f\302\240"}, /* the last one is a blank that does not break */
    {"caf\303\251 \303\233 \342\202\233", "caf\303\251 \303\233 \342\202\233"},
    {"\302", "\302"},
};

static void test_nothing_steers_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = BUFFER(100);
        output_append_plain(&out, slice_of_text(rows[i].text));
        buffer_append(&out, slice_of("", 1));
        assert_string_equal(buffer_slice(&out).data, rows[i].shown);
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_steers_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
