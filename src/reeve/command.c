#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "keep/control.h"
#include "keep/incumbent.h"
#include "link/memfd.h"

#include "reeve/absence.h"
#include "reeve/command.h"

extern char **environ;

enum { COMMAND_INLINE = MESSAGE_BODY_LARGEST - 1024 };

/* Set once, by the arguments. */
static bool command_for_program;

static void command_fail_json(const char *text)
{
    json_t *object = json_pack("{s:{s:s}}", "error", "text", text);
    json_dumpf(object, stdout, JSON_COMPACT); /* in one line: `run` and `logs` print lines */
    putchar('\n');
    json_decref(object);
}

int command_fail(int code, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    char *text = memory_new((size_t)(size < 0 ? 0 : size) + 1);
    vsnprintf(text, (size_t)(size < 0 ? 0 : size) + 1, format, arguments);
    va_end(again);
    va_end(arguments);
    fprintf(stderr, "reeve: %s\n", text);
    if (command_for_program)
        command_fail_json(utf8_clean(text));
    free(text);
    return code;
}

void command_print(FILE *out, struct slice text)
{
    if (text.size > 0)
        fwrite(text.data, 1, text.size, out);
}

void command_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}

/* --- arguments ------------------------------------------------------------------------------------------ */

struct command_flag {
    const char *name, *short_name;
    unsigned option;
    size_t place; /* of a bool in struct command */
};

static const struct command_flag command_flags[] = {
    {"--json", NULL, COMMAND_TAKES_JSON, offsetof(struct command, json)},
    {"--no-wait", NULL, COMMAND_TAKES_NO_WAIT, offsetof(struct command, no_wait)},
    {"--detach", "-d", COMMAND_TAKES_DETACH, offsetof(struct command, detach)},
    {"--now", NULL, COMMAND_TAKES_NOW, offsetof(struct command, now)},
    {"--quiet", "-q", COMMAND_TAKES_QUIET, offsetof(struct command, quiet)},
    {"--follow", "-f", COMMAND_TAKES_FOLLOW, offsetof(struct command, follow)},
    {"--previous", NULL, COMMAND_TAKES_FOLLOW, offsetof(struct command, previous)},
    {"--dry-run", NULL, COMMAND_TAKES_DRY_RUN, offsetof(struct command, dry_run)},
    {"--view", NULL, COMMAND_TAKES_VIEW, offsetof(struct command, view)},
    {"--force", NULL, COMMAND_TAKES_FORCE, offsetof(struct command, force)},
};

static bool command_take_flag(const struct verb *verb, const char *word, struct command *command)
{
    for (size_t i = 0; i < sizeof command_flags / sizeof command_flags[0]; i++) {
        const struct command_flag *flag = &command_flags[i];
        bool named =
            strcmp(word, flag->name) == 0 || (flag->short_name && strcmp(word, flag->short_name) == 0);
        if (!named || !(verb->options & flag->option))
            continue;
        bool *value = (bool *)(void *)((char *)command + flag->place);
        *value = true;
        return true;
    }
    return false;
}

/* The words after the verb, and the one being looked at. */
struct command_words {
    char **items;
    int count;
    int at;
    struct error *error;
};

/* "--name VALUE" or "--name=VALUE": the value, or NULL when the word is another option. */
static const char *command_value(struct command_words *words, const char *name)
{
    const char *word = words->items[words->at];
    size_t size = strlen(name);
    if (strncmp(word, name, size) != 0)
        return NULL;
    if (word[size] == '=')
        return word + size + 1;
    if (word[size] != '\0')
        return NULL;
    if (words->at + 1 < words->count)
        return words->items[++words->at];
    error_set(words->error, "%s needs a value", name);
    return NULL;
}

static bool command_take_group(struct command *command, const char *group, struct error *error)
{
    if (command->group_count == COMMAND_ARGUMENTS)
        return error_set(error, "too many groups");
    command->groups[command->group_count++] = group;
    return true;
}

struct command_text {
    const char *name;
    unsigned option; /* 0: of every verb */
    size_t place;    /* of a text in struct command */
};

static const struct command_text command_texts[] = {
    {"-c", 0, offsetof(struct command, file)},
    {"--state", 0, offsetof(struct command, state)},
    {"--since", COMMAND_TAKES_FOLLOW, offsetof(struct command, since)},
    {"--expires", COMMAND_TAKES_EXPIRES, offsetof(struct command, expires)},
    {"--detach-keys", COMMAND_TAKES_VIEW, offsetof(struct command, detach_keys)},
};

static bool command_take_text(const struct verb *verb, struct command_words *words, struct command *command)
{
    for (size_t i = 0; i < sizeof command_texts / sizeof command_texts[0]; i++) {
        const struct command_text *text = &command_texts[i];
        const char *value =
            !text->option || (verb->options & text->option) ? command_value(words, text->name) : NULL;
        if (!value)
            continue;
        memcpy((char *)command + text->place, &value, sizeof value);
        return true;
    }
    return false;
}

