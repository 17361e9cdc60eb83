/* Finding one's way in the table: rows by index, path, parent, or a word that was meant to be a key. */
#include <string.h>

#include "base/text.h"

#include "config/hints.h"
#include "config/setting_rows.h"

static const struct setting *const setting_parts[] = {
    settings_top_rows, settings_service_rows, settings_template_rows, settings_route_rows, settings_rest_rows,
};

enum { SETTING_PARTS = sizeof setting_parts / sizeof setting_parts[0], SETTING_CHILDREN_MOST = 64 };

/* A row before the first one of the table, in the first part. */
struct setting_position {
    size_t part;
    const struct setting *row;
};

static const struct setting *setting_step(struct setting_position *position)
{
    while (position->part < SETTING_PARTS) {
        position->row = position->row ? position->row + 1 : setting_parts[position->part];
        if (position->row->path)
            return position->row;
        position->row = NULL;
        position->part++;
    }
    return NULL;
}

const struct setting *setting_at(size_t index)
{
    struct setting_position position = {0};
    const struct setting *row = setting_step(&position);
    while (row && index-- > 0)
        row = setting_step(&position);
    return row;
}

const struct setting *setting_find(struct slice path)
{
    struct setting_position position = {0};
    const struct setting *row;
    while ((row = setting_step(&position)))
        if (slice_equal(slice_of_text(row->path), path))
            return row;
    return NULL;
}

static struct slice setting_parent_path(const struct setting *row)
{
    const char *dot = strrchr(row->path, '.');
    return slice_of(row->path, dot ? (size_t)(dot - row->path) : 0);
}

struct slice setting_key(const struct setting *row)
{
    const char *dot = strrchr(row->path, '.');
    return slice_of_text(dot ? dot + 1 : row->path);
}

struct slice setting_item_key(const struct setting *row)
{
    struct slice key = slice_of_text(row->path);
    for (const char *star = row->path; (star = strstr(star, "*.")); star += 2)
        key = slice_of_text(star + 2);
    return key;
}

static bool setting_is_child(const struct setting *parent, const struct setting *row)
{
    struct slice path = setting_parent_path(row);
    if (!parent)
        return path.size == 0;
    return slice_equal(path, slice_of_text(parent->path)) ||
           (parent->same_as && slice_equal(path, slice_of_text(parent->same_as)));
}

/* The place of a row, so that a walk goes on from it. */
static struct setting_position setting_position_of(const struct setting *row)
{
    struct setting_position position = {0};
    while (row && setting_step(&position) != row)
        ;
    return position;
}

const struct setting *setting_child(const struct setting *parent, const struct setting *previous)
{
    struct setting_position position = setting_position_of(previous);
    const struct setting *row;
    while ((row = setting_step(&position)))
        if (setting_is_child(parent, row))
            return row;
    return NULL;
}

const struct setting *setting_child_named(const struct setting *parent, struct slice key)
{
    const struct setting *row = NULL;
    while ((row = setting_child(parent, row)))
        if (slice_equal(setting_key(row), key))
            return row;
    return NULL;
}

static bool setting_lists(const char *values, struct slice value)
{
    struct slice rest = slice_of_text(values), one;
    while (slice_next(&rest, '|', &one))
        if (slice_equal(slice_trim(one), value))
            return true;
    return false;
}

bool setting_is_built(const struct setting *row, struct slice value)
{
    if (!row->later || setting_lists(row->harmless, value))
        return true;
    bool names_one = !row->values || setting_lists(row->values, value) || slice_find(value, '$') < value.size;
    return row->harmless && !names_one;
}

bool setting_is_key(struct slice word)
{
    struct setting_position position = {0};
    const struct setting *row;
    while ((row = setting_step(&position)))
        if (slice_equal(setting_key(row), word))
            return true;
    return false;
}

static bool setting_is_called(const struct setting *row, struct slice word, unsigned distance)
{
    struct slice rest = slice_of_text(row->also), other;
    while (slice_next(&rest, ' ', &other))
        if (slice_equal_ignore_case(other, word) || (distance && text_distance(other, word) <= distance))
            return true;
    return false;
}

const char *setting_meant(const struct setting *parent, struct slice word)
{
    const char *keys[SETTING_CHILDREN_MOST];
    size_t count = 0;
    const struct setting *row = NULL;
    while ((row = setting_child(parent, row)) && count < SETTING_CHILDREN_MOST) {
        keys[count++] = setting_key(row).data;
        if (setting_is_called(row, word, 0))
            return setting_key(row).data;
    }
    const char *nearest = hints_nearest(word, keys, count);
    while (!nearest && word.size > 3 && (row = setting_child(parent, row)))
        if (setting_is_called(row, word, 1))
            nearest = setting_key(row).data;
    return nearest;
}
