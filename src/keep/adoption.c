/* A reboot ends every run: of another boot's records only the numbers count. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep/adoption.h"

struct adoption {
    int run;
    char boot[IDENTITY_BOOT_SIZE];
    const struct adoption_events *events;
    void *owner;
};

static void adoption_close(int run, struct record *record)
{
    record->over = true;
    record_write(run, record);
}

/* True when the target has its newest live run now. */
static bool adoption_take(const struct adoption *adoption, const struct record_entry *entry, bool newest)
{
    struct record record;
    struct error error = {0};
    if (!record_read(adoption->run, entry->name, &record, &error)) {
        record_set_aside(adoption->run, entry->name);
        adoption->events->on_corrupt(adoption->owner, entry->name, error.text);
        return false;
    }
    if (strcmp(record.boot, adoption->boot) != 0) {
        if (!record.over)
            adoption_close(adoption->run, &record);
        return false;
    }
    if (record.over) {
        if (access(record.socket, F_OK) == 0)
            adoption->events->on_stray(adoption->owner, &record);
        return false;
    }
    if (newest && adoption->events->on_run(adoption->owner, &record))
        return true;
    adoption->events->on_stray(adoption->owner, &record);
    return false;
}

void adoption_read(int run, const struct adoption_events *events, void *owner)
{
    struct adoption adoption = {.run = run, .events = events, .owner = owner};
    struct identity self;
    struct record_entry *entries;
    identity_of(getpid(), &self);
    memcpy(adoption.boot, self.boot, sizeof adoption.boot);
    int count = record_list(run, &entries);
    bool taken = false;
    for (int i = count - 1; i >= 0; i--) {
        if (i == count - 1 || strcmp(entries[i].target, entries[i + 1].target) != 0)
            taken = false;
        taken |= adoption_take(&adoption, &entries[i], !taken);
    }
    free(entries);
}

uint64_t adoption_generation(int run, const char *target)
{
    struct record_entry *entries;
    uint64_t highest = 0;
    int count = record_list(run, &entries);
    for (int i = 0; i < count; i++)
        if ((!target || strcmp(entries[i].target, target) == 0) && entries[i].generation > highest)
            highest = entries[i].generation;
    free(entries);
    return highest;
}

static void adoption_prune_one(int run, const struct record_entry *entry)
{
    struct record record;
    if (record_read(run, entry->name, &record, NULL) && record.over)
        record_remove(run, entry->name);
}

void adoption_prune(int run, const char *target)
{
    struct record_entry *entries;
    int count = record_list(run, &entries);
    for (int i = 0; i < count; i++) {
        bool old =
            i + ADOPTION_KEPT < count && strcmp(entries[i].target, entries[i + ADOPTION_KEPT].target) == 0;
        if (old && (!target || strcmp(entries[i].target, target) == 0))
            adoption_prune_one(run, &entries[i]);
    }
    free(entries);
}

void adoption_forget(int run, const char *target)
{
    struct record_entry *entries;
    int count = record_list(run, &entries);
    for (int i = 0; i < count; i++)
        if (strcmp(entries[i].target, target) == 0)
            adoption_prune_one(run, &entries[i]);
    free(entries);
}
