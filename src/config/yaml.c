/* libfyaml's events, one after another, become nodes on a stack of open mappings and sequences. */
#include <string.h>

#include <libfyaml.h>
#include <uthash.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "config/hints.h"
#include "config/yaml.h"

/* What has been named with & so far, and the keys of the open mappings. */
struct yaml_name {
    char *key;
    struct yaml_node *node;
    UT_hash_handle hh;
};

struct yaml_level {
    struct yaml_node *node;
    struct yaml_entry **end; /* where the next entry goes */
    struct yaml_node *key;   /* of a mapping: read, its value comes next */
    struct slice anchor;
};

struct yaml_reader {
    struct arena *memory;
    const char *file;
    struct slice source;
    struct config_errors *errors;
    struct fy_parser *parser;
    struct yaml_name *anchors;
    struct yaml_name *keys; /* of all mappings */
    struct yaml_level levels[YAML_DEPTH_LIMIT];
    size_t depth;
    size_t nodes;
    struct yaml_node *root;
    bool failed;
};

static struct config_place yaml_place(const struct yaml_reader *reader, const struct fy_mark *mark)
{
    if (!mark)
        return (struct config_place){.file = reader->file, .line = 1, .column = 1};
    return (struct config_place){.file = reader->file, .line = mark->line + 1, .column = mark->column + 1};
}

#define YAML_FAIL(reader, place, ...)                                                                        \
    (errors_add((reader)->errors, (place), __VA_ARGS__), (void)((reader)->failed = true))

static struct yaml_node *yaml_new(struct arena *memory, enum yaml_kind kind, struct config_place place)
{
    struct yaml_node *node = arena_new(memory, sizeof *node);
    CHECK(node);
    *node = (struct yaml_node){.kind = kind, .place = place, .weight = 1};
    return node;
}

struct yaml_node *yaml_new_scalar(struct arena *memory, struct slice text)
{
    struct yaml_node *node = yaml_new(memory, YAML_SCALAR, (struct config_place){0});
    node->plain = true;
    node->text = text;
    return node;
}

struct yaml_node *yaml_new_mapping(struct arena *memory, struct config_place place)
{
    return yaml_new(memory, YAML_MAPPING, place);
}

static struct yaml_entry *yaml_entry_new(struct arena *memory, struct yaml_node *key, struct yaml_node *value)
{
    struct yaml_entry *entry = arena_new(memory, sizeof *entry);
    CHECK(entry);
    *entry = (struct yaml_entry){.key = key, .value = value};
    return entry;
}

void yaml_append(struct arena *memory, struct yaml_node *node, struct yaml_node *key, struct yaml_node *value)
{
    struct yaml_entry **end = &node->entries;
    while (*end)
        end = &(*end)->next;
    *end = yaml_entry_new(memory, key, value);
}

struct yaml_entry *yaml_find(const struct yaml_node *mapping, struct slice key)
{
    if (mapping->kind != YAML_MAPPING)
        return NULL;
    for (struct yaml_entry *entry = mapping->entries; entry; entry = entry->next)
        if (slice_equal(entry->key->text, key))
            return entry;
    return NULL;
}

/* Tables are keyed by text; a scope's address in front of it makes one table serve many mappings. Gives the
 * entry, or adds one for `node` and gives NULL. */
static struct yaml_name *yaml_name_at(struct yaml_name **table, const void *scope, struct slice text,
                                      struct yaml_node *node)
{
    struct yaml_name *name = NULL;
    char *key = memory_format("%p " SLICE_FORMAT, scope, SLICE_ARGUMENTS(text));
    HASH_FIND_STR(*table, key, name);
    if (name || !node) {
        free(key);
        return name;
    }
    name = MEMORY_NEW(struct yaml_name);
    *name = (struct yaml_name){.key = key, .node = node};
    HASH_ADD_KEYPTR(hh, *table, name->key, strlen(name->key), name);
    return NULL;
}

static void yaml_names_free(struct yaml_name **table)
{
    struct yaml_name *name, *next;
    HASH_ITER(hh, *table, name, next)
    {
        HASH_DEL(*table, name);
        free(name->key);
        free(name);
    }
}

static struct slice yaml_token_text(struct fy_token *token)
{
    size_t size = 0;
    const char *text = token ? fy_token_get_text(token, &size) : NULL;
    return slice_of(text, text ? size : 0);
}

static void yaml_take_key(struct yaml_reader *reader, struct yaml_level *level, struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR) {
        YAML_FAIL(reader, node->place, "a key must be text%s",
                  node->kind == YAML_EMPTY ? ", found none before the colon" : ", found a list or a mapping");
        hints_add_to_last(reader->errors, reader->source);
        return;
    }
    struct yaml_name *earlier = yaml_name_at(&reader->keys, level->node, node->text, node);
    if (earlier)
        errors_add(reader->errors, node->place,
                   "the key \"" SLICE_FORMAT "\" is here for the second time, first in line %d",
                   SLICE_ARGUMENTS(node->text), earlier->node->place.line);
    level->key = node;
}

