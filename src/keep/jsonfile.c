#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/jsonfile.h"

enum { JSONFILE_LARGEST = 1 << 20 };

static int jsonfile_write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t written = write(fd, text, left);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            left -= (size_t)written;
        }
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int jsonfile_write(const char *path, const json_t *value)
{
    char *fresh = memory_format("%s.new", path);
    char *text = json_dumps(value, JSON_COMPACT);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? -errno : jsonfile_write_all(fd, text);
    if (fd >= 0)
        close(fd);
    if (!error && rename(fresh, path) < 0)
        error = -errno;
    free(text);
    free(fresh);
    return error;
}

static int jsonfile_check(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return -errno;
    if (!S_ISREG(about.st_mode) || about.st_uid != geteuid())
        return -EPERM;
    return about.st_size > JSONFILE_LARGEST ? -EFBIG : 0;
}

json_t *jsonfile_read(const char *path, int *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        *error = -errno;
        return NULL;
    }
    *error = jsonfile_check(fd);
    json_t *value = *error ? NULL : json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
    if (!value && !*error)
        *error = -EPROTO;
    close(fd);
    return value;
}
