/* The order of a load: read, include, walk, check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/verify.h"
#include "config/include.h"
#include "config/paths.h"
#include "config/show.h"
#include "config/walk.h"
#include "config/written.h"

static struct config *config_new(void)
{
    struct config_memory *memory = MEMORY_NEW(struct config_memory);
    memory->arena = ARENA(SIZE_MAX);
    struct config *config = arena_new(&memory->arena, sizeof *config);
    config->memory = memory;
    return config;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    struct config_memory *memory = (*config)->memory;
    *config = NULL;
    arena_free(&memory->arena);
    free(memory);
}

/* What other keys may refer to has its default before any is read. */
static void config_prepare(struct load *load)
{
    char *name = paths_name(load->config->directory);
    load->config->name = load_text(load, slice_of_text(name));
    free(name);
}

static void config_read(struct load *load, const char *given)
{
    struct config *config = load->config;
    bool input = strcmp(given, "-") == 0;
    config->file = input ? load_text(load, SLICE("-"))
                         : load_absolute(load, load->environment->directory, slice_of_text(given));
    char *directory = input ? memory_text(load->environment->directory) : paths_directory(config->file);
    config->directory = load_text(load, slice_of_text(directory));
    free(directory);
    struct yaml_node *root = include_read(load, slice_of_text(given), config->file);
    if (!root)
        return;
    config->item.place = root->place;
    config_prepare(load);
    if (root->kind == YAML_MAPPING)
        include_add(load, root);
    walk_tree(load, root);
    if (!load_state(load) && !written_find(&config->item, "state"))
        errors_add(load->errors, root->place,
                   "state: neither $XDG_STATE_HOME nor $HOME is set; say where with state");
    verify_config(load);
}

struct config *config_load(const char *path, const struct config_environment *environment,
                           struct config_errors *errors)
{
    struct arena tree = ARENA(SIZE_MAX);
    struct config *config = config_new();
    struct load load = {.config = config,
                        .environment = environment,
                        .errors = errors,
                        .memory = &config->memory->arena,
                        .tree = &tree};
    size_t before = errors->count + errors->dropped;
    config_read(&load, path);
    errors_sort(errors);
    arena_free(&tree);
    if (errors->count + errors->dropped > before)
        config_free(&config);
    return config;
}

char *config_find_file(const char *given, const struct config_environment *environment, struct error *error)
{
    return paths_find_file(given, environment, error);
}

char *config_errors_text(const struct config_errors *errors)
{
    return errors_text(errors);
}

void config_errors_first(const struct config_errors *errors, struct error *error)
{
    errors_first(errors, error);
}

void config_errors_free(struct config_errors *errors)
{
    errors_free(errors);
}

struct config_place config_place_of(const struct config_item *item, const char *key)
{
    const struct config_written *written = written_find(item, key);
    return written ? written->place : item->place;
}

bool config_is_set(const struct config_item *item, const char *key)
{
    return written_find(item, key) != NULL;
}

char *config_place_text(const struct config_place *place, char *text, size_t size)
{
    const char *file = place->file ? place->file : "reeve";
    if (place->line)
        snprintf(text, size, "%s:%d:%d", file, place->line, place->column);
    else
        snprintf(text, size, "%s", file);
    return text;
}

const struct config_service *config_service(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->services.count; i++)
        if (strcmp(config->services.items[i].name, name) == 0)
            return &config->services.items[i];
    return NULL;
}

char *config_expand(const char *text, config_lookup_fn *lookup, void *owner, struct error *error)
{
    return expand_template(text, lookup, owner, error);
}

json_t *config_to_json(const struct config *config, bool mark_defaults)
{
    return show_json(config, mark_defaults);
}

char *config_to_text(const struct config *config)
{
    return show_text(config);
}
