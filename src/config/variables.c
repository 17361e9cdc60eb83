/* `env` and `env_file`: the variables of a service. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/load.h"
#include "config/services.h"

enum { VARIABLES_FILE_LIMIT = 256 * 1024, VARIABLES_SECRET_LIMIT = 64 * 1024 };

static const char variables_name_pattern[] = "[A-Za-z_][A-Za-z0-9_]*";

static char *variables_secret_file(struct load *load, const struct yaml_node *node)
{
    struct slice path = load_scalar(load, node, "a path");
    struct error error = {0};
    size_t size = 0;
    if (!path.data)
        return NULL;
    char *file = load_absolute(load, load_directory(load, node->place), path);
    char *text = load_read(load, file, VARIABLES_SECRET_LIMIT, &size, &error);
    if (!text) {
        LOAD_ERROR(load, node, "%s", error.text);
        return NULL;
    }
    load_note_source(load, file);
    while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    bool whole = memchr(text, '\0', size) == NULL;
    if (!whole)
        LOAD_ERROR(load, node, "%s has a NUL byte, which a variable cannot have", file);
    char *value = whole ? load_literal(load, slice_of(text, size)) : NULL;
    free(text);
    return value;
}

static char *variables_secret_variable(struct load *load, const struct yaml_node *node)
{
    struct slice name = load_scalar(load, node, "the name of a variable");
    if (!name.data)
        return NULL;
    const char *value = load_variable(load, name);
    if (!value)
        LOAD_ERROR(load, node, "the variable " SLICE_FORMAT " is not set", SLICE_ARGUMENTS(name));
    return value ? load_literal(load, slice_of_text(value)) : NULL;
}

/* {file: PATH} or {env: NAME} */
static char *variables_secret(struct load *load, const struct yaml_node *node)
{
    const struct yaml_entry *only = node->entries && !node->entries->next ? node->entries : NULL;
    bool file = only && slice_equal(only->key->text, SLICE("file"));
    bool variable = only && slice_equal(only->key->text, SLICE("env"));
    if (!file && !variable) {
        load_wrong(load, node, "a text, {file: PATH} or {env: NAME}");
        return NULL;
    }
    if (load->later)
        return NULL;
    return file ? variables_secret_file(load, only->value) : variables_secret_variable(load, only->value);
}

static char *variables_value(struct load *load, const struct yaml_node *node)
{
    if (node->kind == YAML_MAPPING)
        return variables_secret(load, node);
    if (node->kind == YAML_EMPTY) {
        LOAD_ERROR(load, node,
                   "a value is missing; \"\" is the empty text, and pass_env passes reeve's own on");
        return NULL;
    }
    struct slice text = load_template(load, node, "a text, {file: PATH} or {env: NAME}");
    return text.data ? load_text(load, text) : NULL;
}

static void variables_read_one(struct load *load, const struct yaml_entry *entry,
                               struct config_variables *variables)
{
    struct slice name = entry->key->text;
    size_t mark = load_enter(load, name);
    if (!types_match(variables_name_pattern, name))
        LOAD_ERROR(load, entry->key, "the name of a variable has only letters, digits and _");
    char *value = variables_value(load, entry->value);
    if (value) {
        struct config_variable *variable = load_append(load, variables, sizeof *variable);
        *variable = (struct config_variable){.place = entry->key->place,
                                             .name = load_text(load, name),
                                             .value = value,
                                             .secret = entry->value->kind == YAML_MAPPING};
    }
    load_leave(load, mark);
}

static void variables_read(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    (void)row;
    if (node->kind != YAML_MAPPING && node->kind != YAML_EMPTY) {
        load_wrong(load, node, "a mapping of names to values, such as {LOG: debug}");
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next)
        variables_read_one(load, entry, field);
}

static json_t *variables_show(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_variables *variables = field;
    json_t *shown = variables->count ? json_object() : NULL;
    for (size_t i = 0; i < variables->count; i++) {
        const struct config_variable *variable = &variables->items[i];
        json_object_set_new(shown, variable->name,
                            types_show_template(variable->secret ? "***" : variable->value));
    }
    return shown;
}

static json_t *variables_schema(const struct setting *row)
{
    (void)row;
    const char *secrets = "{s:s,s:b,s:i,s:i,s:{s:{s:s},s:{s:s}}}";
    json_t *secret =
        json_pack(secrets, "type", "object", "additionalProperties", 0, "minProperties", 1, "maxProperties",
                  1, "properties", "file", "type", "string", "env", "type", "string");
    return json_pack("{s:s,s:{s:s},s:{s:[{s:[s,s,s]},o]}}", "type", "object", "propertyNames", "pattern",
                     "^[A-Za-z_][A-Za-z0-9_]*$", "additionalProperties", "anyOf", "type", "string", "number",
                     "boolean", secret);
}

