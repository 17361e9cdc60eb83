/* A word that is no rule would let nobody in, so that it is an error here and not a riddle later. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/hints.h"
#include "config/rules.h"

static const char rule_expected[] = "anyone, signed-in, user:NAME or group:NAME";

/* What somebody may have meant; NULL: a guess would be worse than none. */
static const char *rule_meant(struct slice text)
{
    static const char *const words[] = {"anyone", "signed-in"};
    static const char *const others[][2] = {
        {"all", "anyone"},         {"any", "anyone"},          {"everyone", "anyone"},
        {"public", "anyone"},      {"nobody", "anyone"},       {"authenticated", "signed-in"},
        {"users", "signed-in"},    {"logged-in", "signed-in"}, {"signed_in", "signed-in"},
        {"signedin", "signed-in"},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (slice_equal_ignore_case(text, slice_of_text(others[i][0])))
            return others[i][1];
    return hints_nearest(text, words, sizeof words / sizeof words[0]);
}

/* The name behind "user:" or "group:"; data NULL: it is no such rule. */
static struct slice rule_name(struct slice text)
{
    static const struct slice kinds[] = {{"user:", 5}, {"group:", 6}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_starts_with(text, kinds[i]))
            return slice_from(text, kinds[i].size);
    return (struct slice){0};
}

static bool rule_is_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        if (byte <= ' ' || byte == 0x7f || byte == ',')
            return false;
    }
    return name.size > 0;
}

static bool rule_check(struct load *load, const struct yaml_node *node, struct slice text)
{
    struct slice name = rule_name(text);
    if (slice_equal(text, SLICE("anyone")) || slice_equal(text, SLICE("signed-in")) ||
        (name.data && rule_is_name(name)))
        return true;
    const char *meant = name.data ? NULL : rule_meant(text);
    if (name.data)
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\": a name has no blanks and no comma, and is not empty",
                   SLICE_ARGUMENTS(text));
    else if (meant)
        LOAD_ERROR(load, node, "expected %s, found \"" SLICE_FORMAT "\"; did you mean \"%s\"?", rule_expected,
                   SLICE_ARGUMENTS(text), meant);
    else
        LOAD_ERROR(load, node, "expected %s, found \"" SLICE_FORMAT "\"", rule_expected,
                   SLICE_ARGUMENTS(text));
    return false;
}

static void rules_read(struct load *load, const struct setting *row, const struct yaml_node *node,
                       void *field)
{
    (void)row;
    if (node->kind != YAML_SEQUENCE) {
        load_wrong(load, node, "a list of rules, such as [\"group:ops\"]");
        return;
    }
    if (!node->entries && !load->later)
        LOAD_ERROR(load, node, "nobody could pass; without the key, whoever has signed in can");
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next) {
        struct slice text = load_scalar(load, entry->value, rule_expected);
        if (text.data && (load->later || rule_check(load, entry->value, text)))
            *(char **)load_append(load, field, sizeof(char *)) = load_text(load, text);
    }
}

static json_t *rules_show(const struct setting *row, const void *field)
{
    return lists_texts.show(row, field);
}

static json_t *rules_schema(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:i,s:o}", "type", "array", "minItems", 1, "items",
                     types_schema_pattern("anyone|signed-in|(user|group):[^ ,]+"));
}

const struct type rules_list = {
    .name = "list of rules",
    .read = rules_read,
    .show = rules_show,
    .schema = rules_schema,
};

/* --- what a route captures -------------------------------------------------------------------------- */

static bool rule_is_piece(struct slice pattern, char separator, struct slice capture)
{
    struct slice piece;
    while (pattern.data && slice_next(&pattern, separator, &piece))
        if (slice_equal(piece, capture))
            return true;
    return false;
}

static void rule_check_captures(struct load *load, const struct config_route *route, const char *key,
                                const char *rule)
{
    for (const char *start = strchr(rule, '{'); start; start = strchr(start + 1, '{')) {
        const char *end = strchr(start, '}');
        struct slice capture = slice_of(start, end ? (size_t)(end - start) + 1 : strlen(start));
        if (end && (rule_is_piece(slice_of_text(route->path), '/', capture) ||
                    rule_is_piece(slice_of_text(route->host), '.', capture)))
            continue;
        errors_add(load->errors, config_place_of(&route->item, key),
                   "%s.%s: " SLICE_FORMAT " in \"%s\" is captured neither by path nor by host", load->path,
                   key, SLICE_ARGUMENTS(capture), rule);
        return;
    }
}

void rules_finish_list(struct load *load, const struct config_route *route, const char *key,
                       const struct config_texts *rules)
{
    for (size_t i = 0; route->path && i < rules->count; i++)
        rule_check_captures(load, route, key, rules->items[i]);
}

void rules_finish(struct load *load, const struct config_route *route)
{
    rules_finish_list(load, route, "allow", &route->allow);
}

const struct config_texts *rules_or_default(const struct config *config, const struct config_texts *written)
{
    static const char *const open[] = {"anyone"}, *const closed[] = {"signed-in"};
    static const struct config_texts for_anyone = {.items = (char **)(uintptr_t)open, .count = 1},
                                     for_signed_in = {.items = (char **)(uintptr_t)closed, .count = 1};
    if (written->count > 0)
        return written;
    return config->auth.method == CONFIG_AUTH_NONE ? &for_anyone : &for_signed_in;
}
