#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/seal.h"

#include "route/policies.h"

enum { POLICIES_MOST = 1000 };

struct policies_set {
    size_t count;
    struct {
        char *name;
        struct tls_policy *policy;
    } * entries;
};

struct policies {
    struct policies_set prepared;
    struct policies_set current;
};

static void clear(struct policies_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->entries[i].name);
        tls_policy_release(&set->entries[i].policy);
    }
    free(set->entries);
    *set = (struct policies_set){0};
}

static struct tls_policy *find(const struct policies_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->entries[i].name, name) == 0)
            return set->entries[i].policy;
    return NULL;
}

struct policies *policies_new(void)
{
    return MEMORY_NEW(struct policies);
}

void policies_free(struct policies **policies)
{
    if (!*policies)
        return;
    clear(&(*policies)->prepared);
    clear(&(*policies)->current);
    free(*policies);
    *policies = NULL;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static bool read_verify(const json_t *row, struct tls_policy_settings *settings)
{
    static const char *const words[] = {
        [TLS_VERIFY_SYSTEM] = "system",
        [TLS_VERIFY_CA] = "ca",
        [TLS_VERIFY_PIN] = "pin",
        [TLS_VERIFY_NONE] = "none",
    };
    const char *word = json_string_value(json_object_get(row, "verify"));
    for (size_t i = 0; word && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word) == 0) {
            settings->verify = (enum tls_verify)i;
            return true;
        }
    return false;
}

static bool read_pins(const json_t *list, struct tls_policy_settings *settings)
{
    static const char prefix[] = "sha256:";
    if (json_array_size(list) > TLS_PINS_MOST || (settings->verify == TLS_VERIFY_PIN) != (list != NULL))
        return false;
    for (; settings->pin_count < json_array_size(list); settings->pin_count++) {
        struct slice text = slice_of_text(json_string_value(json_array_get(list, settings->pin_count)));
        if (!slice_starts_with(text, SLICE("sha256:")) ||
            !seal_from_hex(slice_from(text, sizeof prefix - 1), settings->pins[settings->pin_count]))
            return false;
    }
    return !list || settings->pin_count > 0;
}

static bool read_text(const json_t *row, const char *member, const char **text)
{
    const json_t *value = json_object_get(row, member);
    *text = json_string_value(value);
    return !value || *text;
}

static struct tls_policy *make(const json_t *row, struct error *error)
{
    struct tls_policy_settings settings = {0};
    const char *place, *authorities;
    if (!json_is_object(row) || !read_text(row, "place", &place) || !read_text(row, "ca", &authorities) ||
        !read_text(row, "name", &settings.name) || !read_verify(row, &settings) ||
        !read_pins(json_object_get(row, "pins"), &settings)) {
        error_set(error, "a row of \"tls\" in the snapshot is not as it should be");
        return NULL;
    }
    settings.ca = slice_of_text(authorities);
    struct tls_policy *policy = tls_policy_new(&settings, error);
    if (!policy)
        error_prefix(error, "%s: tls.ca", place ? place : "?");
    return policy;
}

static void add(struct policies_set *set, const char *name, struct tls_policy *policy)
{
    set->entries = memory_resize(set->entries, (set->count + 1) * sizeof *set->entries);
    set->entries[set->count].name = memory_text(name);
    set->entries[set->count++].policy = policy;
}

bool policies_prepare(struct policies *policies, const json_t *rows, struct error *error)
{
    const char *name;
    json_t *row;
    clear(&policies->prepared);
    if (rows && (!json_is_object(rows) || json_object_size(rows) > POLICIES_MOST))
        return error_set(error, "\"tls\" in the snapshot is not an object of policies");
    json_object_foreach((json_t *)(uintptr_t)rows, name, row)
    {
        struct tls_policy *policy = find(&policies->current, name);
        policy = policy ? tls_policy_share(policy) : make(row, error);
        if (!policy)
            return false;
        add(&policies->prepared, name, policy);
    }
    return true;
}

void policies_commit(struct policies *policies)
{
    clear(&policies->current);
    policies->current = policies->prepared;
    policies->prepared = (struct policies_set){0};
}

struct tls_policy *policies_find(const struct policies *policies, const char *name)
{
    return find(&policies->current, name);
}
