/* YAML 1.2 text as a tree in which every value knows its place. The only file that calls libfyaml.
 *
 * Scalars stay text: what `true` or `10` means is up to the setting that asks, and a quoted one is
 * text only. An alias is the node of its anchor, with the anchor's place. Refused with their place:
 * keys twice in one mapping, keys that are not plain text, tags, a second document, anchors inside
 * themselves, text that is not UTF-8, and what exceeds the caps below. */
#pragma once

#include "base/arena.h"

#include "config/errors.h"

enum {
    YAML_FILE_LIMIT = 1 << 20,
    YAML_DEPTH_LIMIT = 24,
    YAML_NODE_LIMIT = 100000, /* aliases count as what they stand for */
};

enum yaml_kind {
    YAML_EMPTY, /* no value: `key:`, `key: ~`, `key: null` */
    YAML_SCALAR,
    YAML_SEQUENCE,
    YAML_MAPPING,
};

struct yaml_node {
    struct config_place place;
    enum yaml_kind kind;
    bool plain;                 /* a scalar without quotes, not a block of text */
    struct slice text;          /* of a scalar; a NUL follows */
    struct yaml_entry *entries; /* of a sequence or mapping, in order */
    size_t weight;              /* nodes in it, itself included */
};

struct yaml_entry {
    struct yaml_entry *next;
    struct yaml_node *key; /* NULL in a sequence */
    struct yaml_node *value;
};

/* The tree of `text`, in `memory`; `file` (kept, not copied) is the file of all places. NULL with one error,
 * that of the first thing wrong. A file without any value gives an empty mapping. */
struct yaml_node *yaml_parse(struct arena *memory, const char *file, struct slice text,
                             struct config_errors *errors);

/* The entry with this key in a mapping; NULL when there is none. */
struct yaml_entry *yaml_find(const struct yaml_node *mapping, struct slice key);
/* A plain scalar at no place, for a default; the text is not copied. */
struct yaml_node *yaml_new_scalar(struct arena *memory, struct slice text);
struct yaml_node *yaml_new_mapping(struct arena *memory, struct config_place place);
/* Appends to a mapping (or, with a NULL key, to a sequence). */
void yaml_append(struct arena *memory, struct yaml_node *node, struct yaml_node *key,
                 struct yaml_node *value);
