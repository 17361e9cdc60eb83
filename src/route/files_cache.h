/* The files below one root: opened beneath it (never outside, whatever symbolic links say), the small and
 * often wanted ones kept in memory with their fields.
 *
 * A kept file is compared with the one on disk by fstatat(2) when the last look is older than 2 ms, so a
 * change is seen by the next request of a person and costs a busy gate next to nothing. */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "base/list.h"
#include "http/exchange.h"
#include "tail/hidden.h"

struct files_cache;

enum { FILES_LINES_SIZE = 384, FILES_ETAG_SIZE = 48 };

struct files_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct files_file {
    struct files_identity identity;
    char *content; /* the whole of it; NULL: read `fd` */
    int fd;        /* -1 with content; else the caller's to close */
    struct slice etag;
    /* The fields of every answer with it, as exchange_field takes a block; Content-Type is the first. */
    struct slice lines;
    size_t type_size; /* of the Content-Type's line */
    char etag_text[FILES_ETAG_SIZE];
    char line_text[FILES_LINES_SIZE];
};

/* `root` is an O_PATH descriptor of the directory, taken over. `hidden` outlives it. */
struct files_cache *files_cache_new(int root, const struct hidden *hidden);
void files_cache_free(struct files_cache **cache);
/* The root itself was deleted, or replaced by another directory of that name: nothing can be found any more.
 */
bool files_cache_lost_root(const struct files_cache *cache);

/* Finds the regular file at `path` (relative, without dot segments). The result is either a kept file, valid
 * until the next call, or `spare`, filled in with an open descriptor. NULL and *error: ENOENT (also for what
 * is not a regular file, lies outside or leads to what is hidden), EISDIR, EACCES, or another errno. */
const struct files_file *files_cache_open(struct files_cache *cache, const char *path, int64_t now_us,
                                          struct files_file *spare, int *error);
