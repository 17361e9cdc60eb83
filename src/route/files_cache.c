/* A file is kept only when nothing changed it for a while: within one tick of the file system's clock two
 * writes of equal size cannot be told apart, and the older content would stay. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uthash.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/date.h"
#include "wire/http1_write.h"

#include "route/files_cache.h"
#include "route/media.h"

enum {
    KEPT_LARGEST = 64 * 1024,
    KEPT_BYTES = 8 * 1024 * 1024,
    KEPT_MOST = 1024,
    TRUSTED_US = 2000, /* how long a look at the disk is good for */
    SETTLED_MS = 100,  /* changed longer ago than this: safe to keep */
    OPEN_ATTEMPTS = 4, /* EAGAIN: a rename got in the way of the resolution */
};

struct kept {
    UT_hash_handle hh;
    struct list used; /* least recently used first */
    int64_t checked_us;
    struct files_file file;
    char path[]; /* the key */
};

struct files_cache {
    int root;
    const struct hidden *hidden;
    struct kept *by_path;
    struct list used;
    size_t bytes;
};

struct files_cache *files_cache_new(int root, const struct hidden *hidden)
{
    struct files_cache *cache = MEMORY_NEW(struct files_cache);
    cache->root = root;
    cache->hidden = hidden;
    list_init(&cache->used);
    return cache;
}

static void kept_free(struct files_cache *cache, struct kept *kept)
{
    HASH_DEL(cache->by_path, kept);
    list_remove(&kept->used);
    cache->bytes -= (size_t)kept->file.identity.size;
    free(kept->file.content);
    free(kept);
}

void files_cache_free(struct files_cache **cache)
{
    if (!*cache)
        return;
    LIST_FOR_EACH(link, &(*cache)->used)
    kept_free(*cache, LIST_ENTRY(link, struct kept, used));
    close((*cache)->root);
    free(*cache);
    *cache = NULL;
}

bool files_cache_lost_root(const struct files_cache *cache)
{
    struct stat about;
    return fstat(cache->root, &about) == 0 && about.st_nlink == 0;
}

static struct files_identity identity_of(const struct stat *about)
{
    return (struct files_identity){.device = about->st_dev,
                                   .inode = about->st_ino,
                                   .size = about->st_size,
                                   .modified = about->st_mtim,
                                   .changed = about->st_ctim};
}

static bool time_equal(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool identity_equal(const struct files_identity *a, const struct files_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           time_equal(a->modified, b->modified) && time_equal(a->changed, b->changed);
}

static bool is_settled(const struct files_identity *identity)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ms =
        (now.tv_sec - identity->changed.tv_sec) * 1000 + (now.tv_nsec - identity->changed.tv_nsec) / 1000000;
    return age_ms > SETTLED_MS;
}

/* O_NONBLOCK: a FIFO must not wait for its other end. */
static int open_beneath(int root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -EAGAIN;
    for (int i = 0; i < OPEN_ATTEMPTS && fd == -EAGAIN; i++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd < 0)
            fd = -errno;
    }
    return (int)fd;
}

static struct slice cache_control(struct slice path)
{
    return media_is_hashed(path) && !media_is_html(path) ? SLICE("public, max-age=31536000, immutable")
                                                         : SLICE("no-cache");
}

