#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "keep/cause.h"

#include "reeve/phrases.h"

enum { PHRASES_PART_LIMIT = 64 * 1024, PHRASES_NAME_SIZE = 32 };

/* {x} is the member x of the evidence; a part in [] is left out where one of its members is missing, 0 or "".
 */
static const struct {
    const char *event, *text;
} phrases[] = {
    {"instance-created", "was created[ by {by}]"},
    {"instance-removed", "was removed[ by {by}]"},
    {"loop-failed", "failed[: {text}][; failures in a row: {failures}]"},
    {"loop-recovered", "succeeds again[: {text}]"},
    {"phase", "goes on to: {phase}[ (at most {budget_ms})]"},
    {"phase-late", "hurries what takes too long: {phase}"},
    {"phase-left", "goes on without the end of: {phase}"},
    {"hook-failed", "had a hook that failed[: {text}]"},
    {"gate-start", "started gate {slot}: pid {pid}"},
    {"gate-exit",
     "lost gate {slot}: pid {pid}[, exited with {code}][, killed by {signal}][ after {after_ms}]"},
    {"degraded", "is degraded: {what}[: {reason}]"},
    {"recovered", "has recovered: {what}[, after {after_ms}]"},
    {"reloaded", "read its configuration again[, asked by {by}][; changed: {changes}]"},
    {"reload-refused", "kept its configuration[, though {by} asked for a reload][: {error}]"},
    {"signed-in", "let {user} in[ from {address}][ (session {session})]"},
    {"sign-in-failed",
     "refused a sign-in[ of {user}][ from {address}][: {why}][ ({others_before} more before it)]"},
    {"sign-in-broken", "could not check a password[ from {address}][: {error}]"},
    {"signed-out", "ended a session of {user}[, asked by {by}][: {why}][ (session {session})]"},
    {"token-created", "made a token for {name}[, asked by {by}]"},
    {"connection-closed",
     "closed the connection {connection}[ of {user}][ to {target}][ ({route})][, asked by {by}]"},
    {"token-revoked", "revoked the token {token}[, asked by {by}]"},
    {"users-changed", "read the users file again; users: {users}"},
    {"users-unusable", "cannot use the users file[: {error}]"},
};

static bool phrases_add_list(struct buffer *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        buffer_append_format(out, "%s%s", i ? ", " : "", text ? text : "?");
    }
    return json_array_size(list) > 0;
}

/* "..._ms" is a span, "signal" a name. False: there is nothing to say. */
static bool phrases_add_number(struct buffer *out, const char *name, int64_t number)
{
    char time[CAUSE_TIME_SIZE], signal[TEXT_SIGNAL_SIZE];
    size_t size = strlen(name);
    if (size > 3 && strcmp(name + size - 3, "_ms") == 0)
        buffer_append_text(out, cause_time(number, time));
    else if (strcmp(name, "signal") == 0)
        buffer_append_text(out, text_of_signal((int)number, signal));
    else
        buffer_append_format(out, "%lld", (long long)number);
    return number != 0;
}

static bool phrases_add_member(struct buffer *out, const json_t *evidence, const char *name)
{
    const json_t *value = json_object_get(evidence, name);
    if (json_is_array(value))
        return phrases_add_list(out, value);
    if (!json_is_string(value))
        return phrases_add_number(out, name, json_integer_value(value));
    buffer_append_text(out, json_string_value(value));
    return json_string_length(value) > 0;
}

static void phrases_fill(struct buffer *out, const char *text, const json_t *evidence)
{
    struct buffer part = BUFFER(PHRASES_PART_LIMIT);
    bool optional = false, whole = true;
    for (const char *at = text; *at; at++) {
        char name[PHRASES_NAME_SIZE];
        if (*at == '{') {
            size_t size = strcspn(at + 1, "}");
            snprintf(name, sizeof name, "%.*s", (int)size, at + 1);
            whole &= phrases_add_member(&part, evidence, name) || !optional;
            at += size + 1;
        } else if (*at == '[' || *at == ']') {
            if (whole)
                buffer_append(out, buffer_slice(&part));
            buffer_clear(&part);
            optional = *at == '[';
            whole = true;
        } else {
            buffer_append(&part, slice_of(at, 1));
        }
    }
    buffer_append(out, buffer_slice(&part));
    buffer_free(&part);
}

bool phrases_append(struct buffer *out, const char *event, const json_t *evidence)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (strcmp(phrases[i].event, event) != 0)
            continue;
        phrases_fill(out, phrases[i].text, evidence);
        return true;
    }
    return false;
}
