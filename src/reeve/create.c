/* `reeve create TEMPLATE [ID] --set NAME=VALUE` and `reeve rm TEMPLATE/ID`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/paths.h"

#include "reeve/display.h"
#include "reeve/verbs.h"

enum { CREATE_VALUE_MOST = 1024 * 1024 };

/* "@FILE" and "@-" give what is in there, "@@x" gives "@x". NULL, and the reason is printed: it cannot be
 * read, or is no text. */
static json_t *create_value(const char *name, const char *text)
{
    if (text[0] != '@' || text[1] == '@')
        return json_string(text + (text[0] == '@'));
    size_t size = 0;
    int status = 0;
    char *content = paths_read(text + 1, CREATE_VALUE_MOST, &size, &status);
    if (!content) {
        command_fail(0, "--set %s: %s: %s", name, text + 1, paths_refusal(status));
        return NULL;
    }
    json_t *value = memchr(content, '\0', size) ? NULL : json_stringn(content, size);
    if (!value)
        command_fail(0, "--set %s: %s is no text", name, text + 1);
    free(content);
    return value;
}

/* Adds "NAME=VALUE"; false with the reason printed. */
static bool create_set(json_t *parameters, const char *word)
{
    struct slice whole = slice_of_text(word);
    size_t equals = slice_find(whole, '=');
    if (equals == 0 || equals == whole.size)
        return command_fail(0, "--set %s: it is written NAME=VALUE, NAME=@FILE or NAME=@-", word);
    char *name = slice_to_text(slice_between(whole, 0, equals));
    bool again = json_object_get(parameters, name) != NULL;
    json_t *value = again ? NULL : create_value(name, word + equals + 1);
    bool fine = value && json_object_set_new(parameters, name, value) == 0;
    if (again)
        command_fail(0, "--set %s: %s is set already; give it once", word, name);
    else if (value && !fine)
        command_fail(0, "--set %s: the name is no text", word);
    free(name);
    return fine;
}

static void create_print(const struct command *command, json_t *row)
{
    if (command->json) {
        command_print_json(json_incref(row));
        return;
    }
    struct buffer out = BUFFER(1 << 16);
    json_t *rows = json_pack("[O]", row);
    display_targets(&out, rows, isatty(STDOUT_FILENO));
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
    json_decref(rows);
}

int create_verb(const struct command *command)
{
    json_t *parameters = json_object(), *row = NULL;
    bool fine = true;
    for (int i = 0; i < command->set_count && fine; i++)
        fine = create_set(parameters, command->sets[i]);
    if (!fine) {
        json_decref(parameters);
        return COMMAND_USAGE;
    }
    json_t *arguments = json_pack("{s:s, s:o}", "template", command->arguments[0], "parameters", parameters);
    if (command->argument_count > 1)
        json_object_set_new(arguments, "id", json_string(command->arguments[1]));
    int code = command_ask(command, "create", arguments, &row);
    if (code == COMMAND_DONE)
        create_print(command, row);
    json_decref(row);
    return code;
}

int create_rm_verb(const struct command *command)
{
    int code = COMMAND_DONE;
    for (int i = 0; i < command->argument_count && code == COMMAND_DONE; i++) {
        json_t *answer = NULL;
        code = command_ask(command, "remove", json_pack("{s:s}", "name", command->arguments[i]), &answer);
        json_decref(answer);
    }
    return code;
}
