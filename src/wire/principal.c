/* Rules are compared byte for byte: "user:Ann" is not ann, and an unknown word lets nobody in. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/principal.h"

enum { PRINCIPAL_GROUPS_MOST = 256 };

static const char *const principal_kinds[] = {
    [PRINCIPAL_NOBODY] = "nobody",
    [PRINCIPAL_SESSION] = "session",
    [PRINCIPAL_TOKEN] = "token",
    [PRINCIPAL_OPERATOR] = "operator",
};
enum { PRINCIPAL_KINDS = sizeof principal_kinds / sizeof *principal_kinds };

const struct principal principal_nobody = {.kind = PRINCIPAL_NOBODY};

/* --- JSON ------------------------------------------------------------------------------------------- */

static json_t *principal_text(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_null(); /* not UTF-8: no name that anybody has */
}

json_t *principal_encode(const struct principal *principal)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < principal->group_count; i++)
        json_array_append_new(groups, principal_text(principal->groups[i]));
    json_t *object = json_pack("{s:s, s:o, s:o, s:o}", "kind", principal_kinds[principal->kind], "user",
                               principal_text(principal->user), "groups", groups, "credential",
                               principal_text(principal->credential));
    CHECK(object);
    return object;
}

static bool principal_read_kind(const json_t *value, enum principal_kind *kind)
{
    const char *name = json_string_value(value);
    for (int i = 0; name && i < PRINCIPAL_KINDS; i++) {
        if (strcmp(name, principal_kinds[i]) == 0) {
            *kind = (enum principal_kind)i;
            return true;
        }
    }
    return false;
}

/* A text that is not empty and has no NUL, or null. */
static bool principal_read_text(const json_t *value, const char **text)
{
    *text = json_string_value(value);
    if (!*text)
        return json_is_null(value);
    return **text != '\0' && strlen(*text) == json_string_length(value);
}

static bool principal_read_groups(const json_t *values, struct arena *arena, struct principal *principal)
{
    size_t count = json_array_size(values);
    if (!json_is_array(values) || count > PRINCIPAL_GROUPS_MOST)
        return false;
    const char **groups = count > 0 ? arena_new(arena, count * sizeof *groups) : NULL;
    if (count > 0 && !groups)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!principal_read_text(json_array_get(values, i), &groups[i]) || !groups[i])
            return false;
    principal->groups = groups;
    principal->group_count = count;
    return true;
}

/* Who has a name has a credential, and the other way round. */
static bool principal_is_sound(const struct principal *principal)
{
    bool named = principal->kind == PRINCIPAL_SESSION || principal->kind == PRINCIPAL_TOKEN;
    if (named)
        return principal->user && principal->credential;
    return !principal->user && !principal->credential && principal->group_count == 0;
}

bool principal_decode(const json_t *object, struct arena *arena, struct principal *principal)
{
    *principal = principal_nobody;
    return json_object_size(object) == 4 &&
           principal_read_kind(json_object_get(object, "kind"), &principal->kind) &&
           principal_read_text(json_object_get(object, "user"), &principal->user) &&
           principal_read_text(json_object_get(object, "credential"), &principal->credential) &&
           principal_read_groups(json_object_get(object, "groups"), arena, principal) &&
           principal_is_sound(principal);
}

/* --- copies ----------------------------------------------------------------------------------------- */

static size_t principal_text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *principal_put(char **at, const char *text)
{
    size_t size = principal_text_size(text);
    if (!text)
        return NULL;
    memcpy(*at, text, size);
    *at += size;
    return *at - size;
}

static size_t principal_size(const struct principal *principal)
{
    size_t size = sizeof *principal + principal->group_count * sizeof *principal->groups +
                  principal_text_size(principal->user) + principal_text_size(principal->credential);
    for (size_t i = 0; i < principal->group_count; i++)
        size += principal_text_size(principal->groups[i]);
    return size;
}

/* Into memory of principal_size(). */
static struct principal *principal_write(const struct principal *principal, void *memory)
{
    struct principal *copy = memory;
    const char **groups = (const char **)(void *)(copy + 1);
    char *at = (char *)(groups + principal->group_count);
    *copy = *principal;
    for (size_t i = 0; i < principal->group_count; i++)
        groups[i] = principal_put(&at, principal->groups[i]);
    copy->groups = principal->group_count > 0 ? groups : NULL;
    copy->user = principal_put(&at, principal->user);
    copy->credential = principal_put(&at, principal->credential);
    return copy;
}

struct principal *principal_copy(const struct principal *principal)
{
    return principal_write(principal, memory_new(principal_size(principal)));
}

const struct principal *principal_keep(const struct principal *principal, struct arena *arena)
{
    void *memory = arena_new(arena, principal_size(principal));
    return memory ? principal_write(principal, memory) : NULL;
}

/* --- rules ------------------------------------------------------------------------------------------ */

static bool principal_in_group(const struct principal *principal, const char *name)
{
    for (size_t i = 0; i < principal->group_count; i++)
        if (strcmp(principal->groups[i], name) == 0)
            return true;
    return false;
}

static bool principal_meets(const struct principal *principal, const char *rule)
{
    static const char user[] = "user:", group[] = "group:";
    if (strcmp(rule, "anyone") == 0)
        return true;
    if (!principal->user)
        return false;
    if (strncmp(rule, user, sizeof user - 1) == 0)
        return strcmp(rule + sizeof user - 1, principal->user) == 0;
    if (strncmp(rule, group, sizeof group - 1) == 0)
        return principal_in_group(principal, rule + sizeof group - 1);
    return strcmp(rule, "signed-in") == 0;
}

bool principal_passes(const struct principal *principal, const char *const *rules, size_t count)
{
    if (principal->kind == PRINCIPAL_OPERATOR)
        return true;
    for (size_t i = 0; i < count; i++)
        if (principal_meets(principal, rules[i]))
            return true;
    return false;
}
