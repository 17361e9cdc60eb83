/* `reeve down`: asks the keeper to stop in order and waits until its process has gone. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keep/control.h"

#include "reeve/verbs.h"

enum { DOWN_ANSWER_MS = 10000 };

/* The pid comes from the keeper itself while we are connected to it, so the pidfd is surely its own. */
static int down_open_keeper(int connection, pid_t *pid, struct error *error)
{
    json_t *keeper = NULL;
    const struct control_question hello = {.type = MESSAGE_CONTROL_HELLO, .timeout_ms = DOWN_ANSWER_MS};
    if (control_ask(connection, &hello, &keeper, error))
        return -1;
    *pid = (pid_t)json_integer_value(json_object_get(keeper, "pid"));
    json_decref(keeper);
    int pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (pidfd < 0)
        error_set(error, "the keeper's pid %d cannot be watched", (int)*pid);
    return pidfd;
}

static int down_wait(int connection, bool now, bool wait)
{
    struct error error = {0};
    pid_t pid = 0;
    int pidfd = down_open_keeper(connection, &pid, &error);
    if (pidfd < 0)
        return command_fail(COMMAND_FAILED, "%s", error.text);
    json_t *answer = NULL;
    const struct control_question down = {MESSAGE_CONTROL_DOWN, json_pack("{s:b}", "now", now),
                                          DOWN_ANSWER_MS};
    int failed = control_ask(connection, &down, &answer, &error);
    json_decref(answer);
    struct pollfd exit = {.fd = pidfd, .events = POLLIN};
    /* The keeper bounds each phase of its stop itself; a second `down --now` cuts it short. */
    while (!failed && wait && poll(&exit, 1, -1) < 0 && errno == EINTR)
        ;
    close(pidfd);
    return failed ? command_fail(COMMAND_FAILED, "%s", error.text) : COMMAND_DONE;
}

int down_verb(const struct command *command)
{
    struct command_place place;
    if (!command_find(command, &place))
        return command->state ? COMMAND_NOT_RUNNING : COMMAND_USAGE;
    int connection = command_connect(command, &place);
    command_place_free(&place);
    if (connection < 0)
        return COMMAND_NOT_RUNNING;
    int code = down_wait(connection, command->now, !command->no_wait);
    close(connection);
    if (command->json && code == COMMAND_DONE)
        command_print_json(json_pack("{s:b}", "ok", 1));
    return code;
}
