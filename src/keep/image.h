/* Starting another role of reeve: a fresh image of our own executable, with the descriptors it is for and
 * nothing else of ours (design §1: fork + exec, never fork alone, since our memory holds secrets). */
#pragma once

#include <sys/types.h>

enum { IMAGE_DESCRIPTORS_MOST = 4, IMAGE_FIRST_FD = 3 };

struct image {
    const char *const *arguments; /* the name that ps shows, the hidden verb, its words; NULL at the end */
    const int *descriptors;       /* they become 3, 4, ...; they stay the caller's */
    int count;
};

/* Forks and executes /proc/self/exe in a session of its own, with default signals and an environment of only
 * what formats time and text. The pid, or -errno. */
pid_t image_start(const struct image *image);
