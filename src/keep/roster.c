#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "admit/usersfile.h"
#include "base/memory.h"

#include "keep/roster.h"

/* A writer renames, so another file is another inode; who writes in place changes size or times. */
static bool roster_is_as_seen(const struct roster *roster, const struct stat *now)
{
    const struct stat *then = &roster->seen;
    return then->st_dev == now->st_dev && then->st_ino == now->st_ino && then->st_size == now->st_size &&
           then->st_mtim.tv_sec == now->st_mtim.tv_sec && then->st_mtim.tv_nsec == now->st_mtim.tv_nsec &&
           then->st_ctim.tv_sec == now->st_ctim.tv_sec && then->st_ctim.tv_nsec == now->st_ctim.tv_nsec;
}

static bool roster_read(struct roster *roster, struct error *error)
{
    bool missing = false;
    struct users *users = usersfile_read(roster->path, &missing, error);
    roster->broken = !users;
    if (missing)
        error_set(error, "%s is not there; `reeve user add NAME` makes it", roster->path);
    if (!users)
        return false;
    users_free(&roster->users);
    roster->users = users;
    return true;
}

bool roster_open(struct roster *roster, const char *path, struct error *error)
{
    *roster = (struct roster){.path = memory_text(path)};
    if (stat(path, &roster->seen) <
        0) /* before it is read: what changes in between is seen by the next look */
        roster->seen = (struct stat){0};
    return roster_read(roster, error);
}

enum roster_news roster_look(struct roster *roster, struct error *error)
{
    struct stat now = {0};
    if (stat(roster->path, &now) < 0)
        now = (struct stat){0};
    if (roster_is_as_seen(roster, &now))
        return ROSTER_SAME;
    roster->seen = now;
    return roster_read(roster, error) ? ROSTER_CHANGED : ROSTER_BROKEN;
}

const struct user *roster_find(const struct roster *roster, const char *name)
{
    return roster->users ? users_find(roster->users, name) : NULL;
}

int roster_descriptor(const struct roster *roster)
{
    int fd = open(roster->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

void roster_close(struct roster *roster)
{
    users_free(&roster->users);
    free(roster->path);
    *roster = (struct roster){0};
}
