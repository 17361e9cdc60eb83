/* Made for ourselves, filled, and given away last: until then nobody else can reach into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/instance_folder.h"

static int instance_folder_give(int fd, uid_t user, gid_t group, mode_t mode)
{
    if (geteuid() == 0 && fchown(fd, user, group) < 0)
        return -errno;
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int instance_folder_write(int folder, const struct account *account, const json_t *parameters)
{
    int fd = openat(folder, "parameters.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    char *text = json_dumps(parameters, JSON_INDENT(2));
    size_t size = strlen(text);
    ssize_t written = write(fd, text, size);
    int error = written == (ssize_t)size ? 0 : written < 0 ? -errno : -ENOSPC;
    if (!error)
        error = instance_folder_give(fd, account->uid, account->gid, 0600);
    free(text);
    close(fd);
    return error;
}

int instance_folder_make(int parent, const char *id, const struct account *account, gid_t gates,
                         const json_t *parameters)
{
    if (mkdirat(parent, id, 0700) < 0)
        return -errno;
    int fd = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = instance_folder_write(fd, account, parameters);
    if (!error)
        error = instance_folder_give(fd, account->uid, gates, 0750);
    close(fd);
    return error;
}
