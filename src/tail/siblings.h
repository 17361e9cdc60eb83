/* Files that were at a place before and have been renamed: how a reader goes on whose file is not there any
 * more, in a process that has not seen it go (another gate, or one started since).
 *
 * A sibling is a regular file in the same directory whose name begins with the place's and goes on with one
 * of
 * `.-_~`, as rotation names them: "events.jsonl.1", "events.jsonl-20261125". Compressed ones are none. At a
 * numbered place it is every file with a number. */
#pragma once

#include "tail/place.h"

struct sibling {
    int fd;
    struct place_file file;
    uint64_t generation;
};

enum { SIBLINGS_MOST = 32 };

/* The sibling with this generation, or the start that belongs to it, opened; its descriptor is the caller's.
 * False: there is none. */
bool siblings_find(const struct place *place, uint64_t generation, struct sibling *found);
/* Those born after one file and before another, as far as that can be told, oldest first; copies of the
 * one are left out. At most SIBLINGS_MOST; their descriptors are the caller's. `before` NULL: all after. */
size_t siblings_between(const struct place *place, const struct sibling *after, const struct sibling *before,
                        struct sibling found[SIBLINGS_MOST]);
/* The oldest ones, down to the file that is there (`before`): the last SIBLINGS_MOST of them, oldest first.
 * Only at a numbered place. Their descriptors are the caller's. */
size_t siblings_oldest(const struct place *place, const struct place_file *before,
                       struct sibling found[SIBLINGS_MOST]);
/* Whether one file was born before another, as far as that can be told. */
bool siblings_is_older(const struct place_file *file, const struct place_file *than);
/* Fills in what is read from an open file. */
void siblings_describe(struct sibling *sibling);
