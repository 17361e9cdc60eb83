#include "world.h"

#include "config/expand.h"

static enum expand_answer find(void *owner, struct slice name, struct slice *value)
{
    (void)owner;
    if (slice_equal(name, SLICE("LATE")) || slice_equal(name, SLICE("services.a.port")))
        return EXPAND_LATE;
    if (slice_equal(name, SLICE("MAYBE")))
        return EXPAND_MAYBE;
    if (slice_equal(name, SLICE("EMPTY")))
        return EXPAND_VALUE;
    if (slice_equal(name, SLICE("BAD"))) {
        *value = SLICE("not here");
        return EXPAND_BAD;
    }
    *value = SLICE("v$${X}");
    return slice_equal(name, SLICE("SET")) ? EXPAND_VALUE : EXPAND_UNSET;
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fixed, *as_template;
    } rows[] = {
        {"", "", ""},
        {"a", "a", "a"},
        {"${SET}", "v$${X}", "v$$$${X}"},
        {"$$", "$", "$$"},
        {"$", "$", "$$"},
        {"$A $1 $", "$A $1 $", "$$A $$1 $$"},
        {"$$${SET}", "$v$${X}", "$$v$$$${X}"},
        {"${NO:-d}", "d", "d"},
        {"${NO:-}", "", ""},
        {"${EMPTY}", "", ""},
        {"${EMPTY:-d}", "d", "d"},
        {"${SET:-d}", "v$${X}", "v$$$${X}"},
        {"${NO:-a ${NO:-$$b} c}", "a $b c", "a $$b c"},
        {"${LATE}${services.a.port}", "${LATE}${services.a.port}", "${LATE}${services.a.port}"},
        {"${LATE:-d}", "${LATE}", "${LATE}"},
        {"${MAYBE}", "${MAYBE}", "${MAYBE}"},
        {"${MAYBE:-a ${SET}}", "${MAYBE:-a v$${X}}", "${MAYBE:-a v$$$${X}}"},
        {"${MAYBE:?say ${LATE}}", "${MAYBE:?say ${LATE}}", "${MAYBE:?say ${LATE}}"},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct expand_names names = {.find = find, .as_template = i % 2 == 1};
        struct buffer out = BUFFER(1000);
        struct error error = {0};
        assert_true(expand_text(slice_of_text(rows[i / 2].text), &names, &out, &error));
        char *text = slice_to_text(buffer_slice(&out));
        assert_string_equal(text, i % 2 ? rows[i / 2].as_template : rows[i / 2].fixed);
        free(text);
        buffer_free(&out);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"${NO}", "${NO} is not set and has no default; ${NO:-value} has one"},
        {"${NO:?say it}", "${NO} is not set: say it"},
        {"${EMPTY:?}", "${EMPTY} is not set, or empty"},
        {"${BAD:-x}", "not here"},
        {"x${", "\"${\" has no closing }; write $$ for a plain $"},
        {"${9}", "${9} is not understood; allowed are ${NAME}, ${NAME:-default} and ${NAME:?message}, and $$ "
                 "for a plain $"},
        {"${SET:x}", "${SET:x} is not understood; allowed are ${NAME}, ${NAME:-default} and "
                     "${NAME:?message}, and $$ for a plain $"},
        {"0123456789", "the text is too long once its ${...} are filled in"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct expand_names names = {.find = find};
        struct buffer out = BUFFER(9);
        struct error error = {0};
        assert_false(expand_text(slice_of_text(rows[i][0]), &names, &out, &error));
        assert_string_equal(error.text, rows[i][1]);
        buffer_free(&out);
    }
}

/* What `reeve config` shows means the same when it is read again. */
static void test_shown(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"$$", "$", "$$$"},        {"a$$b", "a$b", "a$$$b"},   {"$${X}", "$${X}", "$$$${X}"},
        {"${X}", "${X}", "$${X}"}, {"$$$$", "$$$", "$$$$$$$"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *shown = expand_shown(rows[i][0]), *escaped = expand_escaped(rows[i][0]);
        assert_string_equal(shown, rows[i][1]);
        assert_string_equal(escaped, rows[i][2]);
        struct expand_names names = {.find = find};
        struct buffer out = BUFFER(100);
        struct error error = {0};
        assert_true(expand_text(slice_of_text(escaped), &names, &out, &error));
        assert_true(slice_equal(buffer_slice(&out), slice_of_text(rows[i][0])));
        buffer_free(&out);
        free(shown);
        free(escaped);
    }
}

static void add_name(void *owner, struct slice name)
{
    buffer_append_format(owner, SLICE_FORMAT "%s", SLICE_ARGUMENTS(name),
                         name.data[name.size] == ':' ? "? " : " ");
}

static void test_each_name(void **state)
{
    (void)state;
    struct buffer names = BUFFER(256);
    expand_each_name("$$ ${a}$${b} ${c:-x ${d} ${e:-}} ${services.f.port}", add_name, &names);
    assert_true(slice_equal(buffer_slice(&names), SLICE("a c? d e? services.f.port ")));
    buffer_free(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_each_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
