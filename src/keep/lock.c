#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/lock.h"

enum { LOCK_TEXT_LARGEST = 1 << 16 };

static struct flock lock_whole(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static char *lock_path(const char *folder)
{
    return memory_format("%s/lock", folder);
}

void lock_describe(struct lock *lock, json_t *more)
{
    struct identity self;
    identity_nonce(lock->nonce);
    if (identity_of(getpid(), &self) < 0) {
        json_decref(more);
        return;
    }
    json_t *object = json_pack("{s:i, s:I, s:s, s:s}", "pid", (int)self.pid, "start_time",
                               (json_int_t)self.start_time, "boot_id", self.boot, "nonce", lock->nonce);
    json_object_update(object, more);
    char *text = json_dumps(object, JSON_COMPACT);
    if (ftruncate(lock->fd, 0) == 0 && pwrite(lock->fd, text, strlen(text), 0) < 0)
        errno = 0;
    free(text);
    json_decref(object);
    json_decref(more);
}

static json_t *lock_parse(int fd)
{
    char *text = memory_new(LOCK_TEXT_LARGEST);
    ssize_t size = pread(fd, text, LOCK_TEXT_LARGEST, 0);
    json_t *object = size > 0 ? json_loadb(text, (size_t)size, 0, NULL) : NULL;
    free(text);
    return object;
}

json_t *lock_text(const struct lock *lock)
{
    return lock_parse(lock->fd);
}

static bool lock_is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static enum lock_result lock_try(const char *path, struct lock *lock, pid_t *holder)
{
    struct flock wish = lock_whole(F_WRLCK), found = lock_whole(F_WRLCK);
    bool taken = fcntl(lock->fd, F_SETLK, &wish) == 0;
    /* Its last holder may have removed it while we were opening it: then it keeps nobody out. */
    if (taken && lock_is_at(lock->fd, path))
        return LOCK_TAKEN;
    *holder = !taken && fcntl(lock->fd, F_GETLK, &found) == 0 && found.l_type != F_UNLCK ? found.l_pid : 0;
    lock_release(lock);
    return LOCK_HELD;
}

enum lock_result lock_take_file(const char *folder, struct lock *lock, pid_t *holder, struct error *error)
{
    char *path = lock_path(folder);
    enum lock_result result = LOCK_FAILED;
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->fd < 0)
        error_set(error, "%s: %s", path, strerror(errno));
    else
        result = lock_try(path, lock, holder);
    free(path);
    return result;
}

enum lock_result lock_take(const struct directories *directories, struct lock *lock, pid_t *holder,
                           struct error *error)
{
    enum lock_result result = lock_take_file(directories->state, lock, holder, error);
    if (result == LOCK_TAKEN) {
        json_t *runtime = directories->runtime ? json_string(directories->runtime) : NULL;
        lock_describe(lock, json_pack("{s:o*}", "runtime", runtime));
    }
    return result;
}

void lock_remove(const struct lock *lock, const char *folder)
{
    char *path = lock_path(folder);
    if (lock_is_at(lock->fd, path))
        unlink(path);
    free(path);
}

void lock_release(struct lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

/* --- of others ------------------------------------------------------------------------------------------ */

static int lock_open(const char *folder)
{
    char *path = lock_path(folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    free(path);
    return fd;
}

bool lock_is_held(const char *folder, pid_t *holder)
{
    int fd = lock_open(folder);
    if (fd < 0)
        return false;
    struct flock found = lock_whole(F_WRLCK);
    bool held = fcntl(fd, F_GETLK, &found) == 0 && found.l_type != F_UNLCK;
    *holder = held ? found.l_pid : 0;
    close(fd);
    errno = 0;
    return held;
}

json_t *lock_read(const char *folder)
{
    struct stat about;
    int fd = lock_open(folder);
    if (fd < 0)
        return NULL;
    /* Root may ask the reeve of somebody else, whose text then leads to that one's own process. */
    bool right =
        fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_uid == geteuid() || geteuid() == 0);
    json_t *text = right ? lock_parse(fd) : NULL;
    close(fd);
    return text;
}

char *lock_read_runtime(const char *state_directory)
{
    json_t *text = lock_read(state_directory);
    char *runtime = memory_text(json_string_value(json_object_get(text, "runtime")));
    json_decref(text);
    return runtime;
}
