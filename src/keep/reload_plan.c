#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

#include "keep/reload_plan.h"

/* Fixed for the life of a keeper: its identity, its files, the accounts and the number of its gates. */
static const char *const reload_fixed[] = {"name", "state", "user", "workers", "ports"};

/* A run is begun with these; everything else of a service applies to the run there is, or to the next. */
static const char *const reload_restarting[] = {"command",  "directory", "env",       "env_file", "pass_env",
                                                "user",     "listen",    "address",   "limits",   "terminal",
                                                "detached", "replicas",  "parameters"};

static bool reload_is_below(const char *path, const char *parent)
{
    size_t length = strlen(parent);
    return strncmp(path, parent, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

static bool reload_is_among(const char *path, const char *const *parents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (reload_is_below(path, parents[i]))
            return true;
    return false;
}

/* Whether its process is ours or somebody else's is what makes a service what it is. */
static bool reload_changes_kind(const struct config_change *change)
{
    const char *key = strrchr(change->path, '.');
    return (!change->before || !change->after) &&
           strncmp(change->path, "services.", sizeof "services." - 1) == 0 &&
           (strcmp(key, ".command") == 0 || strcmp(key, ".address") == 0);
}

static bool reload_is_fixed(const struct config_change *change)
{
    return reload_changes_kind(change) ||
           reload_is_among(change->path, reload_fixed, sizeof reload_fixed / sizeof *reload_fixed);
}

bool reload_plan_check(const struct config_changes *changes, struct error *error)
{
    enum { TEXT_LIMIT = 512 };
    struct buffer names = BUFFER(TEXT_LIMIT);
    for (size_t i = 0; i < changes->count; i++)
        if (reload_is_fixed(&changes->items[i]))
            buffer_append_format(&names, "%s%s", buffer_size(&names) ? ", " : "", changes->items[i].path);
    bool fine = buffer_size(&names) == 0;
    if (!fine)
        error_set(error,
                  "changed, and only taken at a start: " SLICE_FORMAT
                  "; nothing was reloaded: change it back, or `reeve down` and `reeve run`",
                  SLICE_ARGUMENTS(buffer_slice(&names)));
    buffer_free(&names);
    return fine;
}

/* The rest of a path below "SECTION.NAME"; NULL: it is not there. "" for the entry itself. */
static const char *reload_key(const char *path, const char *section, const char *name)
{
    size_t length = strlen(section);
    if (!reload_is_below(path, section) || path[length] != '.')
        return NULL;
    const char *entry = path + length + 1;
    if (!reload_is_below(entry, name))
        return NULL;
    entry += strlen(name);
    return *entry == '.' ? entry + 1 : entry;
}

static enum reload_effect reload_effect_of(const struct config_change *change, const char *key)
{
    if (!*key)
        return change->before ? RELOAD_REMOVE : RELOAD_ADD;
    size_t count = sizeof reload_restarting / sizeof *reload_restarting;
    return reload_is_among(key, reload_restarting, count) ? RELOAD_RESTART : RELOAD_UPDATE;
}

enum reload_effect reload_plan_effect(const struct config_changes *changes, const char *section,
                                      const char *name)
{
    enum reload_effect strongest = RELOAD_NOTHING;
    for (size_t i = 0; i < changes->count; i++) {
        const char *key = reload_key(changes->items[i].path, section, name);
        enum reload_effect effect = key ? reload_effect_of(&changes->items[i], key) : RELOAD_NOTHING;
        strongest = effect > strongest ? effect : strongest;
    }
    return strongest;
}

bool reload_plan_touches(const struct config_changes *changes, const char *path)
{
    for (size_t i = 0; i < changes->count; i++)
        if (reload_is_below(changes->items[i].path, path))
            return true;
    return false;
}
