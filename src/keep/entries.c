/* A list for the order and a table for the names. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/entries.h"

unsigned entries_take_slot(struct entries *entries)
{
    for (unsigned i = 0; i < PAGE_TARGETS; i++) {
        unsigned slot = (entries->next_slot + i) % PAGE_TARGETS;
        uint64_t bit = UINT64_C(1) << (slot % 64);
        if (entries->slots[slot / 64] & bit)
            continue;
        entries->slots[slot / 64] |= bit;
        entries->next_slot = slot + 1;
        return slot;
    }
    return PAGE_TARGETS;
}

struct entry *entries_add(struct entries *entries, struct target *target)
{
    struct entry *entry = MEMORY_NEW(struct entry);
    const char *name = target_row(target)->name;
    CHECK(!entries_find(entries, name));
    entry->target = target;
    entry->fixed = row_fixed(target_service(target));
    entries->items = memory_resize(entries->items, (entries->count + 1) * sizeof(struct entry *));
    entries->items[entries->count++] = entry;
    HASH_ADD_KEYPTR(hh, entries->by_name, name, strlen(name), entry);
    return entry;
}

struct entry *entries_find(const struct entries *entries, const char *name)
{
    struct entry *entry;
    HASH_FIND_STR(entries->by_name, name, entry);
    return entry;
}

struct entry *entries_of(const struct entries *entries, const struct target *target)
{
    struct entry *entry = entries_find(entries, target_row(target)->name);
    CHECK(entry && entry->target == target);
    return entry;
}

void entries_link(struct entries *entries, struct entry *entry)
{
    const struct config_texts *names = &target_service(entry->target)->depends_on;
    free(entry->depends);
    entry->depends = MEMORY_ARRAY(struct entry *, names->count + 1);
    entry->depends_count = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct entry *needed = entries_find(entries, names->items[i]);
        CHECK(needed);
        entry->depends[entry->depends_count++] = needed;
    }
}

bool entries_are_leaving(const struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i]->leaving)
            return true;
    return false;
}

static void entries_release(struct entries *entries, struct entry *entry)
{
    unsigned slot = target_row(entry->target)->slot;
    if (slot < PAGE_TARGETS)
        entries->slots[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    HASH_DEL(entries->by_name, entry);
    target_free(&entry->target);
    free(entry->depends);
    free(entry);
}

void entries_remove(struct entries *entries, struct entry *entry)
{
    size_t place = 0;
    while (place < entries->count && entries->items[place] != entry)
        place++;
    CHECK(place < entries->count);
    entries->count--;
    memmove(entries->items + place, entries->items + place + 1,
            (entries->count - place) * sizeof(struct entry *));
    entries_release(entries, entry);
}

void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        entries_release(entries, entries->items[i]);
    free(entries->items);
    *entries = (struct entries){0};
}
