/* The one table of settings: each key of reeve.yaml is one row and is listed nowhere else. The parser,
 * the defaults, the checker, `reeve config`, docs/configuration.md and reeve.schema.json follow from it.
 *
 * A row's parent is the row whose path is one segment shorter. In a path `*` stands for the name of an
 * entry or for any item of a list. A row without `at` has no value of its own. */
#pragma once

#include <stddef.h>

#include "config/types.h"

struct setting {
    const char *path;
    const struct type *type;
    size_t at;        /* see SETTING_AT: where the value goes in the struct of its item; 0: nowhere */
    size_t item_size; /* of lists and entries: the struct of one */

    const char *standard; /* the default as one would write it */
    const char *computed; /* or in words, where the program works it out */
    bool required;

    const char *values;     /* choices: "own | any | never", in the order of their enum */
    const char *pattern;    /* texts: POSIX extended and ECMA alike, matches the whole */
    int64_t least;          /* numbers, durations (ms), sizes */
    int64_t most;           /* 0: no limit */
    const char *short_form; /* a section written as a scalar sets this key of it */

    const char *about;   /* one line for the reference page */
    const char *example; /* as written after the colon */
    const char *also;    /* words people write for it, with spaces between: what to suggest for them */

    bool later;           /* known, and refused with "not supported yet" */
    const char *harmless; /* but for these values of it, written as `values` is */
    const char *same_as;  /* has also the children of this row */

    /* Of "....*" rows: an item is about to be read (a NULL name in lists); all its keys have been read. */
    void (*begin)(struct load *load, void *item, const struct yaml_node *name);
    void (*finish)(struct load *load, void *item);
    /* Whether a child means anything for this item; NULL: each does. */
    bool (*applies)(const void *item, const struct setting *child);
    const char *needs; /* this key of the same item: without it the setting means nothing */
    bool for_address;  /* of a service: means something for one with an address too */
};

#define SETTING_AT(type, member) (offsetof(type, member) + 1)

/* All rows in the order of the reference page; a parent comes before its children. */
const struct setting *setting_at(size_t index); /* NULL at the end */

/* The row with this path, or NULL. */
const struct setting *setting_find(struct slice path);
/* The next child of `parent` after `previous` (NULL: the first), those of same_as included. A NULL parent:
 * the keys of the top level. */
const struct setting *setting_child(const struct setting *parent, const struct setting *previous);
/* The `*` row's children are the keys of one item: of "services" the row "services.*", and so on. */
const struct setting *setting_child_named(const struct setting *parent, struct slice key);

/* The last segment of the row's path. */
struct slice setting_key(const struct setting *row);
/* Whether this value of it is built, or is none at all (which its type says better). */
bool setting_is_built(const struct setting *row, struct slice value);
/* Whether any setting has this key. */
bool setting_is_key(struct slice word);
/* The key of a child that a mistyped `word` means, or NULL. */
const char *setting_meant(const struct setting *parent, struct slice word);

/* The segments of a path below its innermost item: "ready.timeout" of "services.*.ready.timeout". */
struct slice setting_item_key(const struct setting *row);
