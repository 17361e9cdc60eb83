#include <string.h>

#include "keep/operate_accounts.h"

static void operate_users(void *context, struct operation *operation)
{
    operation_answer(operation, 200, json_pack("{s:o}", "users", accounts_users(context)));
}

static void operate_sessions(void *context, struct operation *operation)
{
    operation_answer(operation, 200, json_pack("{s:o}", "sessions", accounts_sessions(context)));
}

static void operate_session_revoke(void *context, struct operation *operation)
{
    const char *id = operation_text(operation, "id");
    if (!id)
        operation_refuse(operation, 422, "which session? `id` says it");
    else if (accounts_session_revoke(context, id, operation_by(operation)))
        operation_answer(operation, 200, NULL);
    else
        operation_refuse(operation, 404, "there is no session %s", id);
}

/* The session of who asks, by what the gate has found out; NULL: there is none. */
static const char *operate_own_session(const struct operation *operation)
{
    return operation->who->kind == PRINCIPAL_SESSION ? operation->who->credential : NULL;
}

static void operate_sign_out(void *context, struct operation *operation)
{
    const char *id = operate_own_session(operation);
    if (id)
        accounts_session_revoke(context, id, operation_by(operation));
    operation_answer(operation, 200, NULL);
}

static void operate_session_used(void *context, struct operation *operation)
{
    const char *id = operate_own_session(operation);
    if (id && accounts_session_use(context, id))
        operation_answer(operation, 200, NULL);
    else
        operation_refuse(operation, 404, "there is no such session");
}

static void operate_tokens(void *context, struct operation *operation)
{
    operation_answer(operation, 200, json_pack("{s:o}", "tokens", accounts_tokens(context)));
}

static void operate_token_create(void *context, struct operation *operation)
{
    const json_t *expires = json_object_get(operation->arguments, "expires_ms");
    struct accounts_token wanted = {.name = operation_text(operation, "name"),
                                    .expires_in_ms = json_integer_value(expires)};
    struct tokens_made made;
    struct error error = {0};
    if (!wanted.name) {
        operation_refuse(operation, 422, "whose token? `name` says it");
        return;
    }
    if (expires && !json_is_null(expires) && (!json_is_integer(expires) || wanted.expires_in_ms <= 0)) {
        operation_refuse(operation, 422, "expires_ms is a number of milliseconds from now");
        return;
    }
    int status = accounts_token_create(context, &wanted, operation_by(operation), &made, &error);
    if (status != 201) {
        operation_refuse(operation, status, "%s", error.text);
        return;
    }
    char text[CLOCK_TEXT_SIZE];
    json_t *end = wanted.expires_ms ? json_string(clock_format(wanted.expires_ms, text)) : json_null();
    operation_answer(operation, status,
                     json_pack("{s:s, s:s, s:s, s:o}", "token", made.text, "id", made.id, "name", wanted.name,
                               "expires", end));
    seal_wipe(&made, sizeof made);
}

static void operate_token_revoke(void *context, struct operation *operation)
{
    const char *name = operation_text(operation, "name");
    struct error error = {0};
    if (!name) {
        operation_refuse(operation, 422, "which token? `name` says it");
        return;
    }
    int status = accounts_token_revoke(context, name, operation_by(operation), &error);
    if (status == 200)
        operation_answer(operation, status, NULL);
    else
        operation_refuse(operation, status, "%s", error.text);
}

void operate_accounts(struct operations *operations, struct accounts *accounts)
{
    static const struct operation_row rows[] = {
        {"users", OPERATION_CONSOLE, operate_users},
        {"sessions", OPERATION_CONSOLE, operate_sessions},
        {"session-revoke", OPERATION_CONSOLE, operate_session_revoke},
        {"sign-out", OPERATION_GATE, operate_sign_out},
        {"session-used", OPERATION_GATE, operate_session_used},
        {"tokens", OPERATION_CONSOLE, operate_tokens},
        {"token-create", OPERATION_CONSOLE, operate_token_create},
        {"token-revoke", OPERATION_CONSOLE, operate_token_revoke},
    };
    operations_add(operations, rows, sizeof rows / sizeof rows[0], accounts);
}
