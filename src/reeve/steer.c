/* `reeve start|stop|restart NAME...`: returns when the effect is there, or fails with the cause. */
#include <stdio.h>
#include <unistd.h>

#include "reeve/display.h"
#include "reeve/verbs.h"

static int steer(const struct command *command, const char *operation)
{
    json_t *names = json_array();
    for (int i = 0; i < command->argument_count; i++)
        json_array_append_new(names, json_string(command->arguments[i]));
    json_t *answer = NULL;
    json_t *body = json_pack("{s:o, s:b}", "targets", names, "wait", !command->no_wait);
    int code = command_ask(command, operation, body, &answer);
    if (code == COMMAND_DONE && command->json) {
        command_print_json(json_incref(json_object_get(answer, "targets")));
    } else if (code == COMMAND_DONE) {
        struct buffer out = BUFFER(1 << 20);
        display_targets(&out, json_object_get(answer, "targets"), isatty(STDOUT_FILENO));
        command_print(stdout, buffer_slice(&out));
        buffer_free(&out);
    }
    json_decref(answer);
    return code;
}

int steer_start_verb(const struct command *command)
{
    return steer(command, "start");
}

int steer_stop_verb(const struct command *command)
{
    return steer(command, "stop");
}

int steer_restart_verb(const struct command *command)
{
    return steer(command, "restart");
}

int steer_signal_verb(const struct command *command)
{
    json_t *answer = NULL;
    json_t *body =
        json_pack("{s:[s], s:s}", "targets", command->arguments[0], "signal", command->arguments[1]);
    int code = command_ask(command, "signal", body, &answer);
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_incref(json_object_get(answer, "targets")));
    json_decref(answer);
    return code;
}
