/* A list walked from its head after each call, since a callback may take away any of it. */
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "keep/verbs.h"

struct verb {
    struct list link;
    enum targets_verb verb;
    uint64_t generation;
    const struct target_row *row;
    targets_done_fn *done;
    void *owner;
};

struct verbs {
    struct list list;
};

static enum verbs_result verbs_judge_start(enum targets_verb verb, uint64_t generation,
                                           const struct target_row *row)
{
    bool fresh = row->generation > generation;
    switch (row->state) {
    case TARGET_READY:
        return fresh || verb == TARGETS_START ? VERBS_DONE : VERBS_WAIT;
    case TARGET_ENDED: /* it did what it was started for */
        return fresh ? VERBS_DONE : VERBS_FAILED;
    case TARGET_BACKOFF:
    case TARGET_FAILED:
    case TARGET_DOWN: /* somebody else stopped it */
        return VERBS_FAILED;
    case TARGET_STARTING:
    case TARGET_STOPPING:
        return VERBS_WAIT;
    }
    UNREACHABLE();
}

enum verbs_result verbs_judge(enum targets_verb verb, uint64_t asked_generation, const struct target_row *row)
{
    if (verb != TARGETS_STOP)
        return verbs_judge_start(verb, asked_generation, row);
    if (row->wanted) /* somebody else started it again */
        return VERBS_FAILED;
    bool over = row->state == TARGET_DOWN || row->state == TARGET_ENDED || row->state == TARGET_FAILED;
    return over ? VERBS_DONE : VERBS_WAIT;
}

struct verbs *verbs_new(void)
{
    struct verbs *verbs = MEMORY_NEW(struct verbs);
    list_init(&verbs->list);
    return verbs;
}

static void verb_free(struct verb *verb)
{
    list_remove(&verb->link);
    free(verb);
}

void verbs_free(struct verbs **where)
{
    if (!*where)
        return;
    LIST_FOR_EACH(link, &(*where)->list)
    {
        verb_free(LIST_ENTRY(link, struct verb, link));
    }
    free(*where);
    *where = NULL;
}

void verbs_add(struct verbs *verbs, enum targets_verb verb, const struct target_row *row,
               targets_done_fn *done, void *owner)
{
    struct verb *added = MEMORY_NEW(struct verb);
    added->verb = verb;
    added->generation = row->generation;
    added->row = row;
    added->done = done;
    added->owner = owner;
    list_append(&verbs->list, &added->link);
}

void verbs_forget(struct verbs *verbs, void *owner)
{
    LIST_FOR_EACH(link, &verbs->list)
    {
        struct verb *verb = LIST_ENTRY(link, struct verb, link);
        if (verb->owner == owner)
            verb_free(verb);
    }
}

/* True when somebody was called. `parting` (or NULL) is a row that nothing is to be expected of any more. */
static bool verbs_settle_one(struct verbs *verbs, const struct target_row *parting)
{
    LIST_FOR_EACH(link, &verbs->list)
    {
        struct verb *verb = LIST_ENTRY(link, struct verb, link);
        enum verbs_result result = verbs_judge(verb->verb, verb->generation, verb->row);
        if (result == VERBS_WAIT && verb->row != parting)
            continue;
        struct verb settled = *verb;
        verb_free(verb);
        settled.done(settled.owner, settled.row, result == VERBS_DONE);
        return true;
    }
    return false;
}

void verbs_settle(struct verbs *verbs)
{
    while (verbs_settle_one(verbs, NULL))
        ;
}

void verbs_part(struct verbs *verbs, const struct target_row *row)
{
    while (verbs_settle_one(verbs, row))
        ;
}
