/* The structs are walked along the table into JSON; the text is that JSON as YAML. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "config/load.h"
#include "config/show.h"
#include "config/written.h"

enum { SHOW_TEXT_LIMIT = 64 << 20 };

/* Collects the keys nobody wrote, when asked for. */
struct show {
    json_t *defaults;
    const struct setting *item_row; /* of the item being shown */
    char path[LOAD_PATH_SIZE];
};

static json_t *show_section(struct show *show, const struct setting *row, const struct config_item *item);

/* Every list of items begins like this one; a named item has its name after the struct config_item. */
struct show_list {
    const char *items;
    size_t count;
};

static size_t show_enter(struct show *show, struct slice segment, bool dot)
{
    size_t mark = strlen(show->path);
    snprintf(show->path + mark, sizeof show->path - mark, "%s" SLICE_FORMAT, mark && dot ? "." : "",
             SLICE_ARGUMENTS(segment));
    return mark;
}

static const char *show_name(const struct config_item *item)
{
    const char *name;
    memcpy(&name, item + 1, sizeof name);
    return name;
}

static json_t *show_list(struct show *show, const struct setting *row, const void *field)
{
    bool named = row->type->shape == TYPE_ENTRIES;
    struct show_list list;
    memcpy(&list, field, sizeof list);
    json_t *all = !list.count ? NULL : named ? json_object() : json_array();
    for (size_t i = 0; i < list.count; i++) {
        const struct config_item *item = (const void *)(list.items + i * row->item_size);
        char index[32];
        snprintf(index, sizeof index, "[%zu]", i);
        size_t mark = show_enter(show, slice_of_text(named ? show_name(item) : index), named);
        show->item_row = setting_child(row, NULL);
        json_t *shown = show_section(show, show->item_row, item);
        show->item_row = NULL;
        if (named)
            json_object_set_new(all, show_name(item), shown);
        else
            json_array_append_new(all, shown);
        show->path[mark] = '\0';
    }
    return all;
}

static json_t *show_value(struct show *show, const struct setting *row, const struct config_item *item)
{
    const void *field = row->at ? (const char *)item + row->at - 1 : NULL;
    switch (row->type->shape) {
    case TYPE_SECTION:
        return show_section(show, row, item);
    case TYPE_ENTRIES:
    case TYPE_ITEMS:
        return field ? show_list(show, row, field) : NULL;
    case TYPE_VALUE:
        break;
    }
    json_t *shown = field && row->type->show ? row->type->show(row, field) : NULL;
    char *key = slice_to_text(setting_item_key(row));
    if (shown && show->defaults && !written_find(item, key))
        json_array_append_new(show->defaults, json_string(show->path));
    free(key);
    return shown;
}

static json_t *show_section(struct show *show, const struct setting *row, const struct config_item *item)
{
    json_t *keys = json_object();
    const struct setting *child = NULL;
    while ((child = setting_child(row, child))) {
        bool applies = !show->item_row || !show->item_row->applies || show->item_row->applies(item, child);
        if ((child->later && !child->harmless) || !applies)
            continue;
        struct slice key = setting_key(child);
        size_t mark = show_enter(show, key, true);
        json_t *value = show_value(show, child, item);
        bool nothing = !value || (child->type->shape == TYPE_SECTION && json_object_size(value) == 0);
        if (!nothing)
            json_object_setn_new(keys, key.data, key.size, value);
        else
            json_decref(value);
        show->path[mark] = '\0';
    }
    return keys;
}

json_t *show_json(const struct config *config, bool mark_defaults)
{
    struct show show = {.defaults = mark_defaults ? json_array() : NULL};
    json_t *whole = show_section(&show, NULL, &config->item);
    return mark_defaults ? json_pack("{s:o,s:o}", "config", whole, "defaults", show.defaults) : whole;
}

/* The JSON as YAML; a path is kept beside it to know which keys are defaults. */
struct show_yaml {
    struct buffer out;
    const json_t *defaults; /* paths in the order of the text */
    size_t next;
    char path[LOAD_PATH_SIZE];
};

/* Plain where no YAML reader can take it for something else. */
static bool show_is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0)
            return false;
    return types_match("-{0,2}[A-Za-z/][A-Za-z0-9._/-]*|[0-9]+(ms|s|m|h|d|k|M|G)|[0-9]{4,5}-[0-9]{4,5}",
                       slice_of_text(text));
}

static void show_scalar(struct show_yaml *yaml, const json_t *value)
{
    if (json_is_string(value) && show_is_plain(json_string_value(value))) {
        buffer_append_text(&yaml->out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    buffer_append_text(&yaml->out, text ? text : "");
    free(text);
}

static void show_line_end(struct show_yaml *yaml)
{
    const char *next = json_string_value(json_array_get(yaml->defaults, yaml->next));
    bool is_default = next && strcmp(next, yaml->path) == 0;
    yaml->next += is_default;
    buffer_append_text(&yaml->out, is_default ? " # default\n" : "\n");
}

static void show_flow_list(struct show_yaml *yaml, const json_t *list)
{
    buffer_append_text(&yaml->out, "[");
    for (size_t i = 0; i < json_array_size(list); i++) {
        buffer_append_text(&yaml->out, i ? ", " : "");
        show_scalar(yaml, json_array_get(list, i));
    }
    buffer_append_text(&yaml->out, "]");
}

static void show_mapping(struct show_yaml *yaml, const json_t *mapping, int indent, bool after_dash);

static void show_items(struct show_yaml *yaml, const json_t *list, int indent)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t mark = strlen(yaml->path);
        snprintf(yaml->path + mark, sizeof yaml->path - mark, "[%zu]", i);
        buffer_append_format(&yaml->out, "%*s- ", indent, "");
        show_mapping(yaml, json_array_get(list, i), indent + 2, true);
        yaml->path[mark] = '\0';
    }
}

static void show_key(struct show_yaml *yaml, const char *key, const json_t *value, int indent)
{
    json_t *name = json_string(key);
    show_scalar(yaml, name);
    json_decref(name);
    buffer_append_text(&yaml->out, ":");
    if (json_is_object(value)) {
        show_line_end(yaml);
        show_mapping(yaml, value, indent + 2, false);
    } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        show_line_end(yaml);
        show_items(yaml, value, indent + 2);
    } else {
        buffer_append_text(&yaml->out, " ");
        if (json_is_array(value))
            show_flow_list(yaml, value);
        else
            show_scalar(yaml, value);
        show_line_end(yaml);
    }
}

static void show_mapping(struct show_yaml *yaml, const json_t *mapping, int indent, bool after_dash)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)mapping, key, value)
    {
        size_t mark = strlen(yaml->path);
        snprintf(yaml->path + mark, sizeof yaml->path - mark, "%s%s", mark ? "." : "", key);
        buffer_append_format(&yaml->out, "%*s", after_dash ? 0 : indent, "");
        show_key(yaml, key, value, indent);
        yaml->path[mark] = '\0';
        after_dash = false;
    }
    if (json_object_size(mapping) == 0)
        buffer_append_text(&yaml->out, after_dash ? "{}\n" : "");
}

char *show_text(const struct config *config)
{
    json_t *whole = show_json(config, true);
    struct show_yaml yaml = {.out = BUFFER(SHOW_TEXT_LIMIT), .defaults = json_object_get(whole, "defaults")};
    show_mapping(&yaml, json_object_get(whole, "config"), 0, false);
    char *text = slice_to_text(buffer_slice(&yaml.out));
    buffer_free(&yaml.out);
    json_decref(whole);
    return text;
}
