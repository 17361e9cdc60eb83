/* Breadth first over the children files; the array is its own queue. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keep/descendants.h"

enum { DESCENDANTS_TEXT_SIZE = 4096 };

/* Pids are separated by blanks; a read may end inside one, so digits are carried over. */
static int descendants_read(int fd, pid_t *pids, int count, int most)
{
    char text[DESCENDANTS_TEXT_SIZE];
    ssize_t size;
    pid_t pid = 0;
    while (count < most && (size = read(fd, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < size && count < most; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                pids[count++] = pid;
                pid = 0;
            }
        }
    return count;
}

/* Each thread has children of its own. */
static int descendants_add_children(pid_t parent, pid_t *pids, int count, int most)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    DIR *threads = opendir(path);
    if (!threads)
        return count;
    for (struct dirent *entry = readdir(threads); entry; entry = readdir(threads)) {
        if (entry->d_name[0] == '.')
            continue;
        char name[300];
        snprintf(name, sizeof name, "%s/children", entry->d_name);
        int fd = openat(dirfd(threads), name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        count = descendants_read(fd, pids, count, most);
        close(fd);
    }
    closedir(threads);
    return count;
}

int descendants_of(pid_t root, pid_t *pids, int most)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", (int)root);
    if (root <= 0 || most <= 0 || access(path, F_OK) < 0)
        return 0;
    int count = 0;
    pids[count++] = root;
    for (int i = 0; i < count; i++)
        count = descendants_add_children(pids[i], pids, count, most);
    return count;
}
