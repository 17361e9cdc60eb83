/* Where the reader is: a file (`now`), and `done`, the highest number such that every numbered file up to it
 * has been read or is `now`. The next file is the lowest number above `done`, and current.jsonl when there is
 * none.
 *
 * current.jsonl is opened before the numbers are listed: if it has got one meanwhile, the list shows it and
 * the numbered file is read instead. At its end its name is looked at, and then it is read once more: what
 * was written before it lost its name is in it by then.
 *
 * Two runs of a target may write at the same time, and the one that did not rotate may add to the old file a
 * moment later. So the files read last stay open (`late`, newest first) and are looked at again when one of
 * them has changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/logline.h"

#include "tail/follow.h"
#include "tail/logfiles.h"

enum {
    FOLLOW_LATE = 4,
    FOLLOW_READ = 65536,
    FOLLOW_PER_TURN = 16,
    FOLLOW_NO_FILE = -1,
    FOLLOW_NO_NUMBER = -1
};

struct follow_file {
    int fd;             /* FOLLOW_NO_FILE: none */
    bool current;       /* opened as current.jsonl */
    bool skipping;      /* in a line that is longer than any record */
    int64_t offset;     /* of the next read */
    struct buffer torn; /* the beginning of a line */
};

struct follow {
    struct loop *loop; /* NULL: not attached */
    int directory;
    follow_line_fn *on_line;
    void *owner;
    struct follow_file now;
    struct follow_file late[FOLLOW_LATE];
    bool late_changed; /* perhaps: the news do not say which file has grown */
    int64_t done;
    bool stopped; /* by on_line; a call up the stack notices */
    struct watches *watches;
    struct watch watch;
    struct loop_timer poll; /* while it cannot be watched */
    struct loop_task task;
};

/* --- one file -------------------------------------------------------------------------------------- */

static const struct follow_file follow_no_file = {.fd = FOLLOW_NO_FILE,
                                                  .torn = {.limit = LOGLINE_RECORD_LARGEST + FOLLOW_READ}};

static void follow_close(struct follow_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    buffer_free(&file->torn);
    *file = follow_no_file;
}

/* Gives out the whole lines of file->torn and keeps the rest. */
static void follow_give(struct follow *follow, struct follow_file *file)
{
    struct slice rest = buffer_slice(&file->torn);
    const char *newline;
    while (!follow->stopped && rest.size && (newline = memchr(rest.data, '\n', rest.size))) {
        struct slice line = slice_of(rest.data, (size_t)(newline - rest.data));
        rest = slice_from(rest, line.size + 1);
        if (!file->skipping && line.size <= LOGLINE_RECORD_LARGEST)
            follow->on_line(follow->owner, line);
        file->skipping = false;
    }
    if (rest.size > LOGLINE_RECORD_LARGEST) {
        file->skipping = true;
        rest.size = 0;
    }
    buffer_consume(&file->torn, buffer_size(&file->torn) - rest.size);
}

/* Someone has cut the file short: what it holds now is new. */
static bool follow_was_cut(struct follow_file *file)
{
    struct stat about;
    if (fstat(file->fd, &about) || about.st_size >= file->offset)
        return false;
    file->offset = 0;
    file->skipping = false;
    buffer_clear(&file->torn);
    return true;
}

/* Reads once. False at the end of what is there; what is torn is kept, other memory not. */
static bool follow_read_once(struct follow *follow, struct follow_file *file)
{
    if (file->fd < 0)
        return false;
    ssize_t size = pread(file->fd, buffer_reserve(&file->torn, FOLLOW_READ), FOLLOW_READ, file->offset);
    if (size > 0) {
        buffer_added(&file->torn, (size_t)size);
        file->offset += size;
        follow_give(follow, file);
        return true;
    }
    if (buffer_size(&file->torn) == 0)
        buffer_free(&file->torn);
    return follow_was_cut(file);
}

/* --- which file ------------------------------------------------------------------------------------ */

static bool follow_is(const struct follow_file *file, const struct stat *other)
{
    struct stat about;
    return file->fd >= 0 && fstat(file->fd, &about) == 0 && about.st_dev == other->st_dev &&
           about.st_ino == other->st_ino;
}

