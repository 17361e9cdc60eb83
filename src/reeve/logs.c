/* `reeve logs`: reads the files that the holds write; works without a keeper. */
#include <ctype.h>
#include <dirent.h>
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
#include "reeve/absence.h"
#include "reeve/verbs.h"

enum { LOGS_LINE_LIMIT = LOGLINE_RECORD_LARGEST * 2 };

struct logs;

struct logs_target {
    struct logs *logs;
    char *name;
    size_t index;
    int64_t last_run; /* highest generation seen while counting */
    bool opened;      /* its log was there */
    bool wrote;       /* there are records of it */
    bool shown;       /* and some of them were wanted */
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
    struct loop *loop; /* -f */
    struct watches *watches;
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
    /* With three digits of a second, as the records have them: only then the text's order is that of time. */
    char digits[4] = "000";
    for (size_t i = 0; *end == '.' && i < 3 && isdigit((unsigned char)end[i + 1]); i++)
        digits[i] = end[i + 1];
    snprintf(since, CLOCK_TEXT_SIZE, "%.*s.%sZ", (int)(end - text), text, digits);
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
    target->wrote = true;
    target->shown |= wanted;
    if (parsed.line.run > target->last_run && target->logs->counting)
        target->last_run = parsed.line.run;
    logline_end(&parsed);
    if (!wanted)
        return;
    struct buffer line = BUFFER(LOGS_LINE_LIMIT);
    output_format(&line, &target->logs->style, target->name, target->index, record);
    command_print(stdout, buffer_slice(&line));
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
        target->opened = follow_start(logs->watches, directory, FOLLOW_FROM_START, logs_on_line, target);
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
    logs->watches = watches_new(logs->loop);
    int error = merge_follow(logs->merge, logs->watches);
    logs_on_look(&logs->look);
    if (!error)
        loop_run(logs->loop);
    return error;
}

/* --- who has written nothing -------------------------------------------------------------------------------
 */

static void logs_tell_silent(const struct logs *logs, const struct logs_target *target)
{
    const struct command *command = logs->command;
    if (!target->wrote)
        fprintf(stderr, "reeve: %s has written nothing yet\n", target->name);
    else if (command->previous)
        fprintf(stderr, "reeve: there is nothing of %s from a run before its last one\n", target->name);
    else
        fprintf(stderr, "reeve: %s has written nothing since %s\n", target->name, command->since);
}

/* On stderr: each that was named, and without names all when there is nothing of any. */
static void logs_tell_silence(const struct logs *logs)
{
    bool shown = false;
    for (size_t i = 0; i < logs->count; i++)
        shown |= logs->targets[i].shown;
    if (shown && logs->command->argument_count == 0)
        return;
    for (size_t i = 0; i < logs->count; i++)
        if (!logs->targets[i].shown)
            logs_tell_silent(logs, &logs->targets[i]);
    if (logs->count == 0)
        fputs("reeve: there is nothing that writes a log: no service with a command, no instance\n", stderr);
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
    if (!error)
        logs_tell_silence(logs);
    if (!error && logs->command->follow)
        error = logs_follow(logs);
    merge_free(&logs->merge);
    return error;
}

/* --- whose logs --------------------------------------------------------------------------------------------
 */

static void logs_add(struct logs *logs, const char *name)
{
    size_t count = logs->count + 1;
    logs->targets = memory_resize(logs->targets, count * sizeof *logs->targets);
    logs->targets[logs->count] = (struct logs_target){.name = memory_text(name), .index = logs->count};
    logs->count = count;
}

/* "shell@a1", a folder of log/, is that of "shell/a1". */
static void logs_add_folder(struct logs *logs, const char *folder)
{
    char *name = memory_text(folder);
    char *at = strchr(name, '@');
    if (at)
        *at = '/';
    logs_add(logs, name);
    free(name);
}