/* Puts a whole value where the parser stands. */
static void yaml_take(struct yaml_reader *reader, struct yaml_node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return;
    }
    struct yaml_level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == YAML_MAPPING && !level->key) {
        yaml_take_key(reader, level, node);
        return;
    }
    *level->end = yaml_entry_new(reader->memory, level->key, node);
    level->end = &(*level->end)->next;
    level->key = NULL;
    level->node->weight += node->weight;
}

/* libfyaml's marks are behind the quote or the *. */
static struct config_place yaml_place_before(const struct yaml_reader *reader, const struct fy_mark *mark)
{
    struct config_place place = yaml_place(reader, mark);
    place.column -= place.column > 1;
    return place;
}

/* Where a value without text stands: its key's place, or its list's. */
static struct config_place yaml_place_of_nothing(const struct yaml_reader *reader)
{
    if (reader->depth == 0)
        return yaml_place(reader, NULL);
    const struct yaml_level *level = &reader->levels[reader->depth - 1];
    return level->key ? level->key->place : level->node->place;
}

static void yaml_count(struct yaml_reader *reader, struct config_place place, size_t nodes)
{
    reader->nodes += nodes;
    if (reader->nodes > YAML_NODE_LIMIT)
        YAML_FAIL(reader, place, "too many values: more than %d, those that aliases (*) stand for included",
                  YAML_NODE_LIMIT);
}

static void yaml_anchor(struct yaml_reader *reader, struct slice name, struct yaml_node *node)
{
    if (name.size == 0)
        return;
    struct yaml_name *earlier = yaml_name_at(&reader->anchors, NULL, name, node);
    if (earlier)
        earlier->node = node;
}

static bool yaml_means_nothing(struct slice text)
{
    return text.size == 0 || slice_equal(text, SLICE("~")) || slice_equal(text, SLICE("null")) ||
           slice_equal(text, SLICE("Null")) || slice_equal(text, SLICE("NULL"));
}

static void yaml_read_scalar(struct yaml_reader *reader, struct fy_event *event)
{
    struct fy_token *token = event->scalar.value;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    struct slice text = yaml_token_text(token);
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    bool plain = style == FYSS_PLAIN, quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    struct config_place place = !mark    ? yaml_place_of_nothing(reader)
                                : quoted ? yaml_place_before(reader, mark)
                                         : yaml_place(reader, mark);
    struct yaml_node *node = yaml_new(reader->memory, YAML_SCALAR, place);
    node->plain = plain;
    if (plain && yaml_means_nothing(text))
        node->kind = YAML_EMPTY;
    node->text = arena_copy(reader->memory, text);
    yaml_count(reader, place, 1);
    if (slice_find(text, '\0') != text.size)
        YAML_FAIL(reader, place, "a NUL character cannot be part of a value");
    yaml_anchor(reader, yaml_token_text(event->scalar.anchor), node);
    yaml_take(reader, node);
}

static void yaml_read_alias(struct yaml_reader *reader, struct fy_event *event)
{
    struct slice text = yaml_token_text(event->alias.anchor);
    struct config_place place = yaml_place_before(reader, fy_event_start_mark(event));
    struct yaml_name *name = yaml_name_at(&reader->anchors, NULL, text, NULL);
    if (!name) {
        YAML_FAIL(reader, place,
                  "*" SLICE_FORMAT " stands for a value named &" SLICE_FORMAT ", and none is before it",
                  SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(text));
        hints_add_to_last(reader->errors, reader->source);
        return;
    }
    yaml_count(reader, place, name->node->weight);
    yaml_take(reader, name->node);
}

static void yaml_open(struct yaml_reader *reader, struct fy_event *event, enum yaml_kind kind,
                      struct fy_token *anchor)
{
    struct config_place place = yaml_place(reader, fy_event_start_mark(event));
    if (reader->depth == YAML_DEPTH_LIMIT) {
        YAML_FAIL(reader, place, "lists and mappings are nested more than %d deep", YAML_DEPTH_LIMIT);
        return;
    }
    struct yaml_node *node = yaml_new(reader->memory, kind, place);
    struct yaml_level *level = &reader->levels[reader->depth++];
    *level = (struct yaml_level){.node = node, .end = &node->entries};
    level->anchor = arena_copy(reader->memory, yaml_token_text(anchor));
    yaml_count(reader, place, 1);
}

static void yaml_close(struct yaml_reader *reader)
{
    struct yaml_level level = reader->levels[--reader->depth];
    yaml_anchor(reader, level.anchor, level.node);
    yaml_take(reader, level.node);
}

