/* A few dozen at most: a list will do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "gate/descriptors.h"

struct descriptors_entry {
    char name[DESCRIPTORS_NAME_SIZE];
    int fd;
};

static struct descriptors_entry *find(struct descriptors *descriptors, const char *name)
{
    for (size_t i = 0; i < descriptors->count; i++)
        if (strcmp(descriptors->entries[i].name, name) == 0)
            return &descriptors->entries[i];
    return NULL;
}

static void close_entry(struct descriptors_entry *entry)
{
    if (entry->fd >= 0)
        close(entry->fd);
    entry->fd = -1;
}

bool descriptors_add(struct descriptors *descriptors, const char *name, int fd)
{
    struct descriptors_entry *entry = find(descriptors, name);
    if (!entry && (descriptors->count == DESCRIPTORS_MOST || strlen(name) >= DESCRIPTORS_NAME_SIZE)) {
        close(fd);
        return false;
    }
    if (!entry) {
        descriptors->entries =
            memory_resize(descriptors->entries, (descriptors->count + 1) * sizeof *descriptors->entries);
        entry = &descriptors->entries[descriptors->count++];
        snprintf(entry->name, sizeof entry->name, "%s", name);
        entry->fd = -1;
    }
    close_entry(entry);
    entry->fd = fd;
    return true;
}

int descriptors_take(struct descriptors *descriptors, const char *name)
{
    struct descriptors_entry *entry = find(descriptors, name);
    int fd = entry ? entry->fd : -1;
    if (entry)
        entry->fd = -1;
    return fd;
}

void descriptors_clear(struct descriptors *descriptors)
{
    for (size_t i = 0; i < descriptors->count; i++)
        close_entry(&descriptors->entries[i]);
    free(descriptors->entries);
    *descriptors = (struct descriptors){0};
}
