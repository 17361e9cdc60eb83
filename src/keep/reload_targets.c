#include <stdio.h>
#include <string.h>

#include "keep/reload_plan.h"
#include "keep/reload_targets.h"

static enum reload_effect reload_targets_effect(const struct config_changes *changes, const char *name)
{
    return reload_plan_effect(changes, "services", name);
}

bool reload_targets_check(const struct targets *targets, const struct config *config,
                          const struct config_changes *changes, struct error *error)
{
    for (size_t i = 0; i < config->services.count; i++) {
        const char *name = config->services.items[i].name;
        if (reload_targets_effect(changes, name) == RELOAD_ADD && targets_find(targets, name))
            return error_set(error, "%s was removed a moment ago and is still ending: try again", name);
    }
    return true;
}

static bool reload_targets_has_all(const struct targets *targets, const struct config_texts *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (!targets_find(targets, names->items[i]))
            return false;
    return true;
}

/* One whose dependencies are there already; false when there is none (left). The configuration has no cycle.
 */
static bool reload_targets_add_next(struct targets *targets, const struct config *config,
                                    const struct config_changes *changes)
{
    for (size_t i = 0; i < config->services.count; i++) {
        const struct config_service *service = &config->services.items[i];
        if (reload_targets_effect(changes, service->name) != RELOAD_ADD ||
            targets_find(targets, service->name) || !reload_targets_has_all(targets, &service->depends_on))
            continue;
        targets_add(targets, &(struct targets_instance){.service = service});
        return true;
    }
    return false;
}

void reload_targets_prepare(struct targets *targets, const struct config *config,
                            const struct config_changes *changes)
{
    while (reload_targets_add_next(targets, config, changes))
        ;
}

/* The name of the service that this change removes; NULL: it removes none. */
static const char *reload_targets_gone(const struct config_change *change)
{
    static const char section[] = "services.";
    bool whole = strncmp(change->path, section, sizeof section - 1) == 0 &&
                 !strchr(change->path + sizeof section - 1, '.');
    return whole && !change->after ? change->path + sizeof section - 1 : NULL;
}

void reload_targets_remove(struct targets *targets, const struct config_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        const char *gone = reload_targets_gone(&changes->items[i]);
        if (gone)
            targets_remove(targets, gone);
    }
}

/* Of a service, or of the template that an instance was made from. */
static enum reload_effect reload_targets_effect_on(const struct config_changes *changes, const char *name)
{
    char template[TARGET_NAME_SIZE];
    const char *slash = strchr(name, '/');
    if (!slash)
        return reload_plan_effect(changes, "services", name);
    snprintf(template, sizeof template, "%.*s", (int)(slash - name), name);
    return reload_plan_effect(changes, "templates", template);
}

static bool reload_targets_runs(const struct target_row *row)
{
    return row->state == TARGET_STARTING || row->state == TARGET_READY || row->state == TARGET_BACKOFF;
}

static void reload_targets_on_restarted(void *owner, const struct target_row *row, bool ok)
{
    (void)owner;
    (void)row;
    (void)ok;
}

void reload_targets_restart(struct targets *targets, const struct config_changes *changes)
{
    int socket;
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, &socket);
        const struct targets_order restart = {.name = row->name, .verb = TARGETS_RESTART, .by = "reload"};
        if (targets_is_kept(targets, row->name) && reload_targets_runs(row) &&
            reload_targets_effect_on(changes, row->name) == RELOAD_RESTART)
            targets_do(targets, &restart, reload_targets_on_restarted, NULL);
    }
}

void reload_targets_drop(struct targets *targets, const struct config *config,
                         const struct config_changes *changes)
{
    for (size_t i = 0; i < config->services.count; i++)
        if (reload_targets_effect(changes, config->services.items[i].name) == RELOAD_ADD)
            targets_remove(targets, config->services.items[i].name);
}