static struct fy_token *yaml_event_tag(struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR:
        return event->scalar.tag;
    case FYET_MAPPING_START:
        return event->mapping_start.tag;
    case FYET_SEQUENCE_START:
        return event->sequence_start.tag;
    default:
        return NULL;
    }
}

static void yaml_read_event(struct yaml_reader *reader, struct fy_event *event)
{
    struct fy_token *tag = yaml_event_tag(event);
    if (tag) {
        YAML_FAIL(reader, yaml_place(reader, fy_token_start_mark(tag)),
                  "tags (words that start with !) are not used here; text that starts with ! needs quotes");
        return;
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (reader->root)
            YAML_FAIL(reader, yaml_place(reader, fy_event_start_mark(event)),
                      "a second document (after ---); a configuration is one document");
        break;
    case FYET_MAPPING_START:
        yaml_open(reader, event, YAML_MAPPING, event->mapping_start.anchor);
        break;
    case FYET_SEQUENCE_START:
        yaml_open(reader, event, YAML_SEQUENCE, event->sequence_start.anchor);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        yaml_close(reader);
        break;
    case FYET_SCALAR:
        yaml_read_scalar(reader, event);
        break;
    case FYET_ALIAS:
        yaml_read_alias(reader, event);
        break;
    default:
        break;
    }
}

/* The parser has stopped: its own first error, with what a beginner probably meant. */
static void yaml_report(struct yaml_reader *reader, struct fy_diag *diag)
{
    void *position = NULL;
    const struct fy_diag_error *found = fy_diag_errors_iterate(diag, &position);
    struct config_place place = {.file = reader->file, .line = 1, .column = 1};
    if (found && found->line > 0)
        place = (struct config_place){.file = reader->file, .line = found->line, .column = found->column};
    YAML_FAIL(reader, place, "this is not YAML: %s", found && found->msg ? found->msg : "unreadable");
    hints_add_to_unread(reader->errors, reader->source);
}

static void yaml_run(struct yaml_reader *reader)
{
    struct fy_diag_cfg diag_settings;
    fy_diag_cfg_default(&diag_settings);
    diag_settings.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_settings);
    CHECK(diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg settings = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    reader->parser = fy_parser_create(&settings);
    CHECK(reader->parser);
    if (fy_parser_set_string(reader->parser, reader->source.data, reader->source.size) != 0)
        yaml_report(reader, diag);
    struct fy_event *event;
    while (!reader->failed && (event = fy_parser_parse(reader->parser))) {
        yaml_read_event(reader, event);
        fy_parser_event_free(reader->parser, event);
    }
    if (!reader->failed && fy_parser_get_stream_error(reader->parser))
        yaml_report(reader, diag);
    fy_parser_destroy(reader->parser);
    fy_diag_destroy(diag);
}

/* The size of the character at the start; 0 when it is none, or one that YAML does not allow. */
static size_t yaml_character(struct slice text)
{
    unsigned char first = (unsigned char)text.data[0];
    bool control = (first < 0x20 && !strchr("\t\n\r", first)) || first == 0x7f || first == 0;
    int size = utf8_character(text);
    return control || size <= 0 ? 0 : (size_t)size;
}

static bool yaml_check_characters(struct yaml_reader *reader)
{
    struct config_place place = {.file = reader->file, .line = 1, .column = 1};
    struct slice rest = reader->source;
    while (rest.size) {
        size_t size = yaml_character(rest);
        if (size == 0) {
            YAML_FAIL(reader, place, "byte 0x%02x: this is not UTF-8 text", (unsigned char)rest.data[0]);
            return false;
        }
        bool ended = rest.data[0] == '\n';
        place.line += ended;
        place.column = ended ? 1 : place.column + 1;
        rest = slice_from(rest, size);
    }
    return true;
}

struct yaml_node *yaml_parse(struct arena *memory, const char *file, struct slice text,
                             struct config_errors *errors)
{
    static const struct slice byte_order_mark = {"\xef\xbb\xbf", 3};
    if (slice_starts_with(text, byte_order_mark))
        text = slice_from(text, byte_order_mark.size);
    struct yaml_reader reader = {.memory = memory, .file = file, .source = text, .errors = errors};
    if (text.size > YAML_FILE_LIMIT)
        YAML_FAIL(&reader, yaml_place(&reader, NULL), "larger than %d bytes", YAML_FILE_LIMIT);
    else if (yaml_check_characters(&reader))
        yaml_run(&reader);
    yaml_names_free(&reader.anchors);
    yaml_names_free(&reader.keys);
    if (reader.failed)
        return NULL;
    bool nothing = !reader.root || reader.root->kind == YAML_EMPTY;
    return nothing ? yaml_new_mapping(memory, yaml_place(&reader, NULL)) : reader.root;
}
