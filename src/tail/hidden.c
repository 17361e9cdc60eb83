/* Compared by names: these files are written anew, and are then others, under the same one. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "tail/hidden.h"

struct hidden {
    size_t count;
    char **names;
};

void hidden_add(struct hidden **where, const char *name)
{
    struct hidden *hidden = *where ? *where : MEMORY_NEW(struct hidden);
    hidden->names = memory_resize(hidden->names, (hidden->count + 1) * sizeof *hidden->names);
    hidden->names[hidden->count++] = memory_text(name);
    *where = hidden;
}

struct hidden *hidden_copy(const struct hidden *hidden)
{
    struct hidden *copy = NULL;
    for (size_t i = 0; hidden && i < hidden->count; i++)
        hidden_add(&copy, hidden->names[i]);
    return copy;
}

void hidden_free(struct hidden **hidden)
{
    if (!*hidden)
        return;
    for (size_t i = 0; i < (*hidden)->count; i++)
        free((*hidden)->names[i]);
    free((*hidden)->names);
    free(*hidden);
    *hidden = NULL;
}

/* FNV-1a of the names, each with its NUL. */
uint64_t hidden_digest(const struct hidden *hidden)
{
    uint64_t digest = 14695981039346656037u;
    for (size_t i = 0; hidden && i < hidden->count; i++)
        for (size_t at = 0; at <= strlen(hidden->names[i]); at++)
            digest = (digest ^ (unsigned char)hidden->names[i][at]) * 1099511628211u;
    return hidden ? digest : 0;
}

/* --- names ----------------------------------------------------------------------------------------- */

/* The next segment that is not empty; false at the end. */
static bool next_segment(struct slice *path, struct slice *segment)
{
    while (path->size > 0 && path->data[0] == '/')
        *path = slice_from(*path, 1);
    const char *slash = path->size > 0 ? memchr(path->data, '/', path->size) : NULL;
    *segment = slice_of(path->data, slash ? (size_t)(slash - path->data) : path->size);
    *path = slice_from(*path, segment->size);
    return segment->size > 0;
}

static bool is_below(struct slice path, struct slice folder)
{
    struct slice wanted, segment;
    while (next_segment(&folder, &wanted))
        if (!next_segment(&path, &segment) || !slice_equal(wanted, segment))
            return false;
    return true;
}

bool hidden_has(const struct hidden *hidden, struct slice path)
{
    for (size_t i = 0; hidden && i < hidden->count; i++)
        if (is_below(path, slice_of_text(hidden->names[i])))
            return true;
    return false;
}

bool hidden_has_beside(const struct hidden *hidden, const char *path, const char *name)
{
    if (!hidden)
        return false;
    const char *slash = strrchr(path, '/');
    char *beside = memory_format("%.*s/%s", slash ? (int)(slash - path) : 0, path, name);
    bool has = hidden_has(hidden, slice_of_text(beside));
    free(beside);
    return has;
}

/* --- what is open ---------------------------------------------------------------------------------- */

/* Empty when it cannot be told. */
static struct slice path_of(int fd, char path[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX);
    return slice_of(path, size > 0 && size < PATH_MAX ? (size_t)size : 0);
}

bool hidden_has_open(const struct hidden *hidden, int root, int fd)
{
    char above[PATH_MAX], below[PATH_MAX];
    const struct slice gone = SLICE(" (deleted)"); /* replaced since it was opened */
    if (!hidden)
        return false;
    struct slice folder = path_of(root, above), path = path_of(fd, below);
    if (slice_ends_with(folder, SLICE("/")))
        folder.size--;
    if (path.size <= folder.size || !slice_starts_with(path, folder) || path.data[folder.size] != '/')
        return true;
    path = slice_from(path, folder.size);
    if (hidden_has(hidden, path))
        return true;
    return slice_ends_with(path, gone) && hidden_has(hidden, slice_between(path, 0, path.size - gone.size));
}