const struct type variables_type = {
    .name = "mapping of names to texts",
    .read = variables_read,
    .show = variables_show,
    .schema = variables_schema,
    .last = true,
};

/* "..." with \n, \" and so on, or '...' as it stands; `text` starts with the quote. False: no closing quote,
 * or something after it. */
static bool variables_quoted(struct slice text, struct buffer *value)
{
    char quote = text.data[0];
    size_t i = 1;
    for (; i < text.size && text.data[i] != quote; i++) {
        char next = text.data[i];
        if (quote == '"' && next == '\\' && i + 1 < text.size) {
            next = text.data[++i];
            next = next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : next;
        }
        buffer_append(value, slice_of(&next, 1));
    }
    struct slice after = slice_trim(slice_from(text, i + 1));
    return i < text.size && (after.size == 0 || after.data[0] == '#');
}

static bool variables_unquote(struct slice text, struct buffer *value)
{
    if (text.size && (text.data[0] == '"' || text.data[0] == '\''))
        return variables_quoted(text, value);
    size_t end = 0;
    while (end < text.size && !(text.data[end] == '#' && (end == 0 || strchr(" \t", text.data[end - 1]))))
        end++;
    return buffer_append(value, slice_trim(slice_between(text, 0, end)));
}

/* One line "NAME=value", perhaps with "export " before it. */
static void variables_read_line(struct load *load, struct config_place place, struct slice line)
{
    struct slice text = slice_trim(line);
    if (text.size == 0 || text.data[0] == '#')
        return;
    if (slice_starts_with(text, SLICE("export ")))
        text = slice_trim(slice_from(text, SLICE("export ").size));
    size_t equals = slice_find(text, '=');
    struct slice name = slice_trim(slice_between(text, 0, equals));
    struct buffer value = BUFFER(VARIABLES_FILE_LIMIT);
    if (equals == text.size || !types_match(variables_name_pattern, name)) {
        errors_add(load->errors, place, "%s: expected a line NAME=value", load->path);
    } else if (!variables_unquote(slice_trim(slice_from(text, equals + 1)), &value)) {
        errors_add(load->errors, place, "%s: the value's quote is not closed at the end of the line",
                   load->path);
    } else {
        struct config_variable *variable = load_append(load, &load->env_file, sizeof *variable);
        *variable = (struct config_variable){.place = place,
                                             .name = load_text(load, name),
                                             .value = load_text(load, buffer_slice(&value)),
                                             .secret = true};
    }
    buffer_free(&value);
}

static void variables_read_file(struct load *load, const struct yaml_node *node,
                                struct config_service *service)
{
    struct slice path = load_scalar(load, node, "a path");
    struct error error = {0};
    size_t size = 0;
    if (!path.data || load->later)
        return;
    char *file = load_absolute(load, services_directory(load, node->place), path);
    char *text = load_read(load, file, VARIABLES_FILE_LIMIT, &size, &error);
    if (!text) {
        LOAD_ERROR(load, node, "%s", error.text);
        return;
    }
    *(char **)load_append(load, &service->env_files, sizeof file) = file;
    load_note_source(load, file);
    if (memchr(text, '\0', size))
        LOAD_ERROR(load, node, "%s has a NUL byte", file);
    struct config_place place = {.file = file, .column = 1};
    struct slice rest = slice_of(text, strlen(text)), line;
    while (slice_next(&rest, '\n', &line)) {
        place.line++;
        if (slice_ends_with(line, SLICE("\r")))
            line.size--;
        variables_read_line(load, place, line);
    }
    free(text);
}

static void variables_read_files(struct load *load, const struct setting *row, const struct yaml_node *node,
                                 void *field)
{
    (void)row;
    if (node->kind != YAML_SEQUENCE) {
        variables_read_file(load, node, field);
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next)
        variables_read_file(load, entry->value, field);
}

static json_t *variables_show_files(const struct setting *row, const void *field)
{
    const struct config_service *service = field;
    return lists_paths.show(row, &service->env_files);
}

static json_t *variables_schema_files(const struct setting *row)
{
    return lists_paths.schema(row);
}

const struct type variables_files = {
    .name = "path or list of paths",
    .read = variables_read_files,
    .show = variables_show_files,
    .schema = variables_schema_files,
};