/* The slices point into the file itself: it must not move afterwards. */
static void describe(struct files_file *file, struct slice path)
{
    const struct timespec *modified = &file->identity.modified;
    struct buffer lines = {
        .data = file->line_text, .capacity = sizeof file->line_text, .limit = sizeof file->line_text};
    char date[DATE_SIZE];
    int size = snprintf(file->etag_text, sizeof file->etag_text, "\"%" PRIx64 "-%" PRIx64 "\"",
                        (uint64_t)file->identity.size,
                        (uint64_t)modified->tv_sec * 1000000000 + (uint64_t)modified->tv_nsec);
    file->etag = slice_of(file->etag_text, (size_t)size);
    date_format(modified->tv_sec, date);
    bool fits = http1_write_field(&lines, SLICE("Content-Type"), media_type(path));
    file->type_size = buffer_size(&lines);
    fits = fits && http1_write_field(&lines, SLICE("ETag"), file->etag) &&
           http1_write_field(&lines, SLICE("Last-Modified"), slice_of(date, sizeof date)) &&
           http1_write_field(&lines, SLICE("Cache-Control"), cache_control(path)) &&
           http1_write_field(&lines, SLICE("Accept-Ranges"), SLICE("bytes")) &&
           http1_write_field(&lines, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    CHECK(fits);
    file->lines = buffer_slice(&lines);
}

/* The whole content, or NULL when the file changed meanwhile. */
static char *read_whole(int fd, const struct files_identity *identity)
{
    size_t size = (size_t)identity->size, have = 0;
    char *content = memory_new(size + 1);
    while (have < size) {
        ssize_t got = pread(fd, content + have, size - have, (off_t)have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    struct stat after;
    struct files_identity now;
    if (have == size && fstat(fd, &after) == 0) {
        now = identity_of(&after);
        if (identity_equal(identity, &now))
            return content;
    }
    free(content);
    return NULL;
}

static void make_room(struct files_cache *cache, size_t size)
{
    while (!list_empty(&cache->used) &&
           (cache->bytes + size > KEPT_BYTES || HASH_COUNT(cache->by_path) >= KEPT_MOST))
        kept_free(cache, LIST_ENTRY(cache->used.next, struct kept, used));
}

/* NULL: not one to keep; the descriptor stays open then. */
static const struct files_file *keep(struct files_cache *cache, const char *path, int64_t now_us, int fd,
                                     const struct files_identity *identity)
{
    if (identity->size > KEPT_LARGEST || !is_settled(identity))
        return NULL;
    char *content = read_whole(fd, identity);
    if (!content)
        return NULL;
    close(fd);
    make_room(cache, (size_t)identity->size);
    size_t length = strlen(path);
    struct kept *kept = memory_new(sizeof *kept + length + 1);
    memcpy(kept->path, path, length + 1);
    kept->checked_us = now_us;
    kept->file.identity = *identity;
    kept->file.content = content;
    kept->file.fd = -1;
    describe(&kept->file, slice_of(kept->path, length));
    HASH_ADD_KEYPTR(hh, cache->by_path, kept->path, length, kept);
    list_append(&cache->used, &kept->used);
    cache->bytes += (size_t)identity->size;
    return &kept->file;
}

/* Still what is on disk? A kept file that is not is forgotten. */
static bool is_current(struct files_cache *cache, struct kept *kept, int64_t now_us)
{
    struct stat about;
    if (now_us - kept->checked_us < TRUSTED_US)
        return true;
    if (fstatat(cache->root, kept->path, &about, 0) == 0) {
        struct files_identity now = identity_of(&about);
        if (identity_equal(&kept->file.identity, &now)) {
            kept->checked_us = now_us;
            return true;
        }
    }
    kept_free(cache, kept);
    return false;
}

static const struct files_file *open_fresh(struct files_cache *cache, const char *path, int64_t now_us,
                                           struct files_file *spare, int *error)
{
    struct stat about;
    int fd = open_beneath(cache->root, path);
    if (fd < 0) {
        bool nothing_there = fd == -ENOTDIR || fd == -EXDEV || fd == -ELOOP || fd == -ENXIO ||
                             fd == -ENAMETOOLONG || fd == -ENODEV;
        *error = nothing_there ? ENOENT : -fd;
        return NULL;
    }
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
        *error = S_ISDIR(about.st_mode) ? EISDIR : ENOENT;
        close(fd);
        return NULL;
    }
    if (hidden_has_open(cache->hidden, cache->root, fd)) {
        *error = ENOENT;
        close(fd);
        return NULL;
    }
    struct files_identity identity = identity_of(&about);
    const struct files_file *kept = keep(cache, path, now_us, fd, &identity);
    if (kept)
        return kept;
    *spare = (struct files_file){.identity = identity, .fd = fd};
    describe(spare, slice_of_text(path));
    return spare;
}

const struct files_file *files_cache_open(struct files_cache *cache, const char *path, int64_t now_us,
                                          struct files_file *spare, int *error)
{
    struct kept *kept;
    HASH_FIND_STR(cache->by_path, path, kept);
    if (!kept || !is_current(cache, kept, now_us))
        return open_fresh(cache, path, now_us, spare, error);
    list_remove(&kept->used);
    list_append(&cache->used, &kept->used);
    return &kept->file;
}
