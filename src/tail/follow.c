#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/logline.h"

#include "tail/follow.h"

enum { FOLLOW_READ = 65536, FOLLOW_MOST_FILES = 4096, FOLLOW_CHANGES = 4096, FOLLOW_BATCH = 16 };

/* One file being read; it stays ours when it is renamed or deleted. */
struct follow {
    struct loop *loop;
    follow_line_fn *on_line;
    void *owner;
    int directory;
    int file; /* -1: current.jsonl is not there yet */
    struct buffer torn;
    bool skipping; /* in a line that is longer than any record */
    bool stopped;  /* by on_line; a call up the stack notices */
    struct loop_fd watch;
    struct loop_task more;
};

static int follow_open(int directory, const char *name)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (file < 0)
        return -errno;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode))
        return file;
    close(file);
    return -EPERM;
}

/* --- lines ------------------------------------------------------------------------------------------------
 */

static void follow_feed(struct follow *follow, struct slice bytes)
{
    while (bytes.size > 0 && !follow->stopped) {
        size_t end = slice_find(bytes, '\n');
        struct slice piece = slice_between(bytes, 0, end);
        bool whole = end < bytes.size;
        if (!follow->skipping && !buffer_append(&follow->torn, piece)) {
            follow->skipping = true;
            buffer_clear(&follow->torn);
        }
        if (whole && !follow->skipping)
            follow->on_line(follow->owner, buffer_slice(&follow->torn));
        if (whole) {
            follow->skipping = false;
            buffer_clear(&follow->torn);
        }
        bytes = slice_from(bytes, end + 1);
    }
}

/* Reads up to `most` pieces; true when there may be more. */
static bool follow_drain(struct follow *follow, int most)
{
    char piece[FOLLOW_READ];
    for (int i = 0; follow->file >= 0 && i < most; i++) {
        ssize_t size = read(follow->file, piece, sizeof piece);
        if (size <= 0)
            return false;
        follow_feed(follow, slice_of(piece, (size_t)size));
        if (follow->stopped)
            return false;
    }
    return follow->file >= 0;
}

/* --- which file comes next
 * ------------------------------------------------------------------------------------ */

struct follow_numbers {
    int64_t items[FOLLOW_MOST_FILES];
    size_t count;
};

static int follow_compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void follow_list(int directory, struct follow_numbers *numbers)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    numbers->count = 0;
    while (listing && (entry = readdir(listing)) && numbers->count < FOLLOW_MOST_FILES) {
        int64_t number = logline_file_number(entry->d_name);
        if (number >= 0)
            numbers->items[numbers->count++] = number;
    }
    if (listing)
        closedir(listing);
    else if (fd >= 0)
        close(fd);
    qsort(numbers->items, numbers->count, sizeof numbers->items[0], follow_compare);
}

static bool follow_is(int directory, const char *name, const struct stat *file)
{
    struct stat found;
    return fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_ino == file->st_ino &&
           found.st_dev == file->st_dev;
}

/* Our file was renamed or deleted: the name of the one after it. A deleted one was older than all that are
 * left. */
static void follow_next_name(const struct follow *follow, const struct stat *ours,
                             char name[LOGLINE_NAME_SIZE])
{
    struct follow_numbers *numbers = MEMORY_NEW(struct follow_numbers);
    follow_list(follow->directory, numbers);
    size_t next = 0;
    for (size_t i = 0; i < numbers->count; i++)
        if (follow_is(follow->directory, logline_file_name(numbers->items[i], name), ours))
            next = i + 1;
    if (next < numbers->count)
        logline_file_name(numbers->items[next], name);
    else
        snprintf(name, LOGLINE_NAME_SIZE, "%s", LOGLINE_CURRENT);
    free(numbers);
}

/* True when another file was opened, so that there is something to read. */
static bool follow_advance(struct follow *follow)
{
    struct stat ours;
    char name[LOGLINE_NAME_SIZE] = LOGLINE_CURRENT;
    if (follow->file >= 0) {
        if (fstat(follow->file, &ours) < 0 || follow_is(follow->directory, LOGLINE_CURRENT, &ours))
            return false;
        /* What was written between our last read and the rename is still in it. */
        while (follow_drain(follow, FOLLOW_BATCH))
            ;
        follow_next_name(follow, &ours, name);
    }
    int next = follow->stopped ? -ECANCELED : follow_open(follow->directory, name);
    if (next < 0)
        return false;
    if (follow->file >= 0)
        close(follow->file);
    follow->file = next;
    return true;
}

