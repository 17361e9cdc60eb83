/* All targets of a keeper, in the order in which they came, each with what is known of it beside the target
 * itself. They come and go while the keeper runs: a pointer to an entry is good until entries_remove(). */
#pragma once

#include <uthash.h>

#include "link/page.h"

#include "keep/askers.h"
#include "keep/row.h"
#include "keep/target.h"

struct entry {
    struct target *target;
    struct entry **depends; /* on these */
    size_t depends_count;
    bool stopped; /* the operator's wish */
    bool pinned;  /* the operator started it: wanted though nobody asks */
    bool adopted;
    struct row_fixed fixed;
    struct askers askers;
    bool changed;                  /* the outside does not know yet */
    bool ending;                   /* its stop at the end of reeve was sent */
    bool leaving;                  /* goes as soon as it is down */
    int64_t last_ms, last_wall_ms; /* its last traffic, on both clocks; 0: none */
    uint32_t probe;                /* id of the question to a gate; 0: none */
    UT_hash_handle hh;
};

struct entries {
    struct entry **items;
    size_t count;
    struct entry *by_name;
    uint64_t slots[PAGE_TARGETS / 64]; /* taken ones */
    unsigned next_slot; /* where to look for a free one: a slot rests before it is used again */
};

/* A place in the shared pages; PAGE_TARGETS when all are taken: such a target has none. */
unsigned entries_take_slot(struct entries *entries);
/* Takes the target, whose slot entries_take_slot() gave and whose name no other has. */
struct entry *entries_add(struct entries *entries, struct target *target);
/* Looks up what it depends on, by its service as it is now; each is there. */
void entries_link(struct entries *entries, struct entry *entry);
struct entry *entries_find(const struct entries *entries, const char *name);
struct entry *entries_of(const struct entries *entries, const struct target *target);
bool entries_are_leaving(const struct entries *entries);
/* Frees the entry with its target (a run is left alone); no other depends on it. */
void entries_remove(struct entries *entries, struct entry *entry);
void entries_free(struct entries *entries);
