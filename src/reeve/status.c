/* `reeve status` and `reeve ls`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep/control.h"
#include "keep/directories.h"

#include "reeve/display.h"
#include "reeve/verbs.h"

enum { STATUS_ASK_MS = 2000 };

static bool status_is(const json_t *target, const char *member, const char *value)
{
    const char *text = json_string_value(json_object_get(target, member));
    return text && strcmp(text, value) == 0;
}

/* As target_row_is_missed(). */
static bool status_is_missed(const json_t *target)
{
    bool over = status_is(target, "state", "ended") || status_is(target, "state", "failed");
    return status_is(target, "wanted", "up") && !json_is_true(json_object_get(target, "ready")) &&
           !(over && status_is(target, "kind", "instance"));
}

/* Something that is wanted is not ready. */
static bool status_is_degraded(const json_t *targets)
{
    for (size_t i = 0; i < json_array_size(targets); i++) {
        if (status_is_missed(json_array_get(targets, i)))
            return true;
    }
    return false;
}

static void status_print(const json_t *answer)
{
    struct buffer out = BUFFER(1 << 20);
    display_keeper(&out, json_object_get(answer, "keeper"));
    display_targets(&out, json_object_get(answer, "targets"), isatty(STDOUT_FILENO));
    display_loops(&out, json_object_get(answer, "loops"), isatty(STDOUT_FILENO));
    display_degraded(&out, json_object_get(answer, "degraded"), isatty(STDOUT_FILENO));
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
}

int status_verb(const struct command *command)
{
    json_t *answer = NULL;
    int code = command_ask(command, "status", NULL, &answer);
    if (code)
        return code;
    code = status_is_degraded(json_object_get(answer, "targets")) ? COMMAND_FAILED : COMMAND_DONE;
    if (command->json && !command->quiet)
        command_print_json(json_incref(answer));
    else if (!command->quiet)
        status_print(answer);
    json_decref(answer);
    return code;
}

/* --- ls ----------------------------------------------------------------------------------------------------
 */

static void status_collect(void *owner, const char *runtime)
{
    int connection = control_connect(runtime);
    json_t *answer = NULL;
    if (connection < 0)
        return;
    const struct control_question hello = {.type = MESSAGE_CONTROL_HELLO, .timeout_ms = STATUS_ASK_MS};
    if (control_ask(connection, &hello, &answer, NULL) == 0)
        json_array_append_new(owner, answer);
    close(connection);
}

int status_ls_verb(const struct command *command)
{
    json_t *found = json_array();
    directories_each(status_collect, found);
    if (command->json) {
        command_print_json(found);
        return COMMAND_DONE;
    }
    struct buffer out = BUFFER(1 << 20);
    for (size_t i = 0; i < json_array_size(found); i++)
        display_keeper(&out, json_array_get(found, i));
    if (json_array_size(found) == 0)
        buffer_append_text(&out, "no reeve of this user runs\n");
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
    json_decref(found);
    return COMMAND_DONE;
}
