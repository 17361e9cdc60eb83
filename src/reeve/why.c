/* `reeve why [NAME]`: the journal in sentences, and how it stands now. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#include "reeve/sentences.h"
#include "reeve/verbs.h"

enum { WHY_ROWS = 500, WHY_LIMIT = 1 << 24 };

static void why_print(const json_t *sentences)
{
    struct buffer out = BUFFER(WHY_LIMIT);
    char time[SENTENCES_TIME_SIZE];
    int64_t now_ms = clock_system.wall_ms(&clock_system);
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const json_t *row = json_array_get(sentences, i);
        buffer_append_format(
            &out, "%s %s\n",
            sentences_time(json_integer_value(json_object_get(row, "time_ms")), now_ms, time),
            json_string_value(json_object_get(row, "text")));
    }
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
}

/* "now: api is backoff: exited with 7 after 0.2 s". Of a loop the last run is told. */
static void why_print_now(const json_t *target)
{
    const char *name = json_string_value(json_object_get(target, "name")),
               *state = json_string_value(json_object_get(target, "state")),
               *next = json_string_value(json_object_get(target, "next_attempt")),
               *text = json_string_value(json_object_get(json_object_get(target, "cause"), "text")),
               *tls = json_string_value(json_object_get(target, "tls"));
    char when[SENTENCES_TIME_SIZE];
    if (!text)
        text = json_string_value(json_object_get(json_object_get(target, "last"), "text"));
    if (name && state)
        printf("now: %s is %s%s%s%s%s\n", name, state, text && *text ? ": " : "", text ? text : "",
               next ? "; next attempt at " : "",
               next ? sentences_time(clock_read(next), clock_system.wall_ms(&clock_system), when) : "");
    if (name && tls && strcmp(tls, "none") == 0)
        printf("insecure: the certificate of %s is not checked (tls: {verify: none})\n", name);
}

static const json_t *why_find(const json_t *list, const char *name)
{
    for (size_t i = 0; name && i < json_array_size(list); i++) {
        const char *other = json_string_value(json_object_get(json_array_get(list, i), "name"));
        if (other && strcmp(other, name) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* A target, or what is written down as "loop:NAME". */
static const json_t *why_find_now(const json_t *status, const char *name)
{
    static const char prefix[] = "loop:";
    if (name && strncmp(name, prefix, sizeof prefix - 1) == 0)
        return why_find(json_object_get(status, "loops"), name + sizeof prefix - 1);
    return why_find(json_object_get(status, "targets"), name);
}

/* Sentences are for the eye, in the time of the user's terminal; programs get UTC as everywhere (contract
 * §2). */
static void why_add_times(json_t *sentences)
{
    json_t *row;
    size_t i;
    char text[CLOCK_TEXT_SIZE];
    json_array_foreach(sentences, i, row)
    {
        int64_t time_ms = json_integer_value(json_object_get(row, "time_ms"));
        json_object_set_new(row, "time", json_string(clock_format(time_ms, text)));
    }
}

/* A target that has gone may have rows all the same; who has neither is unknown. */
static int why_answer(const struct command *command, const json_t *rows, const json_t *target)
{
    json_t *sentences = sentences_make(rows);
    if (command->json) {
        why_add_times(sentences);
        command_print_json(sentences);
        return COMMAND_DONE;
    }
    why_print(sentences);
    why_print_now(target);
    json_decref(sentences);
    return COMMAND_DONE;
}

int why_verb(const struct command *command)
{
    const char *name = command->argument_count ? command->arguments[0] : NULL;
    json_t *answer = NULL, *status = NULL;
    int code =
        command_ask(command, "journal", json_pack("{s:s*, s:i}", "target", name, "last", WHY_ROWS), &answer);
    if (code)
        return code;
    const json_t *rows = json_object_get(answer, "rows"), *target = NULL;
    code = command_ask(command, "status", NULL, &status);
    target = why_find_now(status, name);
    if (!code && name && !target && json_array_size(rows) == 0)
        code = command_fail(COMMAND_NO_TARGET, "there is no target %s; `reeve status` lists them", name);
    else if (!code)
        code = why_answer(command, rows, target);
    json_decref(answer);
    json_decref(status);
    return code;
}
