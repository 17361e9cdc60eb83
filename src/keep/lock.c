#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/jsonfile.h"
#include "keep/lock.h"

static struct flock lock_whole(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static void lock_describe(struct lock *lock, const char *runtime)
{
    struct identity self;
    identity_nonce(lock->nonce);
    if (identity_of(getpid(), &self) < 0)
        return;
    json_t *object = json_pack("{s:i, s:I, s:s, s:s, s:s}", "pid", (int)self.pid, "start_time",
                               (json_int_t)self.start_time, "boot_id", self.boot, "nonce", lock->nonce,
                               "runtime", runtime);
    char *text = object ? json_dumps(object, JSON_COMPACT) : memory_text("{}"); /* a path that is not UTF-8 */
    /* For people and for the command; the keeper decides nothing by it. */
    if (ftruncate(lock->fd, 0) == 0 && pwrite(lock->fd, text, strlen(text), 0) < 0)
        errno = 0;
    free(text);
    json_decref(object);
}

enum lock_result lock_take(const struct directories *directories, struct lock *lock, pid_t *holder,
                           struct error *error)
{
    char *path = memory_format("%s/lock", directories->state);
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->fd < 0) {
        error_set(error, "%s: %s", path, strerror(errno));
        free(path);
        return LOCK_FAILED;
    }
    struct flock wish = lock_whole(F_WRLCK);
    enum lock_result result = LOCK_TAKEN;
    if (fcntl(lock->fd, F_SETLK, &wish) < 0) {
        struct flock found = lock_whole(F_WRLCK);
        result = LOCK_HELD;
        *holder = fcntl(lock->fd, F_GETLK, &found) == 0 && found.l_type != F_UNLCK ? found.l_pid : 0;
        close(lock->fd);
        lock->fd = -1;
    } else {
        lock_describe(lock, directories->runtime);
    }
    free(path);
    return result;
}

void lock_release(struct lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

char *lock_read_runtime(const char *state_directory)
{
    char *path = memory_format("%s/lock", state_directory);
    int error = 0;
    json_t *record = jsonfile_read(path, &error);
    char *runtime = memory_text(json_string_value(json_object_get(record, "runtime")));
    json_decref(record);
    free(path);
    return runtime;
}
