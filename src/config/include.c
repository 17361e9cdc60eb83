/* Merging happens on trees, before anything is read from them, so that every value keeps its place. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/include.h"
#include "config/paths.h"

enum { INCLUDE_FILES_MOST = 200 };

struct yaml_node *include_read(struct load *load, struct slice name, const char *path)
{
    bool input = strcmp(path, "-") == 0;
    struct load_file *file = arena_new(load->tree, sizeof *file);
    char *directory = input ? memory_text(load->environment->directory) : paths_directory(path);
    file->name = load_text(load, input ? SLICE("stdin") : name);
    file->directory = load_text(load, slice_of_text(directory));
    file->next = load->files;
    load->files = file;
    free(directory);
    struct error error = {0};
    size_t size = 0;
    char *text = load_read(load, path, YAML_FILE_LIMIT, &size, &error);
    if (!text) {
        errors_add(load->errors, (struct config_place){.file = file->name}, "%s", error.text);
        return NULL;
    }
    if (!input)
        load_note_source(load, path);
    file->source = arena_copy(load->tree, slice_of(text, size));
    free(text);
    return yaml_parse(load->tree, file->name, file->source, load->errors);
}

/* Whose keys are joined: those of a section (NULL: the top level), or names that the user chose. */
struct include_level {
    const struct setting *section;
    bool names;
};

static void include_merge(struct load *load, struct include_level level, struct yaml_node *into,
                          const struct yaml_node *from);

/* The same key in two files: lists grow, mappings of names and sections take what is new. */
static void include_join(struct load *load, const struct setting *row, struct yaml_entry *entry,
                         const struct yaml_entry *added)
{
    char place[512];
    enum type_shape shape = row ? row->type->shape : TYPE_VALUE;
    bool lists = entry->value->kind == YAML_SEQUENCE && added->value->kind == YAML_SEQUENCE;
    bool mappings = entry->value->kind == YAML_MAPPING && added->value->kind == YAML_MAPPING;
    struct include_level level = {.section = row, .names = shape == TYPE_ENTRIES};
    if (lists && row) {
        for (const struct yaml_entry *item = added->value->entries; item; item = item->next)
            yaml_append(load->tree, entry->value, NULL, item->value);
    } else if (mappings && (shape == TYPE_ENTRIES || shape == TYPE_SECTION)) {
        include_merge(load, level, entry->value, added->value);
    } else {
        errors_add(load->errors, added->key->place, "%s: it is set already, at %s", load->path,
                   config_place_text(&entry->key->place, place, sizeof place));
    }
}

static void include_merge(struct load *load, struct include_level level, struct yaml_node *into,
                          const struct yaml_node *from)
{
    for (const struct yaml_entry *added = from->entries; added; added = added->next) {
        struct yaml_entry *entry = yaml_find(into, added->key->text);
        const struct setting *row = level.names ? NULL : setting_child_named(level.section, added->key->text);
        size_t mark = load_enter(load, added->key->text);
        if (!entry)
            yaml_append(load->tree, into, added->key, added->value);
        else
            include_join(load, row, entry, added);
        load_leave(load, mark);
    }
}

/* What places say: "conf.d/a.yaml" beside "reeve.yaml", "/etc/reeve/conf.d/a.yaml" beside
 * "/etc/reeve/reeve.yaml". */
static struct slice include_name(const struct load *load, struct config_place place, const char *path)
{
    const char *directory = load_directory(load, place);
    size_t size = strlen(directory);
    bool below = strncmp(path, directory, size) == 0 && path[size] == '/';
    return below && place.file[0] != '/' && !strchr(place.file, '/') ? slice_of_text(path + size + 1)
                                                                     : slice_of_text(path);
}

static void include_file(struct load *load, struct yaml_node *root, const struct yaml_node *node,
                         const char *path)
{
    struct yaml_node *tree = include_read(load, include_name(load, node->place, path), path);
    if (!tree)
        return;
    struct yaml_entry *nested = yaml_find(tree, SLICE("include"));
    if (nested)
        errors_add(load->errors, nested->key->place, "include: an included file cannot include others");
    else if (tree->kind != YAML_MAPPING)
        load_wrong(load, tree, "a mapping of keys");
    else
        include_merge(load, (struct include_level){0}, root, tree);
}

static void include_pattern(struct load *load, struct yaml_node *root, const struct yaml_node *node,
                            const char *path)
{
    glob_t found = {0};
    int status = glob(path, GLOB_ERR | GLOB_NOESCAPE, NULL, &found);
    size_t mark = load_enter(load, SLICE("include"));
    if (status != 0 && status != GLOB_NOMATCH && errno != ENOENT)
        LOAD_ERROR(load, node, "cannot look for %s: %s", path, strerror(errno));
    else if (found.gl_pathc > INCLUDE_FILES_MOST)
        LOAD_ERROR(load, node, "%s matches more than %d files", path, INCLUDE_FILES_MOST);
    load_leave(load, mark);
    for (size_t i = 0; status == 0 && i < found.gl_pathc && i < INCLUDE_FILES_MOST; i++)
        include_file(load, root, node, found.gl_pathv[i]);
    globfree(&found);
}

static void include_one(struct load *load, struct yaml_node *root, const struct yaml_node *node)
{
    size_t mark = load_enter(load, SLICE("include"));
    struct slice text = load_scalar(load, node, "a path");
    load_leave(load, mark);
    if (!text.data)
        return;
    char *path = load_absolute(load, load_directory(load, node->place), text);
    if (strpbrk(path, "*?[") && !load->environment->read)
        include_pattern(load, root, node, path);
    else
        include_file(load, root, node, path);
    load_leave(load, mark);
}

void include_add(struct load *load, struct yaml_node *root)
{
    struct yaml_entry *entry = yaml_find(root, SLICE("include"));
    if (!entry)
        return;
    size_t count = 0;
    const struct yaml_node *value = entry->value;
    if (value->kind == YAML_SCALAR)
        include_one(load, root, value);
    if (value->kind != YAML_SEQUENCE)
        return;
    for (const struct yaml_entry *item = value->entries; item; item = item->next)
        if (++count <= INCLUDE_FILES_MOST)
            include_one(load, root, item->value);
}

/* All has been said when the files were read. */
static void include_read_key(struct load *load, const struct setting *row, const struct yaml_node *node,
                             void *field)
{
    (void)row;
    (void)field;
    if (node->kind == YAML_MAPPING)
        load_wrong(load, node, "a path or a list of paths");
}

static json_t *include_schema(const struct setting *row)
{
    return lists_paths.schema(row);
}

const struct type include_type = {
    .name = "path or list of paths",
    .read = include_read_key,
    .schema = include_schema,
};
