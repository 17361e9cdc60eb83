/* Most routes have one rule without {names}, which costs nothing per request. */
#include <stdlib.h>

#include "base/memory.h"

#include "route/rules.h"

struct rules {
    struct captures **texts;
    const char **plain; /* the same, where none of them has {names} */
    size_t count;
    bool captured; /* at least one has */
};

static bool read_rule(struct rules *rules, const json_t *value, const char *path, const char *host,
                      struct error *error)
{
    const char *text = json_string_value(value);
    if (!text)
        return error_set(error, "a rule of \"allow\" is no text");
    struct captures *captures = captures_new(text, path, host, error);
    if (!captures)
        return false;
    rules->captured |= captures_any(captures);
    rules->texts[rules->count] = captures;
    rules->plain[rules->count++] = memory_text(text);
    return true;
}

struct rules *rules_new(const json_t *texts, const char *path, const char *host, struct error *error)
{
    size_t count = json_array_size(texts);
    struct rules *rules = MEMORY_NEW(struct rules);
    rules->texts = MEMORY_ARRAY(struct captures *, count + 1);
    rules->plain = MEMORY_ARRAY(const char *, count + 1);
    bool fine = json_is_array(texts) || error_set(error, "\"allow\" is no list");
    for (size_t i = 0; fine && i < count; i++)
        fine = read_rule(rules, json_array_get(texts, i), path, host, error);
    if (!fine)
        rules_free(&rules);
    return rules;
}

size_t rules_fill(const struct rules *rules, const struct exchange_request *request, struct arena *arena,
                  const char *const **filled)
{
    size_t count = 0;
    *filled = rules->plain;
    if (!rules->captured)
        return rules->count;
    const char **list = arena_new(arena, rules->count * sizeof *list);
    for (size_t i = 0; list && i < rules->count; i++) {
        struct slice text = captures_fill(rules->texts[i], request, arena);
        if (text.data)
            list[count++] = text.data;
    }
    *filled = list;
    return count;
}

void rules_free(struct rules **rules)
{
    if (!*rules)
        return;
    for (size_t i = 0; i < (*rules)->count; i++) {
        captures_free(&(*rules)->texts[i]);
        free((char *)(uintptr_t)(*rules)->plain[i]);
    }
    free((*rules)->texts);
    free((*rules)->plain);
    free(*rules);
    *rules = NULL;
}
