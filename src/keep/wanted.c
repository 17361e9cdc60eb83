/* Boot, requests, the operator and dependents are the four reasons to run; an operator's stop beats them. */
#include <stdlib.h>

#include "base/memory.h"

#include "keep/wanted.h"

static bool wanted_by_row(const struct target *target)
{
    return target_row(target)->wanted;
}

bool wanted_has_dependent(const struct wanted *wanted, const struct entry *entry,
                          bool (*is)(const struct target *))
{
    for (size_t i = 0; i < wanted->entries->count; i++) {
        const struct entry *other = wanted->entries->items[i];
        for (size_t j = 0; j < other->depends_count; j++)
            if (other->depends[j] == entry && is(other->target))
                return true;
    }
    return false;
}

bool wanted_is(const struct wanted *wanted, const struct entry *entry)
{
    if (!target_is_kept(entry->target))
        return true;
    if (entry->stopped || entry->leaving || wanted->stopping)
        return false;
    bool demand = target_service(entry->target)->start == CONFIG_START_DEMAND;
    return (!demand && wanted->booted) || entry->pinned || entry->adopted || askers_any(&entry->askers) ||
           (demand && target_has_been_ready(entry->target)) ||
           wanted_has_dependent(wanted, entry, wanted_by_row);
}

enum dependency wanted_judge_dependencies(const struct entry *entry, const struct target_row **culprit)
{
    enum dependency all = DEPENDENCY_READY;
    for (size_t i = 0; i < entry->depends_count; i++) {
        const struct entry *needed = entry->depends[i];
        enum dependency one = dependency_judge(target_row(needed->target)->state, needed->stopped);
        if (one > all)
            all = one;
        if (one == DEPENDENCY_FAILED && !*culprit)
            *culprit = target_row(needed->target);
    }
    return all;
}

bool wanted_review_dependencies(struct entry *entry)
{
    struct target *target = entry->target;
    bool waits = target_waits(target);
    if (!waits && !(target_heals(target) && target_row(target)->wanted))
        return false;
    const struct target_row *culprit = NULL;
    enum dependency all = wanted_judge_dependencies(entry, &culprit);
    if (all == DEPENDENCY_READY) {
        target_event(target, TABLE_DEPENDENCIES_READY);
        return true;
    }
    if (!waits || all == DEPENDENCY_WAIT)
        return false;
    char *text = memory_format("needs %s, which is %s: %s", culprit->name, target_state_name(culprit->state),
                               culprit->cause.text);
    target_dependency_failed(target, text, culprit->next_attempt_ms);
    free(text);
    return true;
}
