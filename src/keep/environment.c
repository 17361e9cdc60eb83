/* A list that keeps each name once; what is put later replaces what was put before. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/slice.h"

#include "keep/environment.h"

struct environment {
    char **items; /* NULL at the end */
    size_t count;
};

/* Of reeve's own environment only these go on, as they are. */
static const char *const environment_passed[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL",
                                                 "LANG", "LC_*", "TZ",   "TERM",    "TMPDIR"};
/* ... and of these not even that when the account is another one. */
static const char *const environment_personal[] = {"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"};

static const char environment_default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const char *environment_value(const char *const *list, const char *name)
{
    size_t length = strlen(name);
    for (; list && *list; list++)
        if (strncmp(*list, name, length) == 0 && (*list)[length] == '=')
            return *list + length + 1;
    return NULL;
}

void environment_free(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}

/* Takes `item` ("NAME=value"); an earlier one of the same name goes. */
static void environment_put(struct environment *environment, char *item)
{
    size_t length = (size_t)(strchr(item, '=') - item) + 1;
    for (size_t i = 0; i < environment->count; i++)
        if (strncmp(environment->items[i], item, length) == 0) {
            free(environment->items[i]);
            environment->items[i] = item;
            return;
        }
    environment->items = memory_resize(environment->items, (environment->count + 2) * sizeof(char *));
    environment->items[environment->count++] = item;
    environment->items[environment->count] = NULL;
}

static void environment_set(struct environment *environment, const char *name, const char *value)
{
    if (value)
        environment_put(environment, memory_format("%s=%s", name, value));
}

/* `*` at the end matches any rest. */
static bool environment_matches(struct slice name, const char *pattern)
{
    struct slice wanted = slice_of_text(pattern);
    if (wanted.size > 0 && wanted.data[wanted.size - 1] == '*')
        return slice_starts_with(name, slice_between(wanted, 0, wanted.size - 1));
    return slice_equal(name, wanted);
}

static bool environment_matches_any(struct slice name, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (environment_matches(name, patterns[i]))
            return true;
    return false;
}

static void environment_pass(struct environment *environment, const char *const *own,
                             const char *const *patterns, size_t count, bool switched)
{
    size_t personal = sizeof environment_personal / sizeof *environment_personal;
    for (; own && *own; own++) {
        struct slice name = slice_between(slice_of_text(*own), 0, slice_find(slice_of_text(*own), '='));
        if (name.size == strlen(*own) || !environment_matches_any(name, patterns, count))
            continue;
        if (switched && environment_matches_any(name, environment_personal, personal))
            continue;
        environment_put(environment, memory_text(*own));
    }
}

static void environment_add_account(struct environment *environment, const struct account *account)
{
    environment_set(environment, "HOME", account->home);
    environment_set(environment, "USER", account->name);
    environment_set(environment, "LOGNAME", account->name);
    environment_set(environment, "SHELL", account->shell);
}

static void environment_add_parameters(struct environment *environment, const struct instance *instance)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)instance->parameters, name, value)
    {
        environment_set(environment, name, json_string_value(value));
    }
}

static bool environment_add_configured(struct environment *environment,
                                       const struct environment_settings *settings, struct error *error)
{
    const struct config_variables *variables = &settings->service->variables;
    for (size_t i = 0; i < variables->count; i++) {
        const struct config_variable *variable = &variables->items[i];
        char *value = config_expand(variable->value, settings->lookup, settings->owner, error);
        if (!value) {
            char place[512];
            return error_prefix(error, "variable %s (%s)", variable->name,
                                config_place_text(&variable->place, place, sizeof place));
        }
        environment_set(environment, variable->name, value);
        free(value);
    }
    return true;
}

char **environment_build(const struct environment_settings *settings, struct error *error)
{
    struct environment environment = {0};
    size_t passed = sizeof environment_passed / sizeof *environment_passed;
    const struct config_texts *more = &settings->service->pass_env;
    environment_set(&environment, "PATH", environment_default_path);
    environment_add_account(&environment, settings->account);
    environment_pass(&environment, settings->own, environment_passed, passed, settings->switched);
    /* What viewers' emulators are, whatever reeve itself was started in. */
    if (settings->service->terminal.wanted)
        environment_set(&environment, "TERM", "xterm-256color");
    environment_pass(&environment, settings->own, (const char *const *)more->items, more->count, false);
    if (settings->instance)
        environment_add_parameters(&environment, settings->instance);
    if (!environment_add_configured(&environment, settings, error)) {
        environment_free(environment.items);
        return NULL;
    }
    environment_set(&environment, "PORT", settings->port);
    environment_set(&environment, "SOCKET", settings->socket);
    environment_set(&environment, "REEVE_NAME", settings->name);
    environment_set(&environment, "REEVE_RUN", settings->nonce);
    environment_set(&environment, "REEVE_PREFIX", settings->service->prefix);
    environment_set(&environment, "REEVE_INSTANCE_DIR",
                    settings->instance ? settings->instance->directory : NULL);
    return environment.items;
}
