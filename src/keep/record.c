/* Read again by a later keeper, perhaps a later version: unknown members are ignored, the known ones checked.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "wire/logline.h"

#include "keep/record.h"
#include "keep/tree.h"

enum { RECORD_LARGEST = 65536, RECORD_END_LARGEST = 8192 };

static const char record_ending[] = ".json";

char *record_folder(const char *target, char *text)
{
    return logline_folder(target, text, RECORD_FILE_SIZE);
}

char *record_name(const char *target, uint64_t generation, char *text)
{
    char folder[RECORD_FILE_SIZE];
    int length = snprintf(text, RECORD_FILE_SIZE, "%s.%llu", record_folder(target, folder),
                          (unsigned long long)generation);
    CHECK(length < RECORD_FILE_SIZE);
    return text;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *record_encode_identity(const struct identity *identity)
{
    return identity->pid ? json_pack("{s:I, s:I}", "pid", (json_int_t)identity->pid, "start_time",
                                     (json_int_t)identity->start_time)
                         : json_null();
}

static json_t *record_encode(const struct record *record)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:b}", "target", record->target,
        "generation", (json_int_t)record->generation, "nonce", record->nonce, "boot", record->boot, "socket",
        record->socket, "address", record->address, "user", (json_int_t)record->user, "hold",
        record_encode_identity(&record->hold), "main", record_encode_identity(&record->main), "started_ms",
        (json_int_t)record->started_ms, "started_wall_ms", (json_int_t)record->started_wall_ms,
        "ready_after_ms", (json_int_t)record->ready_after_ms, "restarts", (json_int_t)record->restarts,
        "over", (int)record->over);
    CHECK(object);
    return object;
}

static int record_write_text(int run, const char *name, const char *text)
{
    int fd = openat(run, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    size_t size = strlen(text);
    ssize_t written = write(fd, text, size);
    int error = written == (ssize_t)size ? 0 : written < 0 ? -errno : -ENOSPC;
    close(fd);
    return error;
}

int record_write(int run, const struct record *record)
{
    char name[RECORD_FILE_SIZE];
    record_name(record->target, record->generation, name);
    char *path = memory_format("%s%s", name, record_ending);
    char *fresh = memory_format(".%s.new", name);
    json_t *object = record_encode(record);
    char *text = json_dumps(object, JSON_INDENT(2));
    CHECK(text);
    int error = record_write_text(run, fresh, text);
    if (!error && renameat(run, fresh, run, path) < 0)
        error = -errno;
    if (error)
        unlinkat(run, fresh, 0);
    free(text);
    json_decref(object);
    free(fresh);
    free(path);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static char *record_read_text(int run, const char *name, struct error *error)
{
    char *path = memory_format("%s%s", name, record_ending);
    int fd = openat(run, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int failed = errno;
    free(path);
    if (fd < 0) {
        error_set(error, "%s", strerror(failed));
        return NULL;
    }
    char *text = memory_new(RECORD_LARGEST + 1);
    ssize_t size = read(fd, text, RECORD_LARGEST);
    close(fd);
    if (size > 0)
        return text;
    error_set(error, "it is empty or cannot be read");
    free(text);
    return NULL;
}

static bool record_read_member(const json_t *object, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) >= size)
        return false;
    memcpy(text, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool record_read_number(const json_t *object, const char *key, int64_t least, int64_t most,
                               int64_t *number)
{
    const json_t *value = json_object_get(object, key);
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= least && *number <= most;
}

static bool record_read_identity(const json_t *object, const char *key, const char *boot,
                                 struct identity *identity)
{
    const json_t *value = json_object_get(object, key);
    *identity = (struct identity){0};
    if (json_is_null(value))
        return true;
    int64_t pid;
    int64_t start_time;
    if (!json_is_object(value) || !record_read_number(value, "pid", 1, INT_MAX, &pid) ||
        !record_read_number(value, "start_time", 0, INT64_MAX, &start_time))
        return false;
    identity->pid = (pid_t)pid;
    identity->start_time = (uint64_t)start_time;
    memcpy(identity->boot, boot, IDENTITY_BOOT_SIZE);
    return true;
}

static bool record_is_nonce(const char *nonce)
{
    return strlen(nonce) == IDENTITY_NONCE_SIZE - 1 &&
           strspn(nonce, "0123456789abcdef") == IDENTITY_NONCE_SIZE - 1;
}

static bool record_decode_texts(const json_t *object, struct record *record)
{
    return record_read_member(object, "target", record->target, sizeof record->target) &&
           record_read_member(object, "nonce", record->nonce, sizeof record->nonce) &&
           record_read_member(object, "boot", record->boot, sizeof record->boot) &&
           record_read_member(object, "socket", record->socket, sizeof record->socket) &&
           record_read_member(object, "address", record->address, sizeof record->address) &&
           record_is_nonce(record->nonce);
}

static bool record_decode(const json_t *object, struct record *record)
{
    int64_t generation;
    int64_t user;
    int64_t restarts;
    if (!json_is_object(object) || !record_decode_texts(object, record) ||
        !record_read_number(object, "generation", 1, INT64_MAX, &generation) ||
        !record_read_number(object, "user", 0, UINT32_MAX, &user) ||
        !record_read_number(object, "restarts", 0, INT64_MAX, &restarts) ||
        !record_read_number(object, "started_ms", 0, INT64_MAX, &record->started_ms) ||
        !record_read_number(object, "started_wall_ms", 0, INT64_MAX, &record->started_wall_ms) ||
        !record_read_number(object, "ready_after_ms", -1, INT64_MAX, &record->ready_after_ms) ||
        !record_read_identity(object, "hold", record->boot, &record->hold) ||
        !record_read_identity(object, "main", record->boot, &record->main) ||
        !json_is_boolean(json_object_get(object, "over")))
        return false;
    record->generation = (uint64_t)generation;
    record->user = (uint32_t)user;
    record->restarts = (uint64_t)restarts;
    record->over = json_is_true(json_object_get(object, "over"));
    return true;
}

bool record_read(int run, const char *name, struct record *record, struct error *error)
{
    *record = (struct record){0};
    char *text = record_read_text(run, name, error);
    if (!text)
        return false;
    json_error_t trouble;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &trouble);
    free(text);
    if (!object)
        return error_set(error, "line %d: %s", trouble.line, trouble.text);
    bool fine = record_decode(object, record);
    json_decref(object);
    char expected[RECORD_FILE_SIZE];
    if (!fine)
        return error_set(error, "a member is missing or has a wrong value");
    if (strcmp(record_name(record->target, record->generation, expected), name) != 0)
        return error_set(error, "it tells of %s", expected);
    return true;
}

/* --- the directory ---------------------------------------------------------------------------- */

