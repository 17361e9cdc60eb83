/* Single values: one scalar into one plain field. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"

#include "config/hints.h"
#include "config/load.h"

enum { TYPE_CHOICES_MOST = 16 };

/* Added to a clock's count of microseconds it must still fit in 63 bits. */
static const int64_t type_longest_ms = INT64_C(3650) * 24 * 3600 * 1000;

bool types_match(const char *pattern, struct slice text)
{
    regex_t compiled;
    char *whole = memory_format("^(%s)$", pattern);
    char *copy = slice_to_text(text);
    bool matches = regcomp(&compiled, whole, REG_EXTENDED | REG_NOSUB) == 0;
    if (matches) {
        matches = regexec(&compiled, copy, 0, NULL, 0) == 0;
        regfree(&compiled);
    }
    free(copy);
    free(whole);
    return matches;
}

json_t *types_schema_or_interpolated(json_t *schema)
{
    return json_pack("{s:[o,{s:s}]}", "anyOf", schema, "$ref", "#/$defs/interpolated");
}

json_t *types_schema_pattern(const char *pattern)
{
    char *whole = memory_format("^(?:%s)$", pattern);
    json_t *schema = json_pack("{s:s,s:s}", "type", "string", "pattern", whole);
    free(whole);
    return types_schema_or_interpolated(schema);
}

json_t *types_schema_text(const struct setting *row)
{
    return row->pattern ? types_schema_pattern(row->pattern)
                        : json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

/* A number or flag in quotes is text, unless the quotes are there for a ${...}. */
static bool type_is_quoted(const struct yaml_node *node)
{
    return !node->plain && slice_find(node->text, '$') == node->text.size;
}

/* Values that are not built are read over: their ${...} cannot be resolved, and need not be. */
static bool type_is_unresolved(const struct load *load, struct slice text)
{
    return load->later && slice_find(text, '$') != text.size;
}

static void type_read_text(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    struct slice text = load_scalar(load, node, "a text");
    if (!text.data)
        return;
    if (row->pattern && !type_is_unresolved(load, text) && !types_match(row->pattern, text))
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" does not match %s", SLICE_ARGUMENTS(text), row->pattern);
    *(char **)field = load_text(load, text);
}

/* Frees the text. */
static json_t *type_shown(char *text)
{
    for (char *c = text; *c;) {
        int size = utf8_character(slice_of_text(c));
        if (size <= 0)
            *c = '?';
        c += size > 0 ? size : 1;
    }
    json_t *shown = json_string(text);
    free(text);
    return shown;
}

json_t *types_show_text(const char *text)
{
    return text ? type_shown(expand_escaped(text)) : NULL;
}

json_t *types_show_template(const char *text)
{
    return text ? type_shown(expand_shown(text)) : NULL;
}

static json_t *type_show_text(const struct setting *row, const void *field)
{
    (void)row;
    return types_show_text(*(char *const *)field);
}

const struct type types_text = {
    .name = "text",
    .read = type_read_text,
    .show = type_show_text,
    .schema = types_schema_text,
};

static void type_read_path(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    (void)row;
    struct slice text = load_scalar(load, node, "a path");
    if (!text.data)
        return;
    if (text.size == 0)
        LOAD_ERROR(load, node, "expected a path, found an empty text");
    else if (slice_equal(text, SLICE("~")) || slice_starts_with(text, SLICE("~/")))
        LOAD_ERROR(load, node, "~ is not a home directory here; ${HOME} is");
    *(char **)field = load_absolute(load, load_directory(load, node->place), text);
}

static json_t *type_schema_path(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:i}", "type", "string", "minLength", 1);
}

const struct type types_path = {
    .name = "path",
    .read = type_read_path,
    .show = type_show_text,
    .schema = type_schema_path,
};

