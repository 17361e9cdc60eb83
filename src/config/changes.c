/* Both are compared as `reeve config` shows them, so that every setting of the table is looked at and none
 * is listed here; what is masked there is compared by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/changes.h"
#include "config/show.h"

/* The path of what is being compared; its segments point into the JSON. */
struct changes_place {
    const char *segments[CHANGES_DEPTH];
    int depth;
};

static char *changes_path(const struct changes_place *place)
{
    char *path = memory_text("");
    for (int i = 0; i < place->depth; i++) {
        char *longer = memory_format("%s%s%s", path, i ? "." : "", place->segments[i]);
        free(path);
        path = longer;
    }
    return path;
}

static void changes_add(struct config_changes *changes, char *path, const json_t *before, const json_t *after)
{
    changes->items = memory_resize(changes->items, (changes->count + 1) * sizeof *changes->items);
    changes->items[changes->count++] = (struct config_change){path, before, after};
}

static void changes_compare(struct config_changes *changes, struct changes_place *place, const json_t *before,
                            const json_t *after);

static void changes_compare_key(struct config_changes *changes, struct changes_place *place, const char *key,
                                const json_t *before, const json_t *after)
{
    place->segments[place->depth++] = key;
    changes_compare(changes, place, before, after);
    place->depth--;
}

static void changes_compare_mappings(struct config_changes *changes, struct changes_place *place,
                                     const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)before, key, value)
    {
        changes_compare_key(changes, place, key, value, json_object_get(after, key));
    }
    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (!json_object_get(before, key))
            changes_compare_key(changes, place, key, NULL, value);
    }
}

/* A section whose keys are all new says more key by key; an entry that came or went is one change. */
static bool changes_is_section(const struct changes_place *place)
{
    static const char *const entries[] = {"services", "templates", "loops"};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (place->depth == 2 && strcmp(place->segments[0], entries[i]) == 0)
            return false;
    return true;
}

static void changes_compare(struct config_changes *changes, struct changes_place *place, const json_t *before,
                            const json_t *after)
{
    bool mappings = (!before || json_is_object(before)) && (!after || json_is_object(after));
    bool both = before && after;
    if (mappings && place->depth < CHANGES_DEPTH && (both || changes_is_section(place)))
        changes_compare_mappings(changes, place, before, after);
    else if (!both || !json_equal(before, after))
        changes_add(changes, changes_path(place), before, after);
}

/* --- what is masked ------------------------------------------------------------------------------------ */

static const struct config_variable *changes_variable(const struct config_variables *variables,
                                                      const char *name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (strcmp(variables->items[i].name, name) == 0)
            return &variables->items[i];
    return NULL;
}

/* `path` itself, or something below it. */
static bool changes_has(const struct config_changes *changes, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < changes->count; i++) {
        const char *found = changes->items[i].path;
        if (strncmp(found, path, length) == 0 && (found[length] == '\0' || found[length] == '.'))
            return true;
    }
    return false;
}

/* The variables of one service or template, in the JSON at `section`.`name`. One that only one side has is
 * seen there. */
static void changes_compare_variables(struct config_changes *changes, const char *section,
                                      const struct config_service *old, const struct config_service *new)
{
    const json_t *entries = json_object_get(changes->after, section),
                 *shown = json_object_get(json_object_get(entries, new->name), "env");
    for (size_t i = 0; i < old->variables.count; i++) {
        const struct config_variable *before = &old->variables.items[i],
                                     *after = changes_variable(&new->variables, before->name);
        if (!after || strcmp(before->value, after->value) == 0)
            continue;
        char *path = memory_format("%s.%s.env.%s", section, old->name, before->name);
        if (changes_has(changes, path))
            free(path);
        else
            changes_add(changes, path, json_object_get(shown, before->name),
                        json_object_get(shown, before->name));
    }
}

static void changes_compare_masked(struct config_changes *changes, const struct config *before,
                                   const struct config *after)
{
    for (size_t i = 0; i < before->services.count; i++) {
        const struct config_service *old = &before->services.items[i],
                                    *new = config_service(after, old->name);
        if (new)
            changes_compare_variables(changes, "services", old, new);
    }
    for (size_t i = 0; i < before->templates.count; i++)
        for (size_t k = 0; k < after->templates.count; k++) {
            const struct config_service *old = &before->templates.items[i].service,
                                        *new = &after->templates.items[k].service;
            if (strcmp(old->name, new->name) == 0)
                changes_compare_variables(changes, "templates", old, new);
        }
}

void changes_find(const struct config *before, const struct config *after, struct config_changes *changes)
{
    struct changes_place place = {0};
    *changes = (struct config_changes){.before = show_json(before, false), .after = show_json(after, false)};
    changes_compare_mappings(changes, &place, changes->before, changes->after);
    changes_compare_masked(changes, before, after);
}

void changes_free(struct config_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        free(changes->items[i].path);
    free(changes->items);
    json_decref(changes->before);
    json_decref(changes->after);
    *changes = (struct config_changes){0};
}
