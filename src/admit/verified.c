/* One place per secret, by its last bytes: they are random in a seal and in a token. */
#include <stdlib.h>

#include "base/memory.h"
#include "wire/seal.h"

#include "admit/verified.h"

enum { PLACES = 512, TAIL = 16 };

struct entry {
    char *secret; /* NULL: empty */
    size_t size;
    struct principal *principal;
};

struct verified {
    struct entry entries[PLACES];
};

struct verified *verified_new(void)
{
    return MEMORY_NEW(struct verified);
}

static size_t place_of(struct slice secret)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    struct slice tail = slice_from(secret, secret.size > TAIL ? secret.size - TAIL : 0);
    for (size_t i = 0; i < tail.size; i++)
        hash = (hash ^ (uint8_t)tail.data[i]) * 16777619U;
    return hash % PLACES;
}

static void forget(struct entry *entry)
{
    if (!entry->secret)
        return;
    seal_wipe(entry->secret, entry->size);
    free(entry->secret);
    free(entry->principal);
    *entry = (struct entry){0};
}

const struct principal *verified_find(const struct verified *verified, struct slice secret)
{
    const struct entry *entry = &verified->entries[place_of(secret)];
    bool same =
        entry->secret && entry->size == secret.size && seal_equal(entry->secret, secret.data, secret.size);
    return same ? entry->principal : NULL;
}

void verified_keep(struct verified *verified, struct slice secret, const struct principal *principal)
{
    struct entry *entry = &verified->entries[place_of(secret)];
    forget(entry);
    *entry = (struct entry){memory_text_of(secret.data, secret.size), secret.size, principal_copy(principal)};
}

void verified_clear(struct verified *verified)
{
    for (size_t i = 0; i < PLACES; i++)
        forget(&verified->entries[i]);
}

void verified_free(struct verified **verified)
{
    if (!*verified)
        return;
    verified_clear(*verified);
    free(*verified);
    *verified = NULL;
}
