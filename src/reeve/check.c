/* `reeve check` and `reeve config`: what a file says, without a keeper. */
#include <stdio.h>
#include <stdlib.h>

#include "keep/rehearsal.h"
#include "keep/trust.h"
#include "route/policies.h"

#include "reeve/absent.h"
#include "reeve/verbs.h"

static const char *check_plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void check_report_json(const struct config *config, struct slice warnings)
{
    json_t *lines = json_array();
    for (struct slice line; slice_next(&warnings, '\n', &line);)
        if (line.size)
            json_array_append_new(lines, json_stringn(line.data, line.size));
    command_print_json(json_pack("{s:b, s:s, s:s, s:i, s:i, s:o}", "ok", 1, "file", config->file, "name",
                                 config->name, "services", (int)config->services.count, "routes",
                                 (int)config->routes.count, "warnings", lines));
}

static int check_report(const struct command *command, const struct config *config)
{
    struct buffer warnings = BUFFER(1 << 20);
    absent_append(&warnings, config);
    if (command->json) {
        check_report_json(config, buffer_slice(&warnings));
    } else {
        command_print(stderr, buffer_slice(&warnings));
        printf("%s: good: %zu service%s, %zu route%s, %zu listener%s\n", config->file, config->services.count,
               check_plural(config->services.count), config->routes.count, check_plural(config->routes.count),
               config->listeners.count, check_plural(config->listeners.count));
    }
    buffer_free(&warnings);
    return COMMAND_DONE;
}

/* What the keeper cannot try, since it takes no certificate apart. */
static bool check_policies(const struct config *config, struct error *error)
{
    struct policies *policies = policies_new();
    json_t *rows = trust_describe(config);
    bool good = policies_prepare(policies, rows, error);
    json_decref(rows);
    policies_free(&policies);
    return good;
}

int check_verb(const struct command *command)
{
    struct config *config = command_load(command, command->argument_count ? command->arguments[0] : NULL);
    if (!config)
        return COMMAND_USAGE;
    struct error error = {0};
    int code = COMMAND_DONE;
    if (rehearsal_check(config, &error) && check_policies(config, &error))
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