/* What YAML 1.1 and other formats take for a truth value. */
static const char *type_flag_meant(struct slice text)
{
    static const char *const words[][2] = {
        {"yes", "true"}, {"on", "true"},   {"y", "true"},  {"1", "true"},
        {"no", "false"}, {"off", "false"}, {"n", "false"}, {"0", "false"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_equal_ignore_case(text, slice_of_text(words[i][0])))
            return words[i][1];
    return NULL;
}

bool types_read_flag(struct load *load, const struct yaml_node *node, bool *flag)
{
    struct slice text = load_scalar(load, node, "true or false");
    if (!text.data)
        return false;
    bool yes = slice_equal_ignore_case(text, SLICE("true")),
         no = slice_equal_ignore_case(text, SLICE("false"));
    *flag = yes;
    if (type_is_unresolved(load, text) || ((yes || no) && !type_is_quoted(node)))
        return true;
    const char *meant = type_flag_meant(text);
    if (meant)
        LOAD_ERROR(load, node, "expected true or false, found \"" SLICE_FORMAT "\"; write %s",
                   SLICE_ARGUMENTS(text), meant);
    else if (yes || no)
        LOAD_ERROR(load, node,
                   "expected true or false, found the text \"" SLICE_FORMAT "\"; write it without quotes",
                   SLICE_ARGUMENTS(text));
    else
        load_wrong(load, node, "true or false");
    return false;
}

static void type_read_flag(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    (void)row;
    types_read_flag(load, node, field);
}

static json_t *type_show_flag(const struct setting *row, const void *field)
{
    bool flag = *(const bool *)field;
    return flag || row->standard ? json_boolean(flag) : NULL;
}

static json_t *type_schema_flag(const struct setting *row)
{
    (void)row;
    return types_schema_or_interpolated(json_pack("{s:s}", "type", "boolean"));
}

const struct type types_flag = {
    .name = "`true` or `false`",
    .read = type_read_flag,
    .show = type_show_flag,
    .schema = type_schema_flag,
};

/* "1 or more", "from 1 to 100", "any": the numbers a row allows. */
static char *type_range(const struct setting *row)
{
    if (row->most)
        return memory_format("a whole number from %lld to %lld", (long long)row->least, (long long)row->most);
    return memory_format("a whole number, %lld or more", (long long)row->least);
}

/* Without a limit of its own it ends where a number does. */
static void type_wrong_count(struct load *load, const struct yaml_node *node, const struct setting *row,
                             const char *range)
{
    uint64_t number;
    bool large =
        slice_to_u64(node->text, &number) ? number > INT32_MAX : types_match("[1-9][0-9]{18,}", node->text);
    char *limited = large && !row->most ? memory_format("%s and at most %d", range, INT32_MAX) : NULL;
    load_wrong(load, node, limited ? limited : range);
    free(limited);
}

static void type_read_count(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    char *range = type_range(row);
    struct slice text = load_scalar(load, node, range);
    uint64_t number = 0, most = row->most ? (uint64_t)row->most : INT32_MAX;
    bool digits = text.data && slice_to_u64(text, &number);
    if (!text.data || type_is_unresolved(load, text))
        ;
    else if (digits && text.size > 1 && text.data[0] == '0')
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" starts with a zero; write %llu", SLICE_ARGUMENTS(text),
                   (unsigned long long)number);
    else if (digits && type_is_quoted(node))
        LOAD_ERROR(load, node, "expected %s, found the text \"" SLICE_FORMAT "\"; write it without quotes",
                   range, SLICE_ARGUMENTS(text));
    else if (!digits || number < (uint64_t)row->least || number > most)
        type_wrong_count(load, node, row, range);
    *(unsigned *)field = (unsigned)number;
    free(range);
}

static json_t *type_show_count(const struct setting *row, const void *field)
{
    unsigned number = *(const unsigned *)field;
    return number < row->least ? NULL : json_integer(number); /* less than any: it is not set */
}

