/* Order matters: the limit and the groups while still root, the gid before the uid, real, effective and saved
 * ids together so that there is no way back. */
#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hold/account.h"

static int account_raise_files(const struct hold_spec *spec)
{
    struct rlimit limit;
    if (spec->open_files == 0)
        return 0;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return errno;
    if (limit.rlim_max >= (rlim_t)spec->open_files)
        return 0;
    limit.rlim_max = (rlim_t)spec->open_files;
    return setrlimit(RLIMIT_NOFILE, &limit) ? errno : 0;
}

static int account_change(const struct hold_spec *spec)
{
    uid_t uid = (uid_t)spec->uid;
    gid_t gid = spec->gid < 0 ? getgid() : (gid_t)spec->gid;
    if (spec->uid < 0)
        return 0;
    if (geteuid() != 0)
        return uid == getuid() && uid == geteuid() && gid == getgid() ? 0 : EPERM;
    if (setgroups(spec->group_count, spec->groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return errno;
    uid_t real, effective, saved;
    return getresuid(&real, &effective, &saved) || real != uid || effective != uid || saved != uid ? EPERM
                                                                                                   : 0;
}

int account_enter(const struct hold_spec *spec, const char **stage)
{
    *stage = "limits";
    int error = account_raise_files(spec);
    if (error)
        return error;
    *stage = "user";
    return account_change(spec);
}
