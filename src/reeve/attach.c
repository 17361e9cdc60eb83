/* `reeve attach`: this terminal becomes a view of a target's. The keeper only makes the link; it goes to the
 * hold, so it stands while keepers come and go. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "keep/control.h"
#include "link/channel.h"
#include "loop/loop.h"

#include "reeve/attached.h"
#include "reeve/verbs.h"

enum { ATTACH_ANSWER_MS = 10000 };

static const char attach_standard_keys[] = "ctrl-\\,ctrl-\\";

struct attach {
    const struct command *command;
    struct loop *loop;
    struct raw raw;
    struct keys keys;
    struct attached *attached;
    int signal; /* that ends us; 0: none */
};

/* --- while it is attached ---------------------------------------------------------------------------------
 */

static void attach_on_end(void *owner)
{
    const struct attach *attach = owner;
    loop_stop(attach->loop);
}

static void attach_on_signal(void *owner, const siginfo_t *about)
{
    struct attach *attach = owner;
    switch (about->si_signo) {
    case SIGCONT:
        raw_again(&attach->raw);
        attached_resize(attach->attached);
        break;
    case SIGWINCH:
        attached_resize(attach->attached);
        break;
    default:
        attach->signal = about->si_signo;
        loop_stop(attach->loop);
    }
}

static const int attach_signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
enum { ATTACH_SIGNALS = sizeof attach_signals / sizeof *attach_signals };

/* The loop runs until one side ends; how it ended, as a sentence that is the caller's. */
static enum attached_end attach_run(struct attach *attach, int link, char **sentence)
{
    const struct attached_settings settings = {.raw = &attach->raw,
                                               .keys = attach->keys,
                                               .name = attach->command->arguments[0],
                                               .view = attach->command->view,
                                               .on_end = attach_on_end,
                                               .owner = attach};
    enum attached_end end = ATTACHED_LOST;
    attach->loop = loop_new(&clock_system);
    attach->attached = attached_new(attach->loop, link, &settings);
    if (attach->attached) {
        for (size_t i = 0; i < ATTACH_SIGNALS; i++)
            loop_signal(attach->loop, attach_signals[i], attach_on_signal, attach);
        loop_run(attach->loop);
        end = attached_end(attach->attached);
        *sentence = memory_text(attached_sentence(attach->attached));
        for (size_t i = 0; i < ATTACH_SIGNALS; i++)
            loop_signal(attach->loop, attach_signals[i], NULL, NULL);
    }
    attached_free(&attach->attached);
    loop_free(&attach->loop);
    return end;
}

/* --- the link
 * --------------------------------------------------------------------------------------------------- */

static int attach_refused(const json_t *body)
{
    const char *text = json_string_value(json_object_get(body, "text"));
    int status = (int)json_integer_value(json_object_get(body, "status"));
    return command_fail(command_code(status ? status : 500), "%s",
                        text ? text : "the keeper refused without saying why");
}

/* The exit code, with `*link` on 0. */
static int attach_ask(const struct attach *attach, int connection, int *link)
{
    struct channel_message message;
    uint16_t columns, rows;
    raw_size(&attach->raw, &columns, &rows);
    json_t *body = json_pack("{s:s, s:b, s:i, s:i}", "target", attach->command->arguments[0], "view",
                             (int)attach->command->view, "columns", (int)columns, "rows", (int)rows);
    int failed = channel_send_now(connection, MESSAGE_CONTROL_ATTACH, 1, body, NULL, 0, ATTACH_ANSWER_MS);
    failed = failed ? failed : channel_receive_now(connection, &message, ATTACH_ANSWER_MS);
    if (failed)
        return command_fail(COMMAND_FAILED, "the keeper does not answer: %s", strerror(-failed));
    bool given = message.type == MESSAGE_OK && message.descriptor_count == 1;
    int code = given ? COMMAND_DONE : attach_refused(message.body);
    if (given)
        *link = message.descriptors[0];
    for (int i = given ? 1 : 0; i < message.descriptor_count; i++)
        close(message.descriptors[i]);
    json_decref(message.body);
    return code;
}

static int attach_connect(const struct attach *attach, int *link)
{
    struct command_place place;
    if (!command_find(attach->command, &place))
        return attach->command->state ? COMMAND_NOT_RUNNING : COMMAND_USAGE;
    int connection = command_connect(attach->command, &place);
    command_place_free(&place);
    if (connection < 0)
        return COMMAND_NOT_RUNNING;
    int code = attach_ask(attach, connection, link);
    close(connection);
    return code;
}

/* --- the verb
 * --------------------------------------------------------------------------------------------------- */

static int attach_tell_end(const struct attach *attach, enum attached_end end, const char *sentence)
{
    const char *name = attach->command->arguments[0];
    bool ended = end == ATTACHED_ENDED, lost = end == ATTACHED_LOST;
    if (attach->signal) {
        raise(attach->signal); /* as if we had never caught it */
        return COMMAND_FAILED;
    }
    if (attach->command->json)
        command_print_json(json_pack("{s:s, s:s, s:s?}", "target", name, "end",
                                     ended  ? "ended"
                                     : lost ? "lost"
                                            : "detached",
                                     "text", ended ? sentence : NULL));
    else if (ended)
        fprintf(stderr, "reeve: %s: %s\n", name, sentence);
    else if (end == ATTACHED_DETACHED)
        fprintf(stderr, "reeve: detached from %s; it goes on\n", name);
    if (lost && attach->command->json) /* it has been told */
        return COMMAND_FAILED;
    if (lost)
        return command_fail(COMMAND_FAILED, "%s: its hold has gone; `reeve why %s` tells more", name, name);
    return end == ATTACHED_HUNG_UP ? COMMAND_FAILED : COMMAND_DONE;
}

/* The terminal is put back before anything is said. */
static int attach_show(struct attach *attach, int link)
{
    char *sentence = NULL;
    raw_enter(&attach->raw);
    enum attached_end end = attach_run(attach, link, &sentence);
    raw_leave(&attach->raw);
    int code = attach_tell_end(attach, end, sentence);
    free(sentence);
    return code;
}

/* A target that is not there is the better news. */
static int attach_refuse_pipe(const struct command *command)
{
    json_t *row = NULL;
    int code = command_ask(command, "target", json_pack("{s:s}", "name", command->arguments[0]), &row);
    json_decref(row);
    if (code != COMMAND_DONE)
        return code;
    return command_fail(COMMAND_USAGE, "attach needs a terminal: its standard input and output are none");
}

int attach_verb(const struct command *command)
{
    const char *keys = command->detach_keys ? command->detach_keys : attach_standard_keys;
    struct attach attach = {.command = command};
    struct error error = {0};
    int link = -1;
    if (!keys_parse(keys, &attach.keys, &error))
        return command_fail(COMMAND_USAGE, "%s", error.text);
    int failed = raw_open(&attach.raw);
    if (failed == -ENOTTY)
        return attach_refuse_pipe(command);
    if (failed)
        return command_fail(COMMAND_FAILED, "this terminal cannot be used: %s", strerror(-failed));
    int code = attach_connect(&attach, &link);
    if (code == COMMAND_DONE) {
        fprintf(stderr, "reeve: attached to %s%s; %s detaches\n", command->arguments[0],
                command->view ? " to watch" : "", keys[0] ? keys : "nothing");
        code = attach_show(&attach, link);
    }
    raw_leave(&attach.raw);
    return code;
}
