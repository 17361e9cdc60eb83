/* Each section asks the table for its keys, takes those that are written, gives the others their default, and
 * reports what is left over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/hints.h"
#include "config/walk.h"
#include "config/written.h"

/* The struct that receives the values of a section; item NULL: nowhere, they are only read over. */
struct walk_target {
    struct config_item *item;
};

static void walk_value(struct load *load, const struct setting *row, const struct yaml_node *node,
                       struct walk_target target);

static void *walk_field(const struct setting *row, struct walk_target target, void *scratch)
{
    if (!target.item || row->at == 0)
        return memset(scratch, 0, TYPE_FIELD_MOST);
    return (char *)target.item + row->at - 1;
}

/* "a, b and c": the keys a section may have. */
static char *walk_allowed(const struct setting *parent)
{
    struct buffer text = BUFFER(4096);
    const struct setting *row = NULL;
    while ((row = setting_child(parent, row))) {
        if (!row->later)
            buffer_append_format(&text, "%s" SLICE_FORMAT, buffer_size(&text) ? ", " : "",
                                 SLICE_ARGUMENTS(setting_key(row)));
    }
    char *allowed = slice_to_text(buffer_slice(&text));
    buffer_free(&text);
    return allowed;
}

static void walk_unknown(struct load *load, const struct setting *parent, const struct yaml_node *key)
{
    const char *meant = setting_meant(parent, key->text);
    size_t mark = load_enter(load, key->text);
    if (slice_equal(key->text, SLICE("<<"))) {
        LOAD_ERROR(load, key,
                   "merge keys are not part of YAML 1.2; name the whole value with & and use it with *");
    } else if (meant) {
        LOAD_ERROR(load, key, "there is no such key; did you mean \"%s\"?", meant);
    } else {
        char *allowed = walk_allowed(parent);
        LOAD_ERROR(load, key, "there is no such key; allowed here: %s", allowed);
        free(allowed);
    }
    hints_add_to_last(load->errors, load_source(load, key->place));
    load_leave(load, mark);
}

static void walk_leftover(struct load *load, const struct setting *parent, const struct yaml_node *mapping)
{
    for (const struct yaml_entry *entry = mapping->entries; entry; entry = entry->next)
        if (!setting_child_named(parent, entry->key->text))
            walk_unknown(load, parent, entry->key);
}

static bool walk_is_later(const struct setting *row, const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR ? !setting_is_built(row, node->text) : row->later;
}

/* Of a key that has values that are built, it is the value that is not: "auth.method: pam is not ...". */
static void walk_refuse_later(struct load *load, const struct setting *row, const struct yaml_entry *entry)
{
    struct config_place place = entry->key->place;
    struct slice value = entry->value->text;
    if (row->harmless && row->values && entry->value->kind == YAML_SCALAR &&
        slice_find(value, '$') == value.size)
        errors_add(load->errors, place, "%s: " SLICE_FORMAT " is not supported yet; built: %s", load->path,
                   SLICE_ARGUMENTS(value), row->harmless);
    else
        errors_add(load->errors, place, "%s is not supported yet", load->path);
}

/* "Not supported yet" is said once, at the outermost key; everything in it is still read over. */
static void walk_entry(struct load *load, const struct setting *row, const struct yaml_entry *entry,
                       struct walk_target target)
{
    size_t mark = load_enter(load, setting_key(row));
    bool outer = load->later;
    load->later = outer || walk_is_later(row, entry->value);
    if (load->later && !outer) {
        walk_refuse_later(load, row, entry);
        load->refused = true;
    }
    if (load->later)
        target.item = NULL;
    else if (target.item)
        written_add(load, target.item, setting_item_key(row), entry->key->place);
    walk_value(load, row, entry->value, target);
    load->later = outer;
    load_leave(load, mark);
}

static void walk_default(struct load *load, const struct setting *row, struct walk_target target)
{
    if (!target.item || (row->later && !row->harmless))
        return;
    size_t mark = load_enter(load, setting_key(row));
    if (row->type->shape == TYPE_SECTION)
        walk_value(load, row, yaml_new_mapping(load->tree, (struct config_place){0}), target);
    else if (row->standard)
        walk_value(load, row, yaml_new_scalar(load->tree, slice_of_text(row->standard)), target);
    load_leave(load, mark);
}

static void walk_keys(struct load *load, const struct setting *parent, const struct yaml_node *mapping,
                      struct walk_target target, bool last)
{
    const struct setting *row = NULL;
    while ((row = setting_child(parent, row))) {
        if (row->type->last != last)
            continue;
        const struct yaml_entry *entry = yaml_find(mapping, setting_key(row));
        if (entry)
            walk_entry(load, row, entry, target);
        else if (row->required && !load->later && !load_item_failed(load))
            LOAD_ERROR(load, mapping, "the key \"" SLICE_FORMAT "\" is missing",
                       SLICE_ARGUMENTS(setting_key(row)));
        else
            walk_default(load, row, target);
    }
}

