/* The directory belongs to the run's user, so names in it prove nothing: the file is opened without following
 * links and must be a regular file.
 *
 * A write that the disk cut short leaves half a record in the file. Its other half is kept and goes first
 * when the disk takes again; until then nothing else is written, so that no line is ever torn. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "tail/logfiles.h"
#include "wire/logline.h"

#include "hold/logfile.h"

enum { LOGFILE_RENAME_TRIES = 1000 };

struct logfile {
    struct logfile_settings settings;
    int fd;             /* -1: not open */
    dev_t device;       /* of the open file */
    ino_t inode;        /* of the open file */
    int64_t size;       /* of the open file, as last seen */
    struct buffer torn; /* the rest of a record that is half in the file */
    int64_t marker_due; /* lines dropped since the last marker */
    int marker_error;   /* why the first of them was dropped */
    struct logfile_counts counts;
};

struct logfile *logfile_new(const struct logfile_settings *settings)
{
    struct logfile *log = MEMORY_NEW(struct logfile);
    log->settings = *settings;
    log->fd = -1;
    log->torn = BUFFER(LOGLINE_RECORD_LARGEST);
    return log;
}

static void logfile_close(struct logfile *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

void logfile_free(struct logfile **log)
{
    if (!*log)
        return;
    logfile_close(*log);
    buffer_free(&(*log)->torn);
    free(*log);
    *log = NULL;
}

struct logfile_counts logfile_counts(const struct logfile *log)
{
    return log->counts;
}

/* --- which file --------------------------------------------------------------------------------- */

static int logfile_open(struct logfile *log)
{
    struct stat about;
    int fd = openat(log->settings.directory, LOGLINE_CURRENT,
                    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) {
        close(fd);
        return -ENOTSUP;
    }
    log->fd = fd;
    log->device = about.st_dev;
    log->inode = about.st_ino;
    log->size = about.st_size;
    return 0;
}

/* Leaves the open file when its name has gone to another: rotated by another run, moved or deleted by hand.
 * Otherwise learns its size, to which another run may have added. */
static void logfile_follow_name(struct logfile *log)
{
    struct stat about;
    if (log->fd < 0)
        return;
    if (fstatat(log->settings.directory, LOGLINE_CURRENT, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        about.st_dev == log->device && about.st_ino == log->inode)
        log->size = about.st_size;
    else
        logfile_close(log);
}

/* As rename(2) without overwriting; file systems that cannot promise that get the best there is. */
static int logfile_rename(int directory, const char *to)
{
    struct stat about;
    if (renameat2(directory, LOGLINE_CURRENT, directory, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return errno;
    if (fstatat(directory, to, &about, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(directory, LOGLINE_CURRENT, directory, to) ? errno : 0;
}

/* Gives the full file its number for ever and deletes the oldest ones. Another run may do the same at the
 * same time: whoever comes second finds the number taken, or the full file gone, which is as good. */
static int logfile_rotate(struct logfile *log)
{
    size_t count = 0;
    char name[LOGLINE_NAME_SIZE];
    int directory = log->settings.directory, error = EEXIST;
    int64_t *numbers = logfiles_numbers(directory, &count);
    int64_t number = count ? numbers[count - 1] : 0;
    for (int tries = 0; error == EEXIST && tries < LOGFILE_RENAME_TRIES; tries++)
        error = logfile_rename(directory, logline_file_name(++number, name));
    /* There are now count + 1 numbered files, and current.jsonl is to come. */
    int64_t surplus = (int64_t)count + 2 - log->settings.keep;
    for (size_t i = 0; !error && i < count && (int64_t)i < surplus; i++)
        unlinkat(directory, logline_file_name(numbers[i], name), 0);
    if (!error && log->settings.keep == 1)
        unlinkat(directory, logline_file_name(number, name), 0);
    free(numbers);
    logfile_close(log);
    return error == ENOENT ? 0 : error;
}

/* --- writing ------------------------------------------------------------------------------------- */

/* How many bytes of `records`, whole records, go into the open file before it is full; 0: rotate first. A
 * record that is larger than a whole file gets a file of its own. */
static size_t logfile_portion(const struct logfile *log, struct slice records)
{
    int64_t room = log->settings.max_bytes - log->size;
    if (log->settings.max_bytes == 0 || room >= (int64_t)records.size)
        return records.size;
    const char *end = room > 0 ? memrchr(records.data, '\n', (size_t)room) : NULL;
    if (end)
        return (size_t)(end - records.data) + 1;
    return log->size == 0 ? slice_find(records, '\n') + 1 : 0;
}

/* Writes all of `bytes` unless the disk refuses; returns how many it took, with *error set. */
static size_t logfile_put(struct logfile *log, struct slice bytes, int *error)
{
    size_t done = 0;
    *error = 0;
    while (done < bytes.size) {
        ssize_t written = write(log->fd, bytes.data + done, bytes.size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            *error = written < 0 ? errno : ENOSPC;
            break;
        }
        done += (size_t)written;
    }
    log->size += (int64_t)done;
    log->counts.bytes += (int64_t)done;
    return done;
}

static int64_t logfile_count_lines(struct slice records)
{
    int64_t lines = 0;
    const char *newline;
    while (records.size && (newline = memchr(records.data, '\n', records.size))) {
        records = slice_from(records, (size_t)(newline - records.data) + 1);
        lines++;
    }
    return lines;
}

static void logfile_drop(struct logfile *log, struct slice records, int error)
{
    int64_t lines = logfile_count_lines(records);
    if (log->marker_due == 0)
        log->marker_error = error;
    log->marker_due += lines;
    log->counts.dropped += lines;
}

/* Writes records as far as the disk takes them: 0, or an errno and the rest is dropped. */
static int logfile_write_records(struct logfile *log, struct slice records)
{
    int error = 0;
    while (records.size && !error) {
        if (log->fd < 0)
            error = -logfile_open(log);
        size_t portion = error ? 0 : logfile_portion(log, records);
        if (!error && portion == 0) {
            error = logfile_rotate(log);
            continue;
        }
        size_t done = error ? 0 : logfile_put(log, slice_between(records, 0, portion), &error);
        log->counts.lines += logfile_count_lines(slice_between(records, 0, done));
        if (done > 0 && records.data[done - 1] != '\n') {
            struct slice rest = slice_from(records, done);
            size_t torn = slice_find(rest, '\n') + 1;
            CHECK(buffer_append(&log->torn, slice_between(rest, 0, torn)));
            done += torn;
        }
        records = slice_from(records, done);
    }
    if (error)
        logfile_drop(log, records, error);
    return error;
}

/* Into the file that has the first half, whatever its name is by now. */
static int logfile_write_torn(struct logfile *log)
{
    int error = 0;
    buffer_consume(&log->torn, logfile_put(log, buffer_slice(&log->torn), &error));
    if (!error) {
        log->counts.lines++;
        buffer_free(&log->torn);
    }
    return error;
}

static int logfile_write_marker(struct logfile *log)
{
    char text[160];
    int size = snprintf(text, sizeof text, "%lld lines were dropped: %s", (long long)log->marker_due,
                        strerror(log->marker_error));
    struct logline line = {.wall_ms = log->settings.clock->wall_ms(log->settings.clock),
                           .run = log->settings.run,
                           .stream = LOGLINE_REEVE,
                           .text = slice_of(text, (size_t)size),
                           .dropped = log->marker_due};
    struct buffer record = BUFFER(LOGLINE_RECORD_LARGEST);
    CHECK(logline_append(&record, &line));
    int64_t due = log->marker_due, dropped = log->counts.dropped;
    int error = logfile_write_records(log, buffer_slice(&record));
    log->counts.dropped = dropped; /* a marker is no line of the program's */
    log->marker_due = error ? due : 0;
    buffer_free(&record);
    return error;
}

void logfile_flush(struct logfile *log)
{
    int error = buffer_size(&log->torn) ? logfile_write_torn(log) : 0;
    if (!error)
        logfile_follow_name(log);
    if (!error && log->marker_due)
        error = logfile_write_marker(log);
    log->counts.error = error;
}

void logfile_write(struct logfile *log, struct slice records)
{
    logfile_flush(log);
    if (log->counts.error)
        logfile_drop(log, records, log->counts.error);
    else
        log->counts.error = logfile_write_records(log, records);
}