static json_t *type_schema_count(const struct setting *row)
{
    json_t *schema = json_pack("{s:s,s:I}", "type", "integer", "minimum", (json_int_t)row->least);
    if (row->most)
        json_object_set_new(schema, "maximum", json_integer((json_int_t)row->most));
    return types_schema_or_interpolated(schema);
}

const struct type types_count = {
    .name = "number",
    .read = type_read_count,
    .show = type_show_count,
    .schema = type_schema_count,
};

static void type_read_decimal(struct load *load, const struct setting *row, const struct yaml_node *node,
                              void *field)
{
    (void)row;
    (void)field;
    struct slice text = load_scalar(load, node, "a number such as 1.5");
    if (text.data && !type_is_unresolved(load, text) && !types_match("[0-9]+(\\.[0-9]+)?", text))
        load_wrong(load, node, "a number such as 1.5");
}

static json_t *type_schema_decimal(const struct setting *row)
{
    (void)row;
    return types_schema_or_interpolated(json_pack("{s:s,s:i}", "type", "number", "exclusiveMinimum", 0));
}

const struct type types_decimal = {
    .name = "number",
    .read = type_read_decimal,
    .schema = type_schema_decimal,
};

static void type_read_percent(struct load *load, const struct setting *row, const struct yaml_node *node,
                              void *field)
{
    (void)row;
    struct slice text = load_scalar(load, node, "a percentage such as 10%");
    uint64_t number = 0;
    if (!text.data || type_is_unresolved(load, text))
        return;
    if (!types_match("[0-9]{1,2}%|100%", text) ||
        !slice_to_u64(slice_between(text, 0, text.size - 1), &number))
        load_wrong(load, node, "a percentage such as 10%");
    *(unsigned *)field = (unsigned)number;
}

static json_t *type_show_percent(const struct setting *row, const void *field)
{
    (void)row;
    unsigned percent = *(const unsigned *)field;
    return percent ? json_sprintf("%u%%", percent) : NULL;
}

static json_t *type_schema_percent(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("[0-9]{1,2}%|100%");
}

const struct type types_percent = {
    .name = "percentage",
    .read = type_read_percent,
    .show = type_show_percent,
    .schema = type_schema_percent,
};

static const char type_duration_expected[] =
    "a duration, a whole number with its unit: 250ms, 2s, 5m, 1h or 7d";

static void type_read_duration(struct load *load, const struct setting *row, const struct yaml_node *node,
                               void *field)
{
    struct slice text = load_scalar(load, node, type_duration_expected);
    char least[TEXT_NUMBER_SIZE];
    uint64_t number = 0;
    int64_t duration = 0;
    if (!text.data || type_is_unresolved(load, text))
        return;
    if (slice_to_u64(text, &number))
        LOAD_ERROR(load, node,
                   "a duration needs a unit: " SLICE_FORMAT "s for seconds, " SLICE_FORMAT "ms, " SLICE_FORMAT
                   "m, " SLICE_FORMAT "h or " SLICE_FORMAT "d",
                   SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(text),
                   SLICE_ARGUMENTS(text));
    else if (!text_to_duration(text, &duration))
        load_wrong(load, node, type_duration_expected);
    else if (duration < row->least)
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" is too short, the least is %s", SLICE_ARGUMENTS(text),
                   text_of_duration(row->least, least));
    else if (duration > type_longest_ms)
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" is too long, the most is 3650d", SLICE_ARGUMENTS(text));
    *(int64_t *)field = duration;
}

static json_t *type_show_duration(const struct setting *row, const void *field)
{
    char text[TEXT_NUMBER_SIZE];
    int64_t duration = *(const int64_t *)field;
    return duration || row->standard ? json_string(text_of_duration(duration, text)) : NULL;
}

static json_t *type_schema_duration(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("[0-9]+(ms|s|m|h|d)");
}

const struct type types_duration = {
    .name = "duration",
    .read = type_read_duration,
    .show = type_show_duration,
    .schema = type_schema_duration,
};