static bool command_take_value(const struct verb *verb, struct command_words *words, struct command *command)
{
    const char *value;
    if (command_take_text(verb, words, command))
        return true;
    if ((verb->options & COMMAND_TAKES_SET) && command->set_count < COMMAND_ARGUMENTS &&
        (value = command_value(words, "--set")))
        command->sets[command->set_count++] = value;
    else if ((verb->options & COMMAND_TAKES_GROUP) && (value = command_value(words, "--group")))
        return command_take_group(command, value, words->error);
    else if ((verb->options & COMMAND_TAKES_DETACH) && (value = command_value(words, "--report-to")))
        command->report = (int)strtol(value, NULL, 10);
    else
        return false;
    return true;
}

static bool command_take_argument(const struct verb *verb, const char *word, struct command *command,
                                  struct error *error)
{
    if (command->argument_count == verb->most)
        return error_set(error, "%s takes no argument %s; usage: reeve %s %s", verb->name, word, verb->name,
                         verb->arguments);
    command->arguments[command->argument_count++] = word;
    return true;
}

/* The option of this verb that `word` most likely means, or NULL. */
static const char *command_guess_option(const struct verb *verb, const char *word)
{
    enum { COMMAND_GUESS_DISTANCE = 3 };
    const char *nearest = NULL;
    unsigned least = COMMAND_GUESS_DISTANCE;
    for (size_t i = 0; i < sizeof command_flags / sizeof command_flags[0]; i++) {
        unsigned distance = text_distance(slice_of_text(word), slice_of_text(command_flags[i].name));
        if (!(verb->options & command_flags[i].option) || distance >= least)
            continue;
        least = distance;
        nearest = command_flags[i].name;
    }
    return nearest;
}

/* Of the contract, and not built yet. */
static bool command_is_later(const struct verb *verb, const char *word)
{
    return strcmp(verb->name, "run") == 0 && strcmp(word, "--replace") == 0;
}

static bool command_refuse_option(const struct verb *verb, const char *word, struct error *error)
{
    if (command_is_later(verb, word))
        return error_set(error, "%s %s is not supported yet; end the other one first: reeve down", verb->name,
                         word);
    const char *guess = command_guess_option(verb, word);
    if (guess)
        return error_set(error, "%s knows no option %s; did you mean %s?", verb->name, word, guess);
    return error_set(error, "%s knows no option %s; `reeve %s --help` tells which", verb->name, word,
                     verb->name);
}

static bool command_take_option(const struct verb *verb, struct command_words *words, struct command *command)
{
    const char *word = words->items[words->at];
    if (command_take_flag(verb, word, command) || command_take_value(verb, words, command))
        return true;
    return !words->error->text[0] && command_refuse_option(verb, word, words->error);
}

bool command_parse(const struct verb *verb, int count, char **arguments, struct command *command,
                   struct error *error)
{
    *command = (struct command){.verb = verb->name, .report = -1, .state = getenv("REEVE_STATE")};
    struct command_words words = {.items = arguments, .count = count, .error = error};
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++)
        command_for_program |= strcmp(arguments[i], "--json") == 0 && (verb->options & COMMAND_TAKES_JSON);
    bool options = true, good = true;
    for (; good && words.at < count; words.at++) {
        const char *word = arguments[words.at];
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (!options || word[0] != '-' || word[1] == '\0')
            good = command_take_argument(verb, word, command, error);
        else
            good = command_take_option(verb, &words, command);
    }
    if (good && command->argument_count < verb->least)
        return error_set(error, "%s needs %s; usage: reeve %s %s", verb->name, verb->arguments, verb->name,
                         verb->arguments);
    return good;
}

/* --- the configuration and the keeper --------------------------------------------------------------------
 */

struct config_environment command_environment(char directory[PATH_MAX])
{
    if (!getcwd(directory, PATH_MAX))
        snprintf(directory, PATH_MAX, "/");
    return (struct config_environment){
        .variables = (const char *const *)environ,
        .directory = directory,
        .root = geteuid() == 0,
    };
}

struct config *command_load(const struct command *command, const char *given)
{
    char directory[PATH_MAX];
    struct config_environment environment = command_environment(directory);
    struct error error = {0};
    char *path = config_find_file(given ? given : command->file, &environment, &error);
    if (!path) {
        command_fail(COMMAND_USAGE, "%s", error.text);
        return NULL;
    }
    struct config_errors errors = {0};
    struct config *config = config_load(path, &environment, &errors);
    if (!config) {
        char *text = config_errors_text(&errors);
        fputs(text, stderr);
        if (command->json)
            command_fail_json(utf8_clean(text));
        free(text);
    }
    config_errors_free(&errors);
    free(path);
    return config;
}

