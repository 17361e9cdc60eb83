/* `reeve user add|remove|list`: the users file, with or without a keeper. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admit/password.h"
#include "admit/usersfile.h"
#include "base/memory.h"

#include "reeve/secret.h"
#include "reeve/verbs.h"

static bool user_check_groups(const struct command *command, struct error *error)
{
    if (command->group_count > USERS_GROUPS_MOST)
        return error_set(error, "a user is in at most %d groups", USERS_GROUPS_MOST);
    for (int i = 0; i < command->group_count; i++)
        if (!users_check_group(slice_of_text(command->groups[i]), error))
            return false;
    return true;
}

static json_t *user_json_groups(const char *const *groups, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(groups[i]));
    return array;
}

static int user_report(const struct command *command, const struct config *config, const char *what)
{
    const char *name = command->arguments[1];
    if (command->json)
        command_print_json(
            json_pack("{s:s, s:s, s:s}", "user", name, "outcome", what, "file", config->auth.users));
    else
        printf("%s was %s: %s\n", name, what, config->auth.users);
    if (config->auth.method != CONFIG_AUTH_PASSWORD && !command->json)
        fputs("reeve: nobody signs in yet; `auth: password` in the configuration makes them\n", stderr);
    return COMMAND_DONE;
}

static int user_change(const struct command *command, const struct config *config, const char *line)
{
    static const char *const outcomes[] = {
        [USERSFILE_ADDED] = "added", [USERSFILE_CHANGED] = "changed", [USERSFILE_REMOVED] = "removed"};
    struct error error = {0};
    enum usersfile_outcome outcome =
        usersfile_change(config->auth.users, command->arguments[1], line, &error);
    switch (outcome) {
    case USERSFILE_FAILED:
        return command_fail(COMMAND_FAILED, "%s", error.text);
    case USERSFILE_ABSENT:
        return command_fail(COMMAND_NO_TARGET, "there is no user %s in %s", command->arguments[1],
                            config->auth.users);
    case USERSFILE_ADDED:
    case USERSFILE_CHANGED:
    case USERSFILE_REMOVED:
        break;
    }
    return user_report(command, config, outcomes[outcome]);
}

/* Without --group a user who is there keeps theirs. */
static char *user_make_line(const struct command *command, const struct config *config, const char *hash)
{
    const char *name = command->arguments[1];
    struct users *users = command->group_count ? NULL : usersfile_read(config->auth.users, NULL, NULL);
    const struct user *user = users ? users_find(users, name) : NULL;
    char *line = user ? users_line(name, hash, user->groups, user->group_count)
                      : users_line(name, hash, command->groups, (size_t)command->group_count);
    users_free(&users);
    return line;
}

static int user_add(const struct command *command, const struct config *config)
{
    struct error error = {0};
    const char *name = command->arguments[1];
    if (!users_check_name(slice_of_text(name), &error) || !user_check_groups(command, &error))
        return command_fail(COMMAND_USAGE, "%s", error.text);
    char *password = secret_read(name, &error);
    if (!password)
        return command_fail(COMMAND_USAGE, "%s", error.text);
    char *hash = password_hash(password, &error);
    secret_free(&password);
    if (!hash)
        return command_fail(COMMAND_FAILED, "%s", error.text);
    char *line = user_make_line(command, config, hash);
    int code = user_change(command, config, line);
    free(line);
    free(hash);
    return code;
}

static int user_remove(const struct command *command, const struct config *config)
{
    return user_change(command, config, NULL);
}

static int user_list(const struct command *command, const struct config *config)
{
    struct error error = {0};
    bool missing = false;
    struct users *users = usersfile_read(config->auth.users, &missing, &error);
    if (!users && !missing)
        return command_fail(COMMAND_FAILED, "%s", error.text);
    json_t *rows = json_array();
    for (size_t i = 0; users && i < users->count; i++) {
        const struct user *user = &users->items[i];
        json_t *groups = user_json_groups(user->groups, user->group_count);
        json_array_append_new(
            rows, json_pack("{s:s, s:o, s:b}", "name", user->name, "groups", groups, "locked", user->locked));
        if (command->json)
            continue;
        printf("%s%s", user->name, user->locked ? " (locked)" : "");
        for (size_t g = 0; g < user->group_count; g++)
            printf("%s%s", g ? "," : "  ", user->groups[g]);
        putchar('\n');
    }
    if (command->json)
        command_print_json(json_incref(rows));
    json_decref(rows);
    users_free(&users);
    return COMMAND_DONE;
}

int user_verb(const struct command *command)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(const struct command *command, const struct config *config);
    } kinds[] = {{"add", 2, user_add}, {"remove", 2, user_remove}, {"list", 1, user_list}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(command->arguments[0], kinds[i].name) != 0 ||
            command->argument_count != kinds[i].arguments)
            continue;
        struct config *config = command_load(command, NULL);
        if (!config)
            return COMMAND_USAGE;
        int code = kinds[i].run(command, config);
        config_free(&config);
        return code;
    }
    return command_fail(COMMAND_USAGE, "usage: reeve user add NAME [--group GROUP]... | remove NAME | list");
}
