/* Depth first, through descriptors: what a path means may change while we work, what a descriptor means
 * cannot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "keep/tree.h"

static int tree_remove_entry(int parent, const char *name, int depth, int *left)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == 0)
        return -E2BIG;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
