/* Whoever is named here will be signalled one day: so the kernel is asked about each. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/claims.h"

static bool claims_is_our_program(pid_t pid, int hold_program)
{
    char path[32];
    struct stat its;
    struct stat ours;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return stat(path, &its) == 0 && fstat(hold_program, &ours) == 0 && its.st_ino == ours.st_ino &&
           its.st_dev == ours.st_dev;
}

/* A hold that we started runs our program; an adopted one is who answered on its socket, as the kernel says.
 */
static bool claims_trusts(const struct claims_witness *witness, pid_t pid)
{
    if (witness->adopted)
        return pid == witness->peer;
    /* Without root, whom the hold names we can only hurt if the hold could itself. */
    return geteuid() != 0 || claims_is_our_program(pid, witness->hold_program);
}

static bool claims_names_run(const struct record *record, const struct hold_hello *hello)
{
    return strcmp(hello->target, record->target) == 0 && hello->generation == (int64_t)record->generation &&
           strcmp(hello->nonce, record->nonce) == 0;
}

bool claims_hold(const struct record *record, const struct hold_hello *hello,
                 const struct claims_witness *witness, struct identity *hold)
{
    struct identity identity;
    if (!claims_names_run(record, hello) || hello->hold_pid <= 0 || hello->hold_pid > INT_MAX ||
        identity_of((pid_t)hello->hold_pid, &identity) < 0 || !claims_trusts(witness, identity.pid))
        return false;
    if (record->hold.pid &&
        (record->hold.pid != identity.pid || record->hold.start_time != identity.start_time))
        return false;
    *hold = identity;
    return true;
}

enum claims_verdict claims_main(const struct record *record, int64_t pid, int64_t start_time,
                                struct identity *found)
{
    struct identity identity;
    if (pid <= 0 || pid > INT_MAX || identity_of((pid_t)pid, &identity) < 0)
        return CLAIMS_GONE;
    pid_t parent = identity_parent((pid_t)pid);
    if (parent == 0)
        return CLAIMS_GONE;
    if (parent != record->hold.pid || (start_time && identity.start_time != (uint64_t)start_time))
        return CLAIMS_FALSE;
    *found = identity;
    return CLAIMS_TRUE;
}