/* --state: what has a lock file was one. */
static bool command_find_state(const struct command *command, struct command_place *place)
{
    char *lock = memory_format("%s/lock", command->state);
    bool there = access(lock, F_OK) == 0;
    free(lock);
    if (!there)
        return command_fail(0, "%s/lock: there was no reeve here; start it with: reeve run", command->state);
    place->state = memory_text(command->state);
    return true;
}

bool command_find(const struct command *command, struct command_place *place)
{
    *place = (struct command_place){0};
    if (command->state)
        return command_find_state(command, place);
    struct config *config = command_load(command, NULL);
    if (!config) {
        absence_tell_runner(command);
        return false;
    }
    place->state = memory_text(config->state);
    place->name = memory_text(config->name);
    config_free(&config);
    return true;
}

void command_place_free(struct command_place *place)
{
    free(place->state);
    free(place->name);
    *place = (struct command_place){0};
}

void command_append_self(struct buffer *out, const struct command *command)
{
    const char *file = command->file;
    if (strcmp(command->verb, "run") == 0 && command->argument_count)
        file = command->arguments[0];
    buffer_append_format(out, "%s%s%s", program_invocation_name, file ? " -c " : "", file ? file : "");
}

int command_connect(const struct command *command, const struct command_place *place)
{
    pid_t holder = 0;
    int connection = incumbent_connect(place->state, &holder);
    if (connection >= 0)
        return connection;
    if (connection == -ESRCH || connection == -ENOENT)
        absence_tell(command, place);
    else if (connection == -EAGAIN)
        command_fail(
            0,
            "pid %d holds %s/lock and does not answer: it is just starting or ending, or stuck (then "
            "`reeve run` takes its place)",
            (int)holder, place->state);
    else
        command_fail(0, "%s/lock: %s", place->state, strerror(-connection));
    return -1;
}

/* Contract §3. */
int command_code(int status)
{
    switch (status) {
    case 400:
    case 422:
        return COMMAND_USAGE;
    case 404:
        return COMMAND_NO_TARGET;
    default:
        return status >= 200 && status < 300 ? COMMAND_DONE : COMMAND_FAILED;
    }
}

/* Takes the reference to `reply`, which is {status, body}. */
static int command_accept(json_t *reply, json_t **answer)
{
    json_t *body = json_object_get(reply, "body");
    int code = command_code((int)json_integer_value(json_object_get(reply, "status")));
    const char *text = json_string_value(json_object_get(body, "text"));
    if (code == COMMAND_DONE)
        *answer = json_incref(body);
    else
        command_fail(0, "%s", text ? text : "the keeper refused without saying why");
    json_decref(reply);
    return code;
}

/* Takes the reference to `arguments`. What is larger than a message travels as a sealed memfd. */
static int command_send(int connection, const char *operation, json_t *arguments, json_t **reply,
                        struct error *error)
{
    struct control_question question = {
        .type = MESSAGE_CONTROL_ASK, .body = json_pack("{s:s}", "operation", operation), .timeout_ms = -1};
    char *text = json_dumps(arguments, JSON_COMPACT);
    int memfd = -1;
    if (strlen(text) > COMMAND_INLINE)
        memfd = memfd_seal("reeve-arguments", slice_of_text(text));
    if (memfd >= 0) {
        question.descriptors = &memfd;
        question.descriptor_count = 1;
        json_decref(arguments);
    } else {
        json_object_set_new(question.body, "arguments", arguments);
    }
    int failed = control_ask(connection, &question, reply, error);
    if (memfd >= 0)
        close(memfd);
    free(text);
    return failed;
}

int command_ask_at(int connection, const char *operation, json_t *arguments, json_t **answer)
{
    struct error error = {0};
    json_t *reply = NULL;
    *answer = NULL;
    arguments = arguments ? arguments : json_object();
    int failed = command_send(connection, operation, arguments, &reply, &error);
    if (failed == -EPIPE)
        return command_fail(COMMAND_NOT_RUNNING, "the keeper ended before it answered");
    if (!failed)
        return command_accept(reply, answer);
    command_fail(0, "%s", error.text);
    return failed < 0 ? COMMAND_FAILED : failed;
}

int command_ask(const struct command *command, const char *operation, json_t *arguments, json_t **answer)
{
    struct command_place place;
    *answer = NULL;
    if (!command_find(command, &place)) {
        json_decref(arguments);
        return command->state ? COMMAND_NOT_RUNNING : COMMAND_USAGE;
    }
    int connection = command_connect(command, &place);
    command_place_free(&place);
    if (connection < 0) {
        json_decref(arguments);
        return COMMAND_NOT_RUNNING;
    }
    int code = command_ask_at(connection, operation, arguments, answer);
    close(connection);
    return code;
}