int record_set_aside(int run, const char *name)
{
    char *from = memory_format("%s%s", name, record_ending);
    char *to = memory_format("%s.corrupt", name);
    int error = renameat(run, from, run, to) < 0 ? -errno : 0;
    free(from);
    free(to);
    return error;
}

int record_remove(int run, const char *name)
{
    /* The record last: as long as it is there, a later keeper tries again. */
    int error = tree_remove(run, name);
    if (error)
        return error;
    char *path = memory_format("%s%s", name, record_ending);
    error = unlinkat(run, path, 0) < 0 && errno != ENOENT ? -errno : 0;
    free(path);
    return error;
}

/* Splits "NAME.GENERATION.json"; false for any other file. */
static bool record_entry_of(const char *file, struct record_entry *entry)
{
    size_t length = strlen(file);
    size_t ending = sizeof record_ending - 1;
    if (file[0] == '.' || length <= ending || length - ending >= sizeof entry->name ||
        strcmp(file + length - ending, record_ending) != 0)
        return false;
    *entry = (struct record_entry){0};
    memcpy(entry->name, file, length - ending);
    const char *dot = strrchr(entry->name, '.');
    uint64_t generation;
    if (!dot || (size_t)(dot - entry->name) >= sizeof entry->target ||
        !slice_to_u64(slice_of_text(dot + 1), &generation) || generation == 0 || generation > INT64_MAX)
        return false;
    memcpy(entry->target, entry->name, (size_t)(dot - entry->name));
    for (char *at = strchr(entry->target, '@'); at; at = strchr(at, '@'))
        *at = '/';
    entry->generation = generation;
    return true;
}

static int record_entry_compare(const void *a, const void *b)
{
    const struct record_entry *left = a;
    const struct record_entry *right = b;
    int order = strcmp(left->target, right->target);
    if (order)
        return order;
    return left->generation < right->generation ? -1 : left->generation > right->generation;
}

int record_list(int run, struct record_entry **entries)
{
    *entries = NULL;
    int fd = openat(run, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return -errno;
    size_t count = 0;
    size_t room = 0;
    for (struct dirent *file = readdir(folder); file; file = readdir(folder)) {
        struct record_entry entry;
        if (!record_entry_of(file->d_name, &entry))
            continue;
        if (count == room) {
            room = room ? room * 2 : 16;
            *entries = memory_resize(*entries, room * sizeof entry);
        }
        (*entries)[count++] = entry;
    }
    closedir(folder);
    if (count)
        qsort(*entries, count, sizeof **entries, record_entry_compare);
    return (int)count;
}

bool record_read_end(int run, const struct record *record, struct hold_end *end)
{
    char name[RECORD_FILE_SIZE];
    record_name(record->target, record->generation, name);
    int folder = openat(run, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return false;
    int fd = openat(folder, "exit.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    close(folder);
    if (fd < 0)
        return false;
    /* One bounded read: its owner could make the file grow for as long as we read. */
    char text[RECORD_END_LARGEST];
    struct stat about;
    ssize_t size = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? read(fd, text, sizeof text) : -1;
    close(fd);
    json_t *json = size > 0 ? json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool fine = json && hold_end_decode(json, end, NULL) && end->generation == (int64_t)record->generation &&
                strcmp(end->nonce, record->nonce) == 0;
    json_decref(json);
    return fine;
}
