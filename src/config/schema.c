/* Each row becomes the schema of its key; sections nest as the table does. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/schema.h"
#include "config/setting.h"

static json_t *schema_of(const struct setting *row);

static json_t *schema_default(const struct setting *row)
{
    json_t *value = row->type == &types_count || row->type == &types_flag
                        ? json_loads(row->standard, JSON_DECODE_ANY, NULL)
                        : NULL;
    return value ? value : json_string(row->standard);
}

static void schema_describe(const struct setting *row, json_t *schema)
{
    char *text = memory_format("%s%s%s%s", row->about, row->computed ? " Default: " : "",
                               row->computed ? row->computed : "", row->later ? " (Not supported yet.)" : "");
    json_object_set_new(schema, "description", json_string(text));
    if (row->standard)
        json_object_set_new(schema, "default", schema_default(row));
    free(text);
}

static json_t *schema_section(const struct setting *row)
{
    json_t *properties = json_object(), *required = json_array();
    const struct setting *child = NULL;
    while ((child = setting_child(row, child))) {
        struct slice key = setting_key(child);
        json_object_setn_new(properties, key.data, key.size, schema_of(child));
        if (child->required)
            json_array_append_new(required, json_stringn(key.data, key.size));
    }
    json_t *object = json_pack("{s:[s,s],s:b,s:o}", "type", "object", "null", "additionalProperties", 0,
                               "properties", properties);
    if (json_array_size(required))
        json_object_set(object, "required", required);
    json_decref(required);
    if (!row || !row->short_form)
        return object;
    const struct setting *short_form = setting_child_named(row, slice_of_text(row->short_form));
    return json_pack("{s:[o,o]}", "anyOf", short_form->type->schema(short_form), object);
}

static json_t *schema_entries(const struct setting *row)
{
    char *pattern = memory_format("^(?:%s)$", row->pattern);
    json_t *schema = json_pack("{s:[s,s],s:{s:s},s:o}", "type", "object", "null", "propertyNames", "pattern",
                               pattern, "additionalProperties", schema_of(setting_child(row, NULL)));
    free(pattern);
    return schema;
}

static json_t *schema_of(const struct setting *row)
{
    json_t *schema = NULL;
    switch (row->type->shape) {
    case TYPE_VALUE:
        schema = row->type->schema(row);
        break;
    case TYPE_SECTION:
        schema = schema_section(row);
        break;
    case TYPE_ENTRIES:
        schema = schema_entries(row);
        break;
    case TYPE_ITEMS:
        schema =
            json_pack("{s:[s,s],s:o}", "type", "array", "null", "items", schema_of(setting_child(row, NULL)));
        break;
    }
    schema_describe(row, schema);
    return schema;
}

json_t *schema_json(void)
{
    json_t *root =
        json_pack("{s:s,s:s,s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  "reeve.yaml", "description", "The configuration of reeve (docs/configuration.md).");
    json_t *section = schema_section(NULL);
    json_object_update(root, section);
    json_decref(section);
    json_object_set_new(root, "$defs",
                        json_pack("{s:{s:s,s:s,s:s}}", "interpolated", "description",
                                  "Text with ${NAME}, ${NAME:-default} or ${NAME:?message}.", "type",
                                  "string", "pattern", "\\$\\{.+\\}"));
    return root;
}
