/* `reeve logs`: reads the files that the holds write; works without a keeper. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "tail/merge.h"
#include "wire/logline.h"

#include "reeve/output.h"
#include "reeve/verbs.h"

enum { LOGS_LINE_LIMIT = LOGLINE_RECORD_LARGEST * 2 };

struct logs;

struct logs_target {
    struct logs *logs;
    const char *name;
    size_t index;
    int64_t last_run; /* highest generation seen while counting */
    bool opened;      /* its log was there */
};

struct logs {
    const struct command *command;
    const char *state;
    struct output_style style;
    char since[CLOCK_TEXT_SIZE]; /* RFC 3339 in UTC: compares as text; empty: from the start */
    bool counting;               /* looks for the last run only */
    size_t count;
    struct logs_target *targets;
    struct merge *merge;
    struct loop *loop;      /* -f */
    struct loop_timer look; /* for logs that do not exist yet */
};

/* "10m" ago, or RFC 3339 in UTC. */
static bool logs_since(const char *text, char since[CLOCK_TEXT_SIZE])
{
    int64_t age = 0;
    struct tm parts = {0};
    if (text_to_duration(slice_of_text(text), &age)) {
        clock_format(clock_system.wall_ms(&clock_system) - age, since);
        return true;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!end || (*end != 'Z' && *end != '.'))
        return false;
    snprintf(since, CLOCK_TEXT_SIZE, "%s", text);
    return true;
}

static bool logs_wants(const struct logs_target *target, const struct logline_parsed *parsed)
{
    const struct logs *logs = target->logs;
    if (logs->command->previous)
        return parsed->line.run == target->last_run - 1;
    size_t size = strlen(logs->since);
    return size == 0 ||
           (parsed->time.size > 0 && strncmp(parsed->time.data, logs->since, parsed->time.size) >= 0);
}

static void logs_on_line(void *owner, struct slice record)
{
    struct logs_target *target = owner;
    struct logline_parsed parsed;
    if (!logline_parse(record, &parsed))
        return;
    bool wanted = !target->logs->counting && logs_wants(target, &parsed);
    if (parsed.line.run > target->last_run && target->logs->counting)
        target->last_run = parsed.line.run;
    logline_end(&parsed);
    if (!wanted)
        return;
    struct buffer line = BUFFER(LOGS_LINE_LIMIT);
    output_format(&line, &target->logs->style, target->name, target->index, record);
    fwrite(line.data, 1, buffer_size(&line), stdout);
    if (target->logs->loop)
        fflush(stdout);
    buffer_free(&line);
}

/* Opens the log of a target. False: there is none yet, or it failed. */
static bool logs_open(struct logs *logs, struct logs_target *target, int *error)
{
    int directory = output_open(logs->state, target->name);
    if (directory == -ENOENT)
        return false;
    *error = directory < 0 ? directory : 0;
    logs->counting = logs->command->previous;
    if (!*error && logs->counting)
        *error = follow_read(directory, logs_on_line, target);
    logs->counting = false;
    if (!*error)
        *error = merge_add(logs->merge, directory, logs_on_line, target);
    if (directory >= 0)
        close(directory);
    return !*error;
}

static void logs_on_look(struct loop_timer *timer)
{
    enum { LOGS_LOOK_MS = 500 };
    struct logs *logs = LIST_ENTRY(timer, struct logs, look);
    for (size_t i = 0; i < logs->count; i++) {
        struct logs_target *target = &logs->targets[i];
        int directory = target->opened ? -EEXIST : output_open(logs->state, target->name);
        if (directory < 0)
            continue;
        target->opened = follow_start(logs->loop, directory, FOLLOW_FROM_START, logs_on_line, target);
        close(directory);
    }
    loop_timer_start(logs->loop, timer, LOGS_LOOK_MS, logs_on_look);
}

/* Goes on until it is killed. */
static int logs_follow(struct logs *logs)
{
    logs->loop = loop_new(&clock_system);
    if (!logs->loop)
        return -errno;
    int error = merge_follow(logs->merge, logs->loop);
    logs_on_look(&logs->look);
    if (!error)
        loop_run(logs->loop);
    return error;
}

static int logs_print(struct logs *logs)
{
    int error = 0;
    logs->merge = merge_new(logs->count);
    for (size_t i = 0; i < logs->count && !error; i++)
        logs->targets[i].opened = logs_open(logs, &logs->targets[i], &error);
    if (!error)
        merge_read(logs->merge);
    fflush(stdout);
    if (!error && logs->command->follow)
        error = logs_follow(logs);
    merge_free(&logs->merge);
    return error;
}

static bool logs_is_known(const struct config *config, const char *name)
{
    const struct config_service *service = config_service(config, name);
    return service && service->command.count > 0;
}

/* All services with a command, or those named. False: an unknown name, already told. */
static bool logs_choose(struct logs *logs, const struct config *config)
{
    const struct command *command = logs->command;
    logs->targets = MEMORY_ARRAY(struct logs_target, config->services.count + COMMAND_ARGUMENTS);
    for (int i = 0; i < command->argument_count; i++) {
        if (!logs_is_known(config, command->arguments[i])) {
            command_fail(0, "%s has no service %s with a command", config->file, command->arguments[i]);
            return false;
        }
        logs->targets[logs->count++].name = command->arguments[i];
    }
    for (size_t i = 0; i < config->services.count && command->argument_count == 0; i++)
        if (config->services.items[i].command.count)
            logs->targets[logs->count++].name = config->services.items[i].name;
    for (size_t i = 0; i < logs->count; i++) {
        logs->targets[i].logs = logs;
        logs->targets[i].index = i;
    }
    return true;
}

static int logs_show(struct logs *logs, const struct config *config)
{
    logs->state = logs->command->state ? logs->command->state : config->state;
    if (!logs_choose(logs, config))
        return COMMAND_NO_TARGET;
    logs->style = (struct output_style){
        .json = logs->command->json,
        .colour = isatty(STDOUT_FILENO),
        .width = logs->command->argument_count == 1 ? 0 : output_width(config),
    };
    int error = logs_print(logs);
    return error ? command_fail(COMMAND_FAILED, "the logs in %s/log cannot be read: %s", logs->state,
                                strerror(-error))
                 : COMMAND_DONE;
}

int logs_verb(const struct command *command)
{
    struct logs logs = {.command = command};
    if (command->since && !logs_since(command->since, logs.since))
        return command_fail(COMMAND_USAGE,
                            "--since takes an age (10m) or a time (2026-11-23T14:00:00Z), not %s",
                            command->since);
    struct config *config = command_load(command, NULL);
    if (!config)
        return COMMAND_USAGE;
    int code = logs_show(&logs, config);
    free(logs.targets);
    config_free(&config);
    return code;
}
