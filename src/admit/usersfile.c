/* The lock is on the file itself, which a writer replaces: who gets the lock of a file that is no longer the
 * one at the path begins again with that one. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "admit/usersfile.h"

enum { USERSFILE_WAIT_MS = 10000, USERSFILE_PAUSE_MS = 10 };

/* --- reading -----------------------------------------------------------------------------------------------
 */

/* At most one byte more than fits; -errno. */
static ssize_t usersfile_read_bytes(int fd, char *memory, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t count = pread(fd, memory + used, size - used, (off_t)used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    return (ssize_t)used;
}

/* The bytes of the file, free() them; data NULL with the text. */
static struct slice usersfile_bytes(int fd, const char *name, struct error *error)
{
    char *memory = memory_new(USERS_FILE_MOST + 1);
    ssize_t size = usersfile_read_bytes(fd, memory, USERS_FILE_MOST + 1);
    if (size >= 0)
        return slice_of(memory, (size_t)size);
    error_set(error, "%s: %s", name, strerror((int)-size));
    free(memory);
    return (struct slice){0};
}

static void usersfile_give_back(struct slice bytes)
{
    char *memory = (char *)(uintptr_t)bytes.data;
    seal_wipe(memory, bytes.size);
    free(memory);
}

struct users *usersfile_read_from(int fd, const char *name, struct error *error)
{
    struct slice bytes = usersfile_bytes(fd, name, error);
    if (!bytes.data)
        return NULL;
    struct users *users = users_parse(bytes, name, error);
    usersfile_give_back(bytes);
    return users;
}

struct users *usersfile_read(const char *path, bool *missing, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (missing)
        *missing = fd < 0 && errno == ENOENT;
    if (fd < 0) {
        error_set(error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct users *users = usersfile_read_from(fd, path, error);
    close(fd);
    return users;
}

/* --- changing ----------------------------------------------------------------------------------------------
 */

static bool usersfile_is_at(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* The locked descriptor of the file at `path`, or -errno. */
static int usersfile_lock(const char *path)
{
    for (int waited = 0; waited < USERSFILE_WAIT_MS; waited += USERSFILE_PAUSE_MS) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && usersfile_is_at(fd, path))
            return fd;
        close(fd);
        poll(NULL, 0, USERSFILE_PAUSE_MS);
    }
    return -ETIMEDOUT;
}

static int usersfile_write(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t count = write(fd, bytes.data, bytes.size);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0)
            bytes = slice_from(bytes, (size_t)count);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Root that changes a file of somebody else leaves it to them: their keeper has to read it. */
static int usersfile_keep_owner(int fd, int old)
{
    struct stat about;
    if (fstat(old, &about) < 0)
        return -errno;
    if (about.st_uid == geteuid())
        return 0;
    return fchown(fd, about.st_uid, about.st_gid) < 0 ? -errno : 0;
}

static void usersfile_sync_folder(const char *path)
{
    char *copy = memory_text(path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    free(copy);
}

static int usersfile_replace(const char *path, int old, struct slice bytes)
{
    char *fresh = memory_format("%s.new", path);
    unlink(fresh); /* of a writer that died; we have the lock */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? -errno : usersfile_keep_owner(fd, old);
    error = error ? error : usersfile_write(fd, bytes);
    if (fd >= 0)
        close(fd);
    if (!error && rename(fresh, path) < 0)
        error = -errno;
    if (error)
        unlink(fresh);
    else
        usersfile_sync_folder(path);
    free(fresh);
    return error;
}

static enum usersfile_outcome usersfile_edit(const char *path, int fd, const char *name, const char *line,
                                             struct error *error)
{
    struct slice bytes = usersfile_bytes(fd, path, error);
    if (!bytes.data)
        return USERSFILE_FAILED;
    enum usersfile_outcome outcome = USERSFILE_FAILED;
    struct users *users = users_parse(bytes, path, error);
    if (users) {
        bool known = users_find(users, name);
        char *edited = users_edit(bytes, name, line);
        int failed = known || line ? usersfile_replace(path, fd, slice_of_text(edited)) : 0;
        outcome = failed ? USERSFILE_FAILED
                  : line ? (known ? USERSFILE_CHANGED : USERSFILE_ADDED)
                         : (known ? USERSFILE_REMOVED : USERSFILE_ABSENT);
        if (failed)
            error_set(error, "%s: %s", path, strerror(-failed));
        seal_wipe(edited, strlen(edited));
        free(edited);
    }
    users_free(&users);
    usersfile_give_back(bytes);
    return outcome;
}

enum usersfile_outcome usersfile_change(const char *path, const char *name, const char *line,
                                        struct error *error)
{
    char *real = realpath(path, NULL); /* a link stays one: what it leads to is replaced */
    const char *place = real ? real : path;
    enum usersfile_outcome outcome = USERSFILE_FAILED;
    bool missing = !real && !line;
    int fd = missing ? -ENOENT : usersfile_lock(place);
    if (missing)
        outcome = USERSFILE_ABSENT;
    else if (fd == -ETIMEDOUT)
        error_set(error, "%s: another writer has it locked", place);
    else if (fd < 0)
        error_set(error, "%s: %s", place, strerror(-fd));
    else
        outcome = usersfile_edit(place, fd, name, line, error);
    if (fd >= 0)
        close(fd);
    free(real);
    return outcome;
}
