/* One step per turn of the loop; an entry that resists is left until the next start. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/trash.h"
#include "keep/tree.h"

enum { TRASH_NAME_SIZE = 32 };

struct trash {
    struct loop *loop;
    const struct log *log;
    int folder;
    DIR *listing; /* of the same */
    struct loop_task step;
    bool busy;
    unsigned long long last; /* number of the newest entry */
};

static void trash_on_step(struct loop_task *task);

static void trash_begin(struct trash *trash)
{
    trash->busy = true;
    loop_task_start(trash->loop, &trash->step, trash_on_step);
}

/* The next entry; NULL at the end. Names that were found to resist start with '!'. */
static const char *trash_next(struct trash *trash)
{
    const struct dirent *entry;
    rewinddir(trash->listing);
    while ((entry = readdir(trash->listing)))
        if (entry->d_name[0] != '.' && entry->d_name[0] != '!')
            return entry->d_name;
    return NULL;
}

static void trash_set_aside(struct trash *trash, const char *name, int error)
{
    char aside[TRASH_NAME_SIZE];
    snprintf(aside, sizeof aside, "!%s", name);
    log_warning(trash->log, "a removed instance's folder cannot be deleted wholly", LOG_TEXT("folder", name),
                LOG_TEXT("error", strerror(-error)));
    if (renameat(trash->folder, name, trash->folder, aside) < 0)
        trash->busy = false;
}

static void trash_on_step(struct loop_task *task)
{
    struct trash *trash = LIST_ENTRY(task, struct trash, step);
    const char *next = trash_next(trash);
    char name[TRASH_NAME_SIZE];
    if (!next) {
        trash->busy = false;
        return;
    }
    snprintf(name, sizeof name, "%s", next);
    int error = tree_remove(trash->folder, name);
    if (error && error != -E2BIG)
        trash_set_aside(trash, name, error);
    if (trash->busy)
        trash_begin(trash);
}

/* Numbers go on from what an earlier keeper has left; what resisted it is tried again. */
static void trash_look(struct trash *trash)
{
    const struct dirent *entry;
    while ((entry = readdir(trash->listing))) {
        const char *digits = entry->d_name + (entry->d_name[0] == '!');
        unsigned long long number = strtoull(digits, NULL, 10);
        if (number > trash->last)
            trash->last = number;
        if (entry->d_name[0] == '!')
            renameat(trash->folder, entry->d_name, trash->folder, digits);
    }
    trash_begin(trash);
}

struct trash *trash_new(struct loop *loop, const struct log *log, int instances)
{
    static const char name[] = ".trash";
    mkdirat(instances, name, 0700);
    int folder = openat(instances, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int again = folder < 0 ? -1 : fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *listing = again < 0 ? NULL : fdopendir(again);
    if (!listing) {
        int error = errno;
        if (again >= 0)
            close(again);
        if (folder >= 0)
            close(folder);
        errno = error;
        return NULL;
    }
    struct trash *trash = MEMORY_NEW(struct trash);
    *trash = (struct trash){.loop = loop, .log = log, .folder = folder, .listing = listing};
    trash_look(trash);
    return trash;
}

int trash_take(struct trash *trash, int parent, const char *name)
{
    char fresh[TRASH_NAME_SIZE];
    snprintf(fresh, sizeof fresh, "%llu", ++trash->last);
    if (renameat(parent, name, trash->folder, fresh) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (tree_remove(trash->folder, fresh) != 0) /* most are small */
        trash_begin(trash);
    return 0;
}

bool trash_is_empty(const struct trash *trash)
{
    return !trash->busy;
}

void trash_free(struct trash **trash)
{
    if (!*trash)
        return;
    loop_task_stop(&(*trash)->step);
    closedir((*trash)->listing);
    close((*trash)->folder);
    loop_free_later((*trash)->loop, *trash, free);
    *trash = NULL;
}
