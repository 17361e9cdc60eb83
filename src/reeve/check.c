/* `reeve check` and `reeve config`: what a file says, without a keeper. */
#include <stdio.h>
#include <stdlib.h>

#include "keep/keeper.h"

#include "reeve/verbs.h"

static const char *check_plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static int check_report(const struct command *command, const struct config *config)
{
    if (command->json)
        command_print_json(json_pack("{s:b, s:s, s:s, s:i, s:i}", "ok", 1, "file", config->file, "name",
                                     config->name, "services", (int)config->services.count, "routes",
                                     (int)config->routes.count));
    else
        printf("%s: good: %zu service%s, %zu route%s, %zu listener%s\n", config->file, config->services.count,
               check_plural(config->services.count), config->routes.count, check_plural(config->routes.count),
               config->listeners.count, check_plural(config->listeners.count));
    return COMMAND_DONE;
}

int check_verb(const struct command *command)
{
    struct config *config = command_load(command, command->argument_count ? command->arguments[0] : NULL);
    if (!config)
        return COMMAND_USAGE;
    struct error error = {0};
    int code = COMMAND_DONE;
    if (keeper_check(config, &error))
        code = check_report(command, config);
    else
        code = command_fail(COMMAND_USAGE, "%s", error.text);
    config_free(&config);
    return code;
}

int check_config_verb(const struct command *command)
{
    struct config *config = command_load(command, command->argument_count ? command->arguments[0] : NULL);
    if (!config)
        return COMMAND_USAGE;
    if (command->json) {
        command_print_json(config_to_json(config, true));
    } else {
        char *text = config_to_text(config);
        fputs(text, stdout);
        free(text);
    }
    config_free(&config);
    return COMMAND_DONE;
}
