/* Birth times order files only down to the kernel's tick; files of the same tick are ordered by the time of
 * their last change. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/logline.h"

#include "tail/logfiles.h"
#include "tail/siblings.h"

enum {
    NAMES_MOST = 1024, /* of a directory are looked at more closely */
    WALKS_MOST = 4,    /* while names change under our eyes */
};

static bool is_compressed(struct slice name)
{
    static const char *const endings[] = {".gz", ".xz", ".zst", ".bz2", ".lz4"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (slice_ends_with(name, slice_of_text(endings[i])))
            return true;
    return false;
}

static bool is_sibling(const char *name, struct slice of, bool numbered)
{
    struct slice all = slice_of_text(name);
    if (numbered)
        return logline_file_number(name) >= 0;
    return all.size > of.size && slice_starts_with(all, of) && strchr(".-_~", all.data[of.size]) &&
           !is_compressed(all);
}

void siblings_describe(struct sibling *sibling)
{
    char start[EVENT_ID_FIRST_LINE];
    ssize_t size = pread(sibling->fd, start, sizeof start, 0);
    sibling->generation =
        event_id_generation(&sibling->file.id, slice_of(start, size > 0 ? (size_t)size : 0));
}

static int64_t born_ns(const struct place_file *file)
{
    return file->id.born_s * INT64_C(1000000000) + file->id.born_ns;
}

static int compare_files(const struct place_file *a, const struct place_file *b)
{
    int64_t by_birth = born_ns(a) - born_ns(b);
    int64_t difference = by_birth ? by_birth : a->modified_ns - b->modified_ns;
    return (difference > 0) - (difference < 0);
}

static int compare(const void *left, const void *right)
{
    const struct sibling *a = left, *b = right;
    return compare_files(&a->file, &b->file);
}

bool siblings_is_older(const struct place_file *file, const struct place_file *than)
{
    return compare_files(file, than) < 0;
}

/* --- a walk over the directory ------------------------------------------------------------------- */

struct walk {
    DIR *listing;
    const struct place *place;
    bool missed; /* a name that was listed is not there any more: its file may have another one by now */
    int left;
};

static bool walk_begin(struct walk *walk, const struct place *place)
{
    int folder = place_open_folder(place);
    *walk = (struct walk){.place = place, .left = NAMES_MOST};
    walk->listing = folder >= 0 ? fdopendir(folder) : NULL;
    if (!walk->listing && folder >= 0)
        close(folder);
    return walk->listing != NULL;
}

/* The next sibling, opened but not described. False, with the walk ended: there are no more. */
static bool walk_next(struct walk *walk, struct sibling *sibling)
{
    const struct place *place = walk->place;
    struct dirent *entry;
    while (walk->left > 0 && (entry = readdir(walk->listing))) {
        if (!is_sibling(entry->d_name, slice_of_text(place_name(place)), place->numbered) ||
            hidden_has_beside(place->hidden, place->path, entry->d_name))
            continue;
        walk->left--;
        sibling->fd = place_open_beside(dirfd(walk->listing), entry->d_name, &sibling->file);
        if (sibling->fd >= 0)
            return true;
        walk->missed |= sibling->fd == -ENOENT;
    }
    closedir(walk->listing);
    return false;
}

/* --- questions ----------------------------------------------------------------------------------- */

static bool find_once(const struct place *place, uint64_t generation, struct sibling *found, bool *missed)
{
    struct walk walk;
    *missed = false;
    if (!walk_begin(&walk, place))
        return false;
    while (walk_next(&walk, found)) {
        siblings_describe(found);
        if (found->generation == generation || event_id_start(&found->file.id).generation == generation) {
            closedir(walk.listing);
            return true;
        }
        close(found->fd);
    }
    *missed = walk.missed;
    return false;
}

bool siblings_find(const struct place *place, uint64_t generation, struct sibling *found)
{
    bool known = false, missed = true;
    for (int i = 0; i < WALKS_MOST && !known && missed; i++)
        known = find_once(place, generation, found, &missed);
    return known;
}

static bool is_between(const struct sibling *sibling, const struct sibling *after,
                       const struct sibling *before)
{
    if (place_same(&sibling->file, &after->file) || compare(sibling, after) < 0)
        return false;
    return !before || (!place_same(&sibling->file, &before->file) && compare(sibling, before) <= 0);
}

/* What came next was last written when the file before it was done, or later. A copy was made while that was
 * still written, and need not hold the same any more: the file may have been cut since. One without a byte is
 * no copy, and may get its first line later: its writer has not heard of its other name yet. */
static bool came_next(const struct sibling *sibling, const struct sibling *after)
{
    struct place_file now;
    return sibling->file.size == 0 || place_identify(after->fd, &now) ||
           sibling->file.modified_ns >= now.modified_ns;
}

/* A file born after another that holds the same from its start is a copy of it, not what came next. Of half a
 * line nothing can be told: all lines may begin the same. */
static bool is_copy(struct sibling *sibling, const struct sibling *of)
{
    char ours[4096], theirs[sizeof ours];
    siblings_describe(sibling);
    if (!sibling->generation)
        return false;
    ssize_t size = pread(sibling->fd, ours, sizeof ours, 0);
    return size > 0 && pread(of->fd, theirs, (size_t)size, 0) == size &&
           memcmp(ours, theirs, (size_t)size) == 0;
}

/* False: something was missed. */
static bool collect(struct walk *walk, const struct sibling *after, const struct sibling *before,
                    struct sibling found[SIBLINGS_MOST], size_t *number)
{
    struct sibling sibling;
    size_t count = 0;
    while (walk_next(walk, &sibling)) {
        bool wanted = is_between(&sibling, after, before) && count < SIBLINGS_MOST &&
                      (walk->place->numbered || came_next(&sibling, after));
        if (wanted && !is_copy(&sibling, after))
            found[count++] = sibling;
        else
            close(sibling.fd);
    }
    *number = count;
    return !walk->missed;
}

size_t siblings_between(const struct place *place, const struct sibling *after, const struct sibling *before,
                        struct sibling found[SIBLINGS_MOST])
{
    struct walk walk;
    size_t count = 0;
    for (int i = 0; i < WALKS_MOST && walk_begin(&walk, place); i++) {
        while (count > 0)
            close(found[--count].fd);
        if (collect(&walk, after, before, found, &count))
            break;
    }
    qsort(found, count, sizeof *found, compare);
    return count;
}

size_t siblings_oldest(const struct place *place, const struct place_file *before,
                       struct sibling found[SIBLINGS_MOST])
{
    size_t count = 0, all = 0;
    int folder = place_open_folder(place);
    int64_t *numbers = folder < 0 ? NULL : logfiles_numbers(folder, &all);
    for (size_t i = all > SIBLINGS_MOST ? all - SIBLINGS_MOST : 0; i < all; i++) {
        char name[LOGLINE_NAME_SIZE];
        struct sibling *sibling = &found[count];
        sibling->fd = place_open_beside(folder, logline_file_name(numbers[i], name), &sibling->file);
        if (sibling->fd < 0)
            continue;
        if (before && place_same(&sibling->file, before)) { /* it has just been given its number */
            close(sibling->fd);
            break;
        }
        siblings_describe(sibling);
        count++;
    }
    free(numbers);
    if (folder >= 0)
        close(folder);
    return count;
}
