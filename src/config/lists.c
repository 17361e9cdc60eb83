/* Lists of texts, and the shapes of settings that are not built yet. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/hints.h"
#include "config/load.h"

typedef char *list_item_fn(struct load *load, const struct setting *row, const struct yaml_node *node);

static void list_expected(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    char *expected = row->example ? memory_format("a list, such as %s", row->example) : memory_text("a list");
    load_wrong(load, node, expected);
    free(expected);
}

static void list_take(struct load *load, const struct setting *row, const struct yaml_node *node,
                      struct config_texts *texts, list_item_fn *read)
{
    char *text = read(load, row, node);
    if (text)
        *(char **)load_append(load, texts, sizeof text) = text;
}

static void list_read(struct load *load, const struct setting *row, const struct yaml_node *node,
                      struct config_texts *texts, list_item_fn *read)
{
    if (node->kind == YAML_EMPTY)
        return;
    if (node->kind != YAML_SEQUENCE) {
        list_expected(load, row, node);
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next)
        list_take(load, row, entry->value, texts, read);
}

static char *list_take_text(struct load *load, const struct setting *row, const struct yaml_node *node,
                            struct slice text)
{
    if (!text.data)
        return NULL;
    if (row->pattern && !load->later && !types_match(row->pattern, text)) {
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" does not fit; such as %s", SLICE_ARGUMENTS(text),
                   row->example);
        return NULL;
    }
    return load_text(load, text);
}

static char *list_read_text(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    return list_take_text(load, row, node, load_scalar(load, node, "a text"));
}

static void list_read_texts(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    list_read(load, row, node, field, list_read_text);
}

static char *list_read_late_text(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    return list_take_text(load, row, node, load_template(load, node, "a text"));
}

static void list_read_late(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    list_read(load, row, node, field, list_read_late_text);
}

static json_t *list_show_late(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_texts *texts = field;
    json_t *shown = texts->count ? json_array() : NULL;
    for (size_t i = 0; i < texts->count; i++)
        json_array_append_new(shown, types_show_template(texts->items[i]));
    return shown;
}

static json_t *list_show(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_texts *texts = field;
    json_t *shown = texts->count ? json_array() : NULL;
    for (size_t i = 0; i < texts->count; i++) {
        json_array_append_new(shown, types_show_text(texts->items[i]));
    }
    return shown;
}

static json_t *list_schema(const struct setting *row)
{
    return json_pack("{s:s,s:o}", "type", "array", "items", types_schema_text(row));
}

const struct type lists_late = {
    .name = "list of texts",
    .read = list_read_late,
    .show = list_show_late,
    .schema = list_schema,
};

const struct type lists_texts = {
    .name = "list of texts",
    .read = list_read_texts,
    .show = list_show,
    .schema = list_schema,
};

static char *list_read_host(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    char *host = list_read_text(load, row, node);
    for (char *c = host; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return host;
}

static void list_read_hosts(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    list_read(load, row, node, field, list_read_host);
}

const struct type lists_hosts = {
    .name = "list of host names",
    .read = list_read_hosts,
    .show = list_show,
    .schema = list_schema,
};

static char *list_read_path(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    (void)row;
    struct slice text = load_scalar(load, node, "a path");
    return text.data ? load_absolute(load, load_directory(load, node->place), text) : NULL;
}

static void list_read_paths(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    if (node->kind == YAML_SCALAR)
        list_take(load, row, node, field, list_read_path);
    else
        list_read(load, row, node, field, list_read_path);
}

static json_t *list_schema_paths(const struct setting *row)
{
    (void)row;
    return json_pack("{s:[{s:s},{s:s,s:{s:s}}]}", "anyOf", "type", "string", "type", "array", "items", "type",
                     "string");
}

const struct type lists_paths = {
    .name = "path or list of paths",
    .read = list_read_paths,
    .show = list_show,
    .schema = list_schema_paths,
};

static char *list_read_choice(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    int choice = 0;
    types_choice.read(load, row, node, &choice);
    return NULL;
}

static void list_read_choices(struct load *load, const struct setting *row, const struct yaml_node *node,
                              void *field)
{
    list_read(load, row, node, field, list_read_choice);
}

static json_t *list_schema_choices(const struct setting *row)
{
    return json_pack("{s:s,s:o}", "type", "array", "items", types_choice.schema(row));
}

const struct type lists_choices = {
    .name = "list of choices",
    .read = list_read_choices,
    .schema = list_schema_choices,
};

static void list_read_map(struct load *load, const struct setting *row, const struct yaml_node *node,
                          void *field)
{
    (void)row;
    (void)field;
    if (node->kind != YAML_MAPPING && node->kind != YAML_EMPTY)
        load_wrong(load, node, "a mapping of names to texts");
    for (const struct yaml_entry *entry = node->entries; entry && node->kind == YAML_MAPPING;
         entry = entry->next)
        load_scalar(load, entry->value, "a text");
}

static json_t *list_schema_map(const struct setting *row)
{
    return json_pack("{s:s,s:o}", "type", "object", "additionalProperties", types_schema_text(row));
}

const struct type lists_text_map = {
    .name = "mapping of names to texts",
    .read = list_read_map,
    .schema = list_schema_map,
};

static void list_read_anything(struct load *load, const struct setting *row, const struct yaml_node *node,
                               void *field)
{
    (void)load;
    (void)row;
    (void)node;
    (void)field;
}

static json_t *list_schema_anything(const struct setting *row)
{
    (void)row;
    return json_object();
}

const struct type lists_anything = {
    .name = "not settled",
    .read = list_read_anything,
    .schema = list_schema_anything,
};
