#include "../support.h"

#include <sys/prctl.h>

#include "link/privileges.h"

enum { NOBODY = 65534, FINE = 0, WRONG = 1 };

/* In a child, because there is no way back. */
static int drop(uid_t uid, gid_t gid)
{
    struct error error;
    bool root = geteuid() == 0;
    if (!privileges_drop(uid, gid, &error))
        return WRONG;
    bool gone = !root || (getuid() == uid && getgid() == gid && getgroups(0, NULL) == 1);
    bool bounded = !root || prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0;
    return gone && bounded && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? FINE : WRONG;
}

static int drop_in_child(uid_t uid, gid_t gid)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(drop(uid, gid));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    assert_int_equal(drop_in_child(NOBODY, NOBODY), FINE);
}

static void test_root_stays_nobody(void **state)
{
    (void)state;
    if (geteuid() == 0) /* whoever is not root cannot be asked to stay it */
        assert_int_equal(drop_in_child(0, NOBODY), WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_root_stays_nobody),
    };
    return run_group(tests);
}
