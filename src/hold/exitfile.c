#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#include "hold/exitfile.h"

static int exitfile_put(int fd, const char *text)
{
    for (size_t size = strlen(text); size > 0;) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        text += written;
        size -= (size_t)written;
    }
    return fsync(fd) ? -errno : 0;
}

int exitfile_write(int directory, const json_t *json)
{
    static const char temporary[] = "exit.json.new";
    unlinkat(directory, temporary, 0);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    char *text = json_dumps(json, JSON_COMPACT);
    CHECK(text);
    int error = exitfile_put(fd, text);
    free(text);
    close(fd);
    if (!error && renameat(directory, temporary, directory, "exit.json"))
        error = -errno;
    if (error) {
        unlinkat(directory, temporary, 0);
        return error;
    }
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the caller's may be O_PATH */
    if (again >= 0) {
        fsync(again);
        close(again);
    }
    return 0;
}