static bool follow_is_current(const struct follow *follow)
{
    struct stat about;
    return follow->now.current &&
           fstatat(follow->directory, LOGLINE_CURRENT, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
           follow_is(&follow->now, &about);
}

/* Goes on to `fd`; false, with `fd` closed, when it is a file that we have under an earlier name. */
static bool follow_take(struct follow *follow, int fd, bool current)
{
    struct stat about;
    bool known = fstat(fd, &about) || follow_is(&follow->now, &about);
    for (int i = 0; i < FOLLOW_LATE && !known; i++)
        known = follow_is(&follow->late[i], &about);
    if (known) {
        close(fd);
        return false;
    }
    if (follow->now.fd >= 0) {
        follow_close(&follow->late[FOLLOW_LATE - 1]);
        memmove(&follow->late[1], &follow->late[0], (FOLLOW_LATE - 1) * sizeof follow->late[0]);
        follow->late[0] = follow->now;
    }
    follow->now = follow_no_file;
    follow->now.fd = fd;
    follow->now.current = current;
    return true;
}

/* Goes on to the lowest numbered file above `done`. False when there is none. */
static bool follow_take_number(struct follow *follow)
{
    size_t count = 0;
    bool taken = false;
    int64_t *numbers = logfiles_numbers(follow->directory, &count);
    for (size_t i = 0; i < count && !taken; i++) {
        char name[LOGLINE_NAME_SIZE];
        if (numbers[i] <= follow->done)
            continue;
        follow->done = numbers[i];
        int fd = logfiles_open(follow->directory, logline_file_name(numbers[i], name));
        taken = fd >= 0 && follow_take(follow, fd, false); /* else: just deleted, or no log */
    }
    free(numbers);
    return taken;
}

/* `now` has been read to its end and gets no more: goes on to what comes after it. False when that is not
 * there yet. */
static bool follow_take_next(struct follow *follow)
{
    int fd = logfiles_open(follow->directory, LOGLINE_CURRENT);
    if (follow_take_number(follow)) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    return fd >= 0 && follow_take(follow, fd, true);
}

/* Reads on. False when all that is there has been given. */
static bool follow_step(struct follow *follow)
{
    if (follow_read_once(follow, &follow->now))
        return true;
    if (follow_is_current(follow))
        return false;
    /* Once more: what was written before it lost its name. */
    return follow_read_once(follow, &follow->now) || (!follow->stopped && follow_take_next(follow));
}

/* Reads on in the files that are done. False when they have nothing new. */
static bool follow_step_late(struct follow *follow)
{
    bool found = false;
    for (int i = FOLLOW_LATE - 1; i >= 0 && !follow->stopped; i--)
        found |= follow_read_once(follow, &follow->late[i]);
    return found;
}

/* --- following ------------------------------------------------------------------------------------- */

static void follow_on_task(struct loop_task *task)
{
    struct follow *follow = LIST_ENTRY(task, struct follow, task);
    bool more = true;
    for (int i = 0; i < FOLLOW_PER_TURN && !follow->stopped && follow->late_changed; i++)
        follow->late_changed = follow_step_late(follow);
    for (int i = 0; i < FOLLOW_PER_TURN && !follow->stopped && more; i++)
        more = follow_step(follow);
    if ((more || follow->late_changed) && !follow->stopped)
        loop_task_start(follow->loop, &follow->task, follow_on_task);
}

static void follow_wake(struct follow *follow)
{
    follow->late_changed = true;
    loop_task_start(follow->loop, &follow->task, follow_on_task);
}

static void follow_on_news(struct watch *watch, bool names)
{
    (void)names;
    follow_wake(LIST_ENTRY(watch, struct follow, watch));
}

static int follow_watch(struct follow *follow);

static void follow_on_poll(struct loop_timer *timer)
{
    struct follow *follow = LIST_ENTRY(timer, struct follow, poll);
    follow_watch(follow);
    follow_wake(follow);
}

static int follow_watch(struct follow *follow)
{
    int error = watches_add(follow->watches, &follow->watch, follow->directory, WATCHES_LOG, follow_on_news);
    bool used_up = error == -EMFILE || error == -ENFILE || error == -ENOSPC || error == -ENOMEM;
    if (used_up)
        loop_timer_start(follow->loop, &follow->poll, FOLLOW_POLL_MS, follow_on_poll);
    return used_up ? 0 : error;
}

/* At the end of current.jsonl, or at the beginning of a line that is half there. All numbered files are done.
 */
static void follow_skip_to_end(struct follow *follow)
{
    struct follow_file *now = &follow->now;
    size_t count = 0;
    char block[4096];
    int fd = logfiles_open(follow->directory, LOGLINE_CURRENT);
    if (fd >= 0)
        follow_take(follow, fd, true);
    int64_t *numbers = logfiles_numbers(follow->directory, &count);
    follow->done = count ? numbers[count - 1] : FOLLOW_NO_NUMBER;
    free(numbers);
    int64_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    while (end > 0) {
        int64_t start = end > (int64_t)sizeof block ? end - (int64_t)sizeof block : 0;
        ssize_t size = pread(fd, block, (size_t)(end - start), start);
        const char *newline = size > 0 ? memrchr(block, '\n', (size_t)size) : NULL;
        end = newline ? start + (newline - block) + 1 : start;
        if (newline)
            break;
    }
    now->offset = end > 0 ? end : 0;
}

/* --- life ------------------------------------------------------------------------------------------ */

static struct follow *follow_new(int directory, follow_line_fn *on_line, void *owner)
{
    struct follow *follow = MEMORY_NEW(struct follow);
    follow->on_line = on_line;
    follow->owner = owner;
    follow->directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    follow->now = follow_no_file;
    for (int i = 0; i < FOLLOW_LATE; i++)
        follow->late[i] = follow_no_file;
    follow->done = FOLLOW_NO_NUMBER;
    return follow;
}

static void follow_free(void *object)
{
    struct follow *follow = object;
    follow_close(&follow->now);
    for (int i = 0; i < FOLLOW_LATE; i++)
        follow_close(&follow->late[i]);
    if (follow->directory >= 0)
        close(follow->directory);
    free(follow);
}

struct follow *follow_open(int directory, follow_line_fn *on_line, void *owner)
{
    struct follow *follow = follow_new(directory, on_line, owner);
    int error = follow->directory < 0 ? errno : 0;
    if (error) {
        follow_free(follow);
        errno = error;
        return NULL;
    }
    return follow;
}

bool follow_more(struct follow *follow)
{
    return follow_step(follow) || follow_step_late(follow);
}

int follow_attach(struct follow *follow, struct watches *watches)
{
    follow->watches = watches;
    follow->loop = watches_loop(watches);
    int error = follow_watch(follow);
    if (error) {
        follow->loop = NULL;
        return error;
    }
    follow_wake(follow);
    return 0;
}

struct follow *follow_start(struct watches *watches, int directory, enum follow_from from,
                            follow_line_fn *on_line, void *owner)
{
    struct follow *follow = follow_open(directory, on_line, owner);
    int error = follow ? follow_attach(follow, watches) : 0;
    if (error) {
        follow_stop(&follow);
        errno = -error;
        return NULL;
    }
    if (follow && from == FOLLOW_FROM_END)
        follow_skip_to_end(follow);
    return follow;
}

void follow_stop(struct follow **where)
{
    struct follow *follow = *where;
    if (!follow)
        return;
    *where = NULL;
    follow->stopped = true;
    if (!follow->loop) {
        follow_free(follow);
        return;
    }
    loop_task_stop(&follow->task);
    loop_timer_stop(&follow->poll);
    watches_remove(&follow->watch);
    loop_free_later(follow->loop, follow, follow_free);
}

int follow_read(int directory, follow_line_fn *on_line, void *owner)
{
    struct follow *follow = follow_open(directory, on_line, owner);
    if (!follow)
        return -errno;
    while (follow_more(follow))
        ;
    follow_stop(&follow);
    return 0;
}
