#include "database.h"

#include "admit/usersfile.h"
#include "keep/roster.h"

static void test_changes_are_seen(void **state)
{
    struct database *database = *state;
    char *path = memory_format("%s/users", database->folder);
    struct roster roster;
    struct error error = {0};
    assert_false(roster_open(&roster, path, &error));
    assert_non_null(strstr(error.text, "/users is not there; `reeve user add NAME` makes it"));
    assert_null(roster_find(&roster, "ann"));
    roster_close(&roster);

    assert_int_equal(usersfile_change(path, "ann", "ann:*:ops", &error), USERSFILE_ADDED);
    assert_true(roster_open(&roster, path, &error));
    assert_non_null(roster_find(&roster, "ann"));
    assert_int_equal(roster_look(&roster, &error), ROSTER_SAME);
    int fd = roster_descriptor(&roster);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);

    assert_int_equal(usersfile_change(path, "bob", "bob:*:", &error), USERSFILE_ADDED);
    assert_int_equal(roster_look(&roster, &error), ROSTER_CHANGED);
    assert_non_null(roster_find(&roster, "bob"));

    FILE *file = fopen(path, "ae"); /* in place, by an editor */
    fputs("carl\n", file);
    fclose(file);
    assert_int_equal(roster_look(&roster, &error), ROSTER_BROKEN);
    assert_non_null(strstr(error.text, "/users:3: "));
    assert_true(roster.broken);
    assert_int_equal(roster_look(&roster, &error), ROSTER_SAME); /* told once */
    assert_non_null(roster_find(&roster, "ann"));                /* the last users stay */

    unlink(path);
    assert_int_equal(roster_look(&roster, &error), ROSTER_BROKEN);
    assert_int_equal(roster_look(&roster, &error), ROSTER_SAME);
    assert_int_equal(roster_descriptor(&roster), -ENOENT);
    assert_int_equal(usersfile_change(path, "dora", "dora:*:", &error), USERSFILE_ADDED);
    assert_int_equal(roster_look(&roster, &error), ROSTER_CHANGED);
    assert_false(roster.broken);
    assert_null(roster_find(&roster, "ann"));
    roster_close(&roster);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {WITH_DATABASE(test_changes_are_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
