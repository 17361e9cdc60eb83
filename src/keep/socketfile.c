/* Opened first, checked and changed through the descriptor: the run's user owns the folder and may put
 * another file there at any time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/socketfile.h"

static bool socketfile_share(int fd, const struct stat *about, gid_t gates)
{
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return geteuid() != 0 ||
           (chown(self, (uid_t)-1, gates) == 0 && chmod(self, (about->st_mode & 0777) | 0660) == 0);
}

int socketfile_open(const char *path, uid_t user, gid_t gates, struct error *error)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0) {
        error_set(error, "cannot open its socket %s: %s", path, strerror(errno));
    } else if (!S_ISSOCK(about.st_mode) || about.st_nlink != 1) {
        error_set(error, "%s is not a socket of its own", path);
    } else if (user != 0 && about.st_uid != user) {
        error_set(error, "%s belongs to uid %u, not to the run's uid %u", path, (unsigned)about.st_uid,
                  (unsigned)user);
    } else if (!socketfile_share(fd, &about, gates)) {
        error_set(error, "cannot let gates connect to %s: %s", path, strerror(errno));
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}
