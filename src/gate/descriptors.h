/* Descriptors that have come for a snapshot, by the names that it calls them (wire/SNAPSHOT.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct descriptors {
    struct descriptors_entry *entries;
    size_t count;
};

enum { DESCRIPTORS_MOST = 1024, DESCRIPTORS_NAME_SIZE = 32 };

/* Takes `fd` over; a name that is there already is replaced. False (fd closed): too many, or too long a
 * name. */
bool descriptors_add(struct descriptors *descriptors, const char *name, int fd);
/* Gives the descriptor away, or -1. */
int descriptors_take(struct descriptors *descriptors, const char *name);
/* Closes those that nobody took; empty afterwards. */
void descriptors_clear(struct descriptors *descriptors);