/* Instances of templates: those that have logged. */
static void logs_add_instances(struct logs *logs, const struct config *config)
{
    char *path = memory_format("%s/log", config->state);
    struct dirent **entries = NULL;
    int count = config->templates.count ? scandir(path, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        if (strchr(entries[i]->d_name, '@') && entries[i]->d_type == DT_DIR)
            logs_add_folder(logs, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    free(path);
}

/* It has logged, or there is a record of it. */
static bool logs_is_instance(const struct config *config, const char *name)
{
    const char *slash = strchr(name, '/');
    if (!slash || strchr(slash + 1, '/'))
        return false;
    char *record =
        memory_format("%s/instances/%.*s/.%s.json", config->state, (int)(slash - name), name, slash + 1);
    int directory = output_open(config->state, name);
    bool known = directory >= 0 || access(record, F_OK) == 0;
    if (directory >= 0)
        close(directory);
    free(record);
    return known;
}

/* "loop:NAME" with a command, "hook:startup:1" and so on: what keep/loops and keep/hooks name their runs. */
static bool logs_is_job(const struct config *config, const char *name)
{
    static const char loop[] = "loop:", startup[] = "hook:startup:", shutdown[] = "hook:shutdown:";
    uint64_t number = 0;
    for (size_t i = 0; i < config->loops.count; i++)
        if (strncmp(name, loop, sizeof loop - 1) == 0 &&
            strcmp(name + sizeof loop - 1, config->loops.items[i].name) == 0)
            return config->loops.items[i].command.count > 0;
    if (strncmp(name, startup, sizeof startup - 1) == 0)
        return slice_to_u64(slice_of_text(name + sizeof startup - 1), &number) && number > 0 &&
               number <= config->hooks.startup.count;
    return strncmp(name, shutdown, sizeof shutdown - 1) == 0 &&
           slice_to_u64(slice_of_text(name + sizeof shutdown - 1), &number) && number > 0 &&
           number <= config->hooks.shutdown.count;
}

/* All services with a command and all instances, or those named. False: an unknown name, already told. */
static bool logs_choose(struct logs *logs, const struct config *config)
{
    const struct command *command = logs->command;
    for (int i = 0; i < command->argument_count; i++) {
        const struct config_service *service = config_service(config, command->arguments[i]);
        bool known = service ? service->command.count > 0
                             : logs_is_instance(config, command->arguments[i]) ||
                                   logs_is_job(config, command->arguments[i]);
        if (!known) {
            command_fail(0, "%s has no service %s with a command, nor is there an instance of that name",
                         config->file, command->arguments[i]);
            return false;
        }
        logs_add(logs, command->arguments[i]);
    }
    for (size_t i = 0; i < config->services.count && command->argument_count == 0; i++)
        if (config->services.items[i].command.count)
            logs_add(logs, config->services.items[i].name);
    if (command->argument_count == 0)
        logs_add_instances(logs, config);
    return true;
}

/* With --state the configuration need not be readable: what has logged counts. */
static bool logs_choose_found(struct logs *logs, const char *state)
{
    const struct command *command = logs->command;
    for (int i = 0; i < command->argument_count; i++) {
        int directory = output_open(state, command->arguments[i]);
        if (directory < 0) {
            command_fail(0, "%s/log has nothing of a service %s", state, command->arguments[i]);
            return false;
        }
        close(directory);
        logs_add(logs, command->arguments[i]);
    }
    char *path = memory_format("%s/log", state);
    struct dirent **entries = NULL;
    int count = command->argument_count ? 0 : scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && entries[i]->d_type == DT_DIR)
            logs_add_folder(logs, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    free(path);
    return true;
}

static int logs_width(const struct logs *logs)
{
    size_t width = 1;
    for (size_t i = 0; i < logs->count; i++)
        width = strlen(logs->targets[i].name) > width ? strlen(logs->targets[i].name) : width;
    return logs->command->argument_count == 1 ? 0 : (int)width;
}

static int logs_show(struct logs *logs, const char *state)
{
    logs->state = state;
    for (size_t i = 0; i < logs->count; i++)
        logs->targets[i].logs = logs;
    logs->style = (struct output_style){
        .json = logs->command->json,
        .colour = isatty(STDOUT_FILENO),
        .width = logs_width(logs),
    };
    int error = logs_print(logs);
    return error ? command_fail(COMMAND_FAILED, "the logs in %s/log cannot be read: %s", logs->state,
                                strerror(-error))
                 : COMMAND_DONE;
}

static int logs_of_config(struct logs *logs)
{
    struct config *config = command_load(logs->command, NULL);
    if (!config) {
        absence_tell_runner(logs->command);
        return COMMAND_USAGE;
    }
    int code = logs_choose(logs, config) ? logs_show(logs, config->state) : COMMAND_NO_TARGET;
    config_free(&config);
    return code;
}

static int logs_of_state(struct logs *logs, const char *state)
{
    return logs_choose_found(logs, state) ? logs_show(logs, state) : COMMAND_NO_TARGET;
}

int logs_verb(const struct command *command)
{
    struct logs logs = {.command = command};
    if (command->since && !logs_since(command->since, logs.since))
        return command_fail(COMMAND_USAGE,
                            "--since takes an age (10m) or a time (2026-11-23T14:00:00Z), not %s",
                            command->since);
    int code = command->state ? logs_of_state(&logs, command->state) : logs_of_config(&logs);
    for (size_t i = 0; i < logs.count; i++)
        free(logs.targets[i].name);
    free(logs.targets);
    return code;
}