/* --- following
 * -------------------------------------------------------------------------------------------------- */

static void follow_on_more(struct loop_task *task);

static void follow_turn(struct follow *follow)
{
    bool more = follow_drain(follow, FOLLOW_BATCH);
    while (!more && !follow->stopped && follow_advance(follow))
        more = follow_drain(follow, FOLLOW_BATCH);
    if (more && !follow->stopped)
        loop_task_start(follow->loop, &follow->more, follow_on_more);
}

static void follow_on_more(struct loop_task *task)
{
    follow_turn(LIST_ENTRY(task, struct follow, more));
}

static void follow_on_change(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    /* That something changed is all that matters; the looking is done on the files. */
    char changes[FOLLOW_CHANGES];
    while (read(watch->fd, changes, sizeof changes) > 0)
        ;
    follow_turn(LIST_ENTRY(watch, struct follow, watch));
}

static int follow_watch(struct follow *follow)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", follow->directory);
    int changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (changes < 0)
        return -errno;
    int error = 0;
    if (inotify_add_watch(changes, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
        error = -errno;
    error = error ? error : loop_fd_start(follow->loop, &follow->watch, changes, EPOLLIN, follow_on_change);
    if (error)
        close(changes);
    return error;
}

/* Oldest file first; none: the current one, when it comes. */
static void follow_open_first(struct follow *follow, enum follow_from from)
{
    char name[LOGLINE_NAME_SIZE] = LOGLINE_CURRENT;
    struct follow_numbers *numbers = MEMORY_NEW(struct follow_numbers);
    if (from == FOLLOW_FROM_START)
        follow_list(follow->directory, numbers);
    if (numbers->count > 0)
        logline_file_name(numbers->items[0], name);
    free(numbers);
    follow->file = follow_open(follow->directory, name);
    if (follow->file >= 0 && from == FOLLOW_FROM_END)
        lseek(follow->file, 0, SEEK_END);
}

static struct follow *follow_new(int directory, follow_line_fn *on_line, void *owner)
{
    struct follow *follow = MEMORY_NEW(struct follow);
    *follow = (struct follow){
        .on_line = on_line,
        .owner = owner,
        .directory = fcntl(directory, F_DUPFD_CLOEXEC, 0),
        .file = -1,
        .torn = BUFFER(LOGLINE_RECORD_LARGEST),
        .watch = {.fd = -1},
    };
    return follow;
}

static void follow_free(void *object)
{
    struct follow *follow = object;
    if (follow->file >= 0)
        close(follow->file);
    if (follow->directory >= 0)
        close(follow->directory);
    buffer_free(&follow->torn);
    free(follow);
}

struct follow *follow_start(struct loop *loop, int directory, enum follow_from from, follow_line_fn *on_line,
                            void *owner)
{
    struct follow *follow = follow_new(directory, on_line, owner);
    follow->loop = loop;
    int error = follow->directory < 0 ? -errno : follow_watch(follow);
    if (error) {
        follow_free(follow);
        errno = -error;
        return NULL;
    }
    follow_open_first(follow, from);
    loop_task_start(loop, &follow->more, follow_on_more);
    return follow;
}

void follow_stop(struct follow **owned)
{
    struct follow *follow = *owned;
    if (!follow)
        return;
    *owned = NULL;
    follow->stopped = true;
    loop_task_stop(&follow->more);
    int changes = follow->watch.fd;
    loop_fd_stop(&follow->watch);
    if (changes >= 0)
        close(changes);
    loop_free_later(follow->loop, follow, follow_free);
}

int follow_read(int directory, follow_line_fn *on_line, void *owner)
{
    struct follow *follow = follow_new(directory, on_line, owner);
    int error = follow->directory < 0 ? -errno : 0;
    if (!error) {
        follow_open_first(follow, FOLLOW_FROM_START);
        do {
            while (follow_drain(follow, FOLLOW_BATCH))
                ;
        } while (follow->file >= 0 && follow_advance(follow));
    }
    follow_free(follow);
    return error;
}
