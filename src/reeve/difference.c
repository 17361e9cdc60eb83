/* Rows that are the same on both sides are none of its business, wherever they stand; the rest is paired by
 * what names a row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "reeve/difference.h"

enum { DIFFERENCE_VALUE_MOST = 160 };

static void difference_add_value(struct buffer *out, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    bool long_one = text && strlen(text) > DIFFERENCE_VALUE_MOST;
    if (long_one) {
        size_t end = DIFFERENCE_VALUE_MOST;
        while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
            end--; /* not inside a character */
        text[end] = '\0';
    }
    buffer_append_text(out, text ? text : "not set");
    buffer_append_text(out, long_one ? " ..." : "");
    free(text);
}

static void difference_add_line(struct buffer *out, const char *path, const json_t *before,
                                const json_t *after)
{
    buffer_append_format(out, "%s: ", path);
    if (before && after && json_equal(before, after)) {
        buffer_append_text(out, "another secret\n");
        return;
    }
    difference_add_value(out, before);
    buffer_append_text(out, " -> ");
    difference_add_value(out, after);
    buffer_append_text(out, "\n");
}

static void difference_add_mapping(struct buffer *out, const char *path, const json_t *before,
                                   const json_t *after)
{
    const char *key;
    json_t *value;
    json_t *all = json_copy((json_t *)(uintptr_t)before);
    json_object_update_missing(all, (json_t *)(uintptr_t)after);
    json_object_foreach(all, key, value)
    {
        const json_t *old = json_object_get(before, key), *new = json_object_get(after, key);
        if (old && new &&json_equal(old, new))
            continue;
        char *below = memory_format("%s.%s", path, key);
        difference_append(out, below, old, new);
        free(below);
    }
    json_decref(all);
}

/* --- lists of rows ----------------------------------------------------------------------------------------
 */

static bool difference_is_rows(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_object(json_array_get(list, i)))
            return false;
    return json_is_array(list) && json_array_size(list) > 0;
}

/* What names a row, for people: "nas.lan/x", "127.0.0.1:8080"; "" for a row without such a key. */
static char *difference_name(const json_t *row)
{
    static const char *const keys[] = {"host", "path", "address", "name"};
    char *name = memory_text("");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = json_string_value(json_object_get(row, keys[i]));
        if (!value)
            continue;
        char *longer = memory_format("%s%s", name, value);
        free(name);
        name = longer;
    }
    return name;
}

static bool difference_same_name(const json_t *a, const json_t *b)
{
    char *first = difference_name(a), *second = difference_name(b);
    bool same = strcmp(first, second) == 0;
    free(first);
    free(second);
    return same;
}

static bool difference_equal(const json_t *a, const json_t *b)
{
    return json_equal(a, b);
}

/* Gives each row of `before` that has no partner yet the first free one of `after` that fits it. */
static void difference_pair(const json_t *before, const json_t *after, size_t *partners, bool *taken,
                            bool (*fits)(const json_t *a, const json_t *b))
{
    for (size_t i = 0; i < json_array_size(before); i++)
        for (size_t k = 0; partners[i] == SIZE_MAX && k < json_array_size(after); k++)
            if (!taken[k] && fits(json_array_get(before, i), json_array_get(after, k))) {
                partners[i] = k;
                taken[k] = true;
            }
}

static void difference_add_row(struct buffer *out, const char *path, size_t index, const json_t *before,
                               const json_t *after)
{
    char *name = difference_name(after ? after : before);
    char *row = memory_format("%s[%zu]%s%s%s", path, index, name[0] ? " (" : "", name, name[0] ? ")" : "");
    difference_append(out, row, before, after);
    free(row);
    free(name);
}

static void difference_add_rows(struct buffer *out, const char *path, const json_t *before,
                                const json_t *after)
{
    size_t old_count = json_array_size(before), new_count = json_array_size(after), said = buffer_size(out);
    size_t *partners = memory_new(old_count * sizeof *partners);
    bool *taken = memory_new(new_count * sizeof *taken);
    memset(partners, 0xff, old_count * sizeof *partners); /* SIZE_MAX: none */
    difference_pair(before, after, partners, taken, difference_equal);
    difference_pair(before, after, partners, taken, difference_same_name);
    for (size_t i = 0; i < old_count; i++) {
        const json_t *old = json_array_get(before, i);
        if (partners[i] == SIZE_MAX)
            difference_add_row(out, path, i, old, NULL);
        else if (!json_equal(old, json_array_get(after, partners[i])))
            difference_add_row(out, path, partners[i], old, json_array_get(after, partners[i]));
    }
    for (size_t k = 0; k < new_count; k++)
        if (!taken[k])
            difference_add_row(out, path, k, NULL, json_array_get(after, k));
    if (buffer_size(out) == said)
        buffer_append_format(out, "%s: the same in another order\n", path);
    free(partners);
    free(taken);
}

void difference_append(struct buffer *out, const char *path, const json_t *before, const json_t *after)
{
    if (json_is_object(before) && json_is_object(after))
        difference_add_mapping(out, path, before, after);
    else if (difference_is_rows(before) && difference_is_rows(after))
        difference_add_rows(out, path, before, after);
    else
        difference_add_line(out, path, before, after);
}
