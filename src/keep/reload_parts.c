#include "keep/operate_reload.h"
#include "keep/reload_parts.h"
#include "keep/reload_targets.h"

static bool reload_parts_check(void *owner, const struct config *config, const struct config_changes *changes,
                               struct error *error)
{
    const struct reload_parts *parts = owner;
    return accounts_check(config, error) && reload_targets_check(parts->targets, config, changes, error);
}

static void reload_parts_prepare(void *owner, const struct config *config,
                                 const struct config_changes *changes)
{
    const struct reload_parts *parts = owner;
    reload_targets_prepare(parts->targets, config, changes);
}

static void reload_parts_take(void *owner, const struct config *config, const struct config_changes *changes)
{
    const struct reload_parts *parts = owner;
    reload_targets_remove(parts->targets, changes);
    instances_reload(parts->instances, config);
    targets_reload(parts->targets, config);
    reload_targets_restart(parts->targets, changes);
    condition_reload(parts->condition, config);
    desk_reload(parts->desk, config);
}

static void reload_parts_drop(void *owner, const struct config *config, const struct config_changes *changes)
{
    const struct reload_parts *parts = owner;
    reload_targets_drop(parts->targets, config, changes);
}

static bool reload_parts_is_leaving(void *owner)
{
    const struct reload_parts *parts = owner;
    return targets_are_leaving(parts->targets);
}

static struct snapshot *reload_parts_make_snapshot(void *owner, const struct config *config,
                                                   const struct listeners *listeners, uint64_t number,
                                                   struct error *error)
{
    const struct reload_parts *parts = owner;
    return snapshot_new(config, listeners, number, parts->user, error);
}

static const struct reload_events reload_parts_events = {
    .on_check = reload_parts_check,
    .on_prepare = reload_parts_prepare,
    .on_taken = reload_parts_take,
    .on_dropped = reload_parts_drop,
    .is_leaving = reload_parts_is_leaving,
    .make_snapshot = reload_parts_make_snapshot,
};

struct reload *reload_parts_new(struct reload_parts *parts)
{
    const struct reload_settings settings = {
        .loop = parts->loop,
        .log = parts->log,
        .journal = parts->journal,
        .gates = parts->gates,
        .listeners = parts->listeners,
        .config = parts->config,
        .listening = parts->listening,
        .events = &reload_parts_events,
        .owner = parts,
    };
    struct reload *reload = reload_new(&settings);
    operate_reload_add(desk_operations(parts->desk), reload);
    return reload;
}
