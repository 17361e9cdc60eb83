#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/users.h"
#include "base/memory.h"

#define HASH "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"

static struct users *parse(const char *text)
{
    struct error error = {0};
    struct users *users = users_parse(slice_of_text(text), "users", &error);
    if (!users)
        fail_msg("%s", error.text);
    return users;
}

static void test_who_is_in_it(void **state)
{
    (void)state;
    struct users *users = parse("# staff\n\n"
                                "ann:" HASH ":ops,mentors\n"
                                "  bob@example.org:" HASH ":  \n"
                                "\t# nobody\n"
                                "carl:" HASH "\n"
                                "dora:!" HASH ":x\n"
                                "_e:*:");
    assert_int_equal(users->count, 5);
    const struct user *ann = users_find(users, "ann");
    assert_non_null(ann);
    assert_string_equal(ann->hash, HASH);
    assert_int_equal(ann->group_count, 2);
    assert_string_equal(ann->groups[0], "ops");
    assert_string_equal(ann->groups[1], "mentors");
    assert_int_equal(ann->line, 3);
    assert_false(ann->locked);
    assert_int_equal(users_find(users, "bob@example.org")->group_count, 0);
    assert_int_equal(users_find(users, "carl")->group_count, 0);
    assert_true(users_find(users, "dora")->locked);
    assert_true(users_find(users, "_e")->locked);
    assert_null(users_find(users, "an"));
    assert_null(users_find(users, ""));
    users_free(&users);
    assert_null(users);
    users = parse("");
    assert_int_equal(users->count, 0);
    users_free(&users);
    users_free(&users);
}

/* Another password or other groups give another stamp; what stands around the line does not matter. */
static void test_stamps(void **state)
{
    (void)state;
    static const char *const others[] = {"ann:" HASH ":ops\n", "ann:" HASH "\n",
                                         "ann:!" HASH ":ops,mentors\n", "ann:" HASH ":mentors,ops\n",
                                         "ane:" HASH ":ops,mentors\n"};
    struct users *users = parse("ann:" HASH ":ops,mentors\n");
    struct users *same = parse("# x\nbob:*\n  ann:" HASH ":ops,mentors \n");
    assert_string_equal(users->items[0].stamp, users_find(same, "ann")->stamp);
    users_free(&same);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct users *other = parse(others[i]);
        assert_string_not_equal(users->items[0].stamp, other->items[0].stamp);
        users_free(&other);
    }
    users_free(&users);
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const char name_rule[] =
        "a user's name is 1 to 64 letters, digits and . _ @ - and begins with a letter, a digit or _";
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"ann\n", "users:1: expected NAME:HASH:GROUPS, found no colon after the name"},
        {"# x\n\nann:" HASH ":a:b\n", "users:3: expected NAME:HASH:GROUPS, found a third colon"},
        {":" HASH "\n", name_rule},
        {"-a:" HASH "\n", name_rule},
        {"a b:" HASH "\n", name_rule},
        {"a/b:" HASH "\n", name_rule},
        {"\xc3\xa4nn:" HASH "\n", name_rule},
        {"1234567890123456789012345678901234567890123456789012345678901234x:" HASH "\n", name_rule},
        {"ann:geheim\n",
         "users:1: the password of \"ann\" is no yescrypt hash ($y$...); `reeve user add ann` "
         "makes one"},
        {"ann::ops\n", "the password of \"ann\" is no yescrypt hash"},
        {"ann:$6$salt$hash:ops\n", "the password of \"ann\" is no yescrypt hash"},
        {"ann:$y$j9T$salt:ops\n", "the password of \"ann\" is no yescrypt hash"},
        {"ann:$y$j9T$sa lt$hash:ops\n", "the password of \"ann\" is no yescrypt hash"},
        {"ann:" HASH ":ops\r\n", "users:1: a group of \"ann\" has no fit name: a group's name is 1 to 64"},
        {"ann:" HASH ":ops,,x\n", "users:1: a group of \"ann\" has no fit name"},
        {"ann:" HASH ":a@b\n", "users:1: a group of \"ann\" has no fit name"},
        {"ann:" HASH "\nbob:*\nann:*\n", "users:3: \"ann\" is in line 1 already"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        assert_null(users_parse(slice_of_text(rows[i].text), "users", &error));
        if (!strstr(error.text, rows[i].error))
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_null(strstr(error.text, "geheim")); /* what stands there may be a password */
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct error error;
    char *large = memory_new(USERS_FILE_MOST + 1);
    memset(large, '\n', USERS_FILE_MOST + 1);
    assert_null(users_parse(slice_of(large, USERS_FILE_MOST + 1), "users", &error));
    assert_string_equal(error.text, "users is larger than 1048576 bytes");
    struct users *users = users_parse(slice_of(large, USERS_FILE_MOST), "users", &error);
    assert_int_equal(users->count, 0);
    users_free(&users);
    memcpy(large, "ann:*:", 6);
    memset(large + 6, 'x', 2000);
    for (size_t i = 0; i < 2000; i += 2)
        large[6 + i] = ',';
    large[6] = 'x';
    assert_null(users_parse(slice_of(large, 2006), "users", &error));
    assert_string_equal(error.text, "users:1: the groups of \"ann\" are too long; at most 1024 characters");
    assert_null(users_parse(slice_of(large, 6 + 100), "users", &error));
    assert_non_null(strstr(error.text, "users:1: \"ann\" is in too many groups; at most 32"));
    free(large);
    char *many = memory_new((USERS_MOST + 1) * 9 + 1);
    for (int i = 0; i <= USERS_MOST; i++)
        snprintf(many + 9 * i, 10, "u%05d:*\n", i);
    assert_null(users_parse(slice_of_text(many), "users", &error));
    assert_string_equal(error.text, "users:10001: more than 10000 users");
    users = users_parse(slice_of(many, USERS_MOST * 9), "users", &error);
    assert_int_equal(users->count, USERS_MOST);
    users_free(&users);
    free(many);
}

static void check_edit(const char *before, const char *name, const char *line, const char *after)
{
    char *edited = users_edit(slice_of_text(before), name, line);
    assert_string_equal(edited, after);
    free(edited);
}

static void test_editing_keeps_the_rest(void **state)
{
    (void)state;
    static const char *const groups[] = {"ops", "mentors"};
    char *line = users_line("ann", HASH, groups, 2);
    assert_string_equal(line, "ann:" HASH ":ops,mentors");
    free(line);
    check_edit("", "ann", "ann:*:", "ann:*:\n");
    check_edit("# x\n\nbob:*\n", "ann", "ann:*:", "# x\n\nbob:*\nann:*:\n");
    check_edit("# ann:*\n ann:! \nbob:*", "ann", "ann:*:", "# ann:*\nann:*:\nbob:*\n");
    check_edit("a:*\nann:*\nb:*\n", "ann", NULL, "a:*\nb:*\n");
    check_edit("ann:*", "ann", NULL, "");
    check_edit("anna:*\n", "ann", NULL, "anna:*\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_in_it),           cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_what_is_wrong),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_editing_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
