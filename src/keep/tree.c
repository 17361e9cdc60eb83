/* Depth first, through descriptors: what a path means may change while we work, what a descriptor means
 * cannot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/tree.h"

/* A program may have taken its own folders' write permission away; root does not care. */
static int tree_open(int parent, const char *name)
{
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char path[32];
    if (fd < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (geteuid() != 0)
        chmod(path, 0700);
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    close(fd);
    errno = error;
    return opened;
}

static int tree_remove_entry(int parent, const char *name, int depth, int *left)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == 0)
        return -ELOOP;
    int fd = tree_open(parent, name);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return -errno;
    int error = 0;
    for (struct dirent *entry = readdir(folder); entry && !error; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        error = --*left < 0 ? -E2BIG : tree_remove_entry(fd, entry->d_name, depth - 1, left);
    }
    closedir(folder);
    return error ? error : unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int tree_remove(int parent, const char *name)
{
    int left = TREE_MOST;
    return tree_remove_entry(parent, name, TREE_DEPTH, &left);
}
