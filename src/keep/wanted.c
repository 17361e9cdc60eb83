/* Boot, requests, the operator and dependents are the four reasons to run; an operator's stop beats them. */
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
