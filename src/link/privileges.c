/* Order matters: the bounding set and the groups can only be changed while we are still root. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "link/privileges.h"

static bool failed(struct error *error, const char *what)
{
    return error_set(error, "it cannot give up its rights: %s: %s", what, strerror(errno));
}

/* Without CAP_SETPCAP the bounding set stays, which no_new_privs makes harmless. */
static void empty_bounding_set(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool become(uid_t uid, gid_t gid, struct error *error)
{
    if (uid == 0 || gid == 0)
        return error_set(error, "it cannot run as root");
    if (setgroups(1, &gid) < 0)
        return failed(error, "setgroups");
    if (setresgid(gid, gid, gid) < 0)
        return failed(error, "setresgid");
    if (setresuid(uid, uid, uid) < 0)
        return failed(error, "setresuid");
    return true;
}

static bool is_nobody(struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, sets) < 0)
        return failed(error, "capget");
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (sets[i].effective || sets[i].permitted || sets[i].inheritable)
            return error_set(error, "it still has capabilities");
    if (getuid() == 0 || geteuid() == 0 || setresuid(0, 0, 0) == 0)
        return error_set(error, "it could become root again");
    return true;
}

bool privileges_drop(uid_t uid, gid_t gid, struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    empty_bounding_set();
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (geteuid() == 0 && !become(uid, gid, error))
        return false;
    if (syscall(SYS_capset, &header, none) < 0)
        return failed(error, "capset");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(error, "no_new_privs");
    return is_nobody(error);
}