static void type_read_size(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    static const char expected[] = "a size in bytes: a whole number, with k, M or G for larger units";
    struct slice text = load_scalar(load, node, expected);
    char least[TEXT_NUMBER_SIZE];
    int64_t size = 0;
    if (!text.data || type_is_unresolved(load, text))
        return;
    if (!text_to_size(text, &size))
        load_wrong(load, node, expected);
    else if (size < row->least)
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" is too small, the least is %s", SLICE_ARGUMENTS(text),
                   text_of_size(row->least, least));
    *(int64_t *)field = size;
}

static json_t *type_show_size(const struct setting *row, const void *field)
{
    char text[TEXT_NUMBER_SIZE];
    int64_t size = *(const int64_t *)field;
    return size || row->standard ? json_string(text_of_size(size, text)) : NULL;
}

static json_t *type_schema_size(const struct setting *row)
{
    (void)row;
    return json_pack("{s:[{s:s,s:i},o]}", "anyOf", "type", "integer", "minimum", 0,
                     types_schema_pattern("[0-9]+[kMG]?"));
}

const struct type types_size = {
    .name = "size",
    .read = type_read_size,
    .show = type_show_size,
    .schema = type_schema_size,
};

static size_t type_choices_of(const struct setting *row, char *storage, size_t size, const char **choices,
                              size_t most)
{
    size_t count = 0;
    struct slice rest = slice_of_text(row->values), piece;
    while (slice_next(&rest, '|', &piece) && count < most) {
        piece = slice_trim(piece);
        if (piece.size >= size)
            break;
        memcpy(storage, piece.data, piece.size);
        storage[piece.size] = '\0';
        choices[count++] = storage;
        storage += piece.size + 1;
        size -= piece.size + 1;
    }
    return count;
}

static void type_read_choice(struct load *load, const struct setting *row, const struct yaml_node *node,
                             void *field)
{
    char storage[256];
    const char *choices[TYPE_CHOICES_MOST];
    size_t count = type_choices_of(row, storage, sizeof storage, choices, TYPE_CHOICES_MOST);
    char *expected = memory_format(count > 1 ? "one of %s" : "%s", row->values);
    struct slice text = load_scalar(load, node, expected);
    size_t i = 0;
    while (i < count && !slice_equal(text, slice_of_text(choices[i])))
        i++;
    const char *meant = text.data ? hints_nearest(text, choices, count) : NULL;
    if (i < count)
        *(int *)field = (int)i;
    else if (!text.data || type_is_unresolved(load, text))
        ;
    else if (meant)
        LOAD_ERROR(load, node, "expected %s, found \"" SLICE_FORMAT "\"; did you mean \"%s\"?", expected,
                   SLICE_ARGUMENTS(text), meant);
    else
        load_wrong(load, node, expected);
    free(expected);
}

static json_t *type_show_choice(const struct setting *row, const void *field)
{
    char storage[256];
    const char *choices[TYPE_CHOICES_MOST];
    size_t count = type_choices_of(row, storage, sizeof storage, choices, TYPE_CHOICES_MOST);
    int choice = *(const int *)field;
    return choice >= 0 && (size_t)choice < count ? json_string(choices[choice]) : NULL;
}

static json_t *type_schema_choice(const struct setting *row)
{
    char storage[256];
    const char *choices[TYPE_CHOICES_MOST];
    size_t count = type_choices_of(row, storage, sizeof storage, choices, TYPE_CHOICES_MOST);
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(names, json_string(choices[i]));
    return types_schema_or_interpolated(json_pack("{s:o}", "enum", names));
}

const struct type types_choice = {
    .name = "choice",
    .read = type_read_choice,
    .show = type_show_choice,
    .schema = type_schema_choice,
};

const struct type types_section = {.shape = TYPE_SECTION, .name = "mapping"};
const struct type types_entries = {.shape = TYPE_ENTRIES, .name = "mapping of names"};
const struct type types_items = {.shape = TYPE_ITEMS, .name = "list"};