static char *walk_expected(const struct setting *row, const char *what)
{
    return row && row->example ? memory_format("%s, such as %s", what, row->example) : memory_text(what);
}

static void walk_section(struct load *load, const struct setting *row, const struct yaml_node *node,
                         struct walk_target target)
{
    const struct yaml_node *mapping = node;
    if (node->kind == YAML_EMPTY) {
        mapping = yaml_new_mapping(load->tree, node->place);
    } else if (node->kind == YAML_SCALAR && row && row->short_form) {
        struct yaml_node *made = yaml_new_mapping(load->tree, node->place);
        struct yaml_node *key = yaml_new_scalar(load->tree, slice_of_text(row->short_form));
        key->place = node->place;
        yaml_append(load->tree, made, key, (struct yaml_node *)(uintptr_t)node);
        mapping = made;
    } else if (node->kind != YAML_MAPPING) {
        char *expected = walk_expected(row, "a mapping of keys");
        load_wrong(load, node, expected);
        free(expected);
        return;
    }
    walk_leftover(load, row, mapping);
    walk_keys(load, row, mapping, target, false);
    walk_keys(load, row, mapping, target, true);
}

/* One struct of a list or of named entries. */
static void walk_item(struct load *load, const struct setting *list, const struct yaml_entry *entry,
                      void *field)
{
    const struct setting *row = setting_child(list, NULL);
    struct walk_target target = {0};
    if (!load->later) {
        target.item = load_append(load, field, list->item_size);
        target.item->place = entry->key ? entry->key->place : entry->value->place;
    }
    struct config_service *outer = load->service;
    load->item_errors = load->errors->count + load->errors->dropped;
    if (row->begin && target.item)
        row->begin(load, target.item, entry->key);
    walk_section(load, row, entry->value, target);
    if (row->finish && target.item)
        row->finish(load, target.item);
    load->service = outer;
}

static bool walk_name_fits(const struct setting *row, struct slice name)
{
    return !row->pattern || types_match(row->pattern, name);
}

static void walk_entries(struct load *load, const struct setting *row, const struct yaml_node *node,
                         void *field)
{
    if (node->kind == YAML_EMPTY)
        return;
    if (node->kind != YAML_MAPPING) {
        char *expected = walk_expected(row, "a mapping of names");
        load_wrong(load, node, expected);
        free(expected);
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next) {
        size_t mark = load_enter(load, entry->key->text);
        if (!walk_name_fits(row, entry->key->text))
            LOAD_ERROR(load, entry->key, "the name \"" SLICE_FORMAT "\" does not match %s",
                       SLICE_ARGUMENTS(entry->key->text), row->pattern);
        else
            walk_item(load, row, entry, field);
        load_leave(load, mark);
    }
}

/* One text where a list belongs is mostly the first key of its only item: the line as it should be. */
static void walk_no_list(struct load *load, const struct setting *row, const struct yaml_node *node)
{
    const struct setting *first = setting_child(setting_child(row, NULL), NULL);
    struct slice key = setting_key(row), item = first ? setting_key(first) : (struct slice){0};
    bool fits =
        node->kind == YAML_SCALAR && item.data && first->type->shape == TYPE_VALUE &&
        (slice_find(node->text, ':') < node->text.size || slice_find(node->text, '/') < node->text.size);
    char *expected =
        fits ? memory_format("a list; write " SLICE_FORMAT ": [{" SLICE_FORMAT ": \"" SLICE_FORMAT "\"}]",
                             SLICE_ARGUMENTS(key), SLICE_ARGUMENTS(item), SLICE_ARGUMENTS(node->text))
             : walk_expected(row, "a list");
    load_wrong(load, node, expected);
    free(expected);
}

static void walk_items(struct load *load, const struct setting *row, const struct yaml_node *node,
                       void *field)
{
    if (node->kind == YAML_EMPTY)
        return;
    if (node->kind != YAML_SEQUENCE) {
        walk_no_list(load, row, node);
        return;
    }
    size_t index = 0;
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next, index++) {
        char number[32];
        snprintf(number, sizeof number, "[%zu]", index);
        size_t mark = load_enter(load, slice_of_text(number));
        walk_item(load, row, entry, field);
        load_leave(load, mark);
    }
}

static void walk_value(struct load *load, const struct setting *row, const struct yaml_node *node,
                       struct walk_target target)
{
    _Alignas(max_align_t) char scratch[TYPE_FIELD_MOST];
    switch (row->type->shape) {
    case TYPE_VALUE:
        row->type->read(load, row, node, walk_field(row, target, scratch));
        break;
    case TYPE_SECTION:
        walk_section(load, row, node, target);
        break;
    case TYPE_ENTRIES:
        walk_entries(load, row, node, walk_field(row, target, scratch));
        break;
    case TYPE_ITEMS:
        walk_items(load, row, node, walk_field(row, target, scratch));
        break;
    }
}

void walk_tree(struct load *load, const struct yaml_node *root)
{
    struct walk_target target = {.item = &load->config->item};
    walk_section(load, NULL, root, target);
}
