/* An open question is a copy of what was asked, so that its asker may go at any time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "keep/operation.h"

char *operation_name_asker(const struct principal *who)
{
    switch (who->kind) {
    case PRINCIPAL_OPERATOR:
        return memory_text(who->credential ? who->credential : "the operator");
    case PRINCIPAL_TOKEN:
        return memory_format("token %s", who->user ? who->user : "?");
    case PRINCIPAL_SESSION:
    case PRINCIPAL_NOBODY:
        break;
    }
    return memory_text(who->user ? who->user : "somebody over HTTP");
}

struct operation *operation_new(const struct operation_request *request, operation_done_fn *done, void *owner)
{
    struct operation *operation = MEMORY_NEW(struct operation);
    operation->own_arguments = request->arguments ? json_deep_copy(request->arguments) : json_object();
    operation->own_who = principal_copy(request->who);
    operation->own_name = memory_text(request->name);
    operation->by = operation_name_asker(request->who);
    operation->name = operation->own_name;
    operation->arguments = operation->own_arguments;
    operation->who = operation->own_who;
    operation->done = done;
    operation->owner = owner;
    list_init(&operation->link);
    return operation;
}

static void operation_free(struct operation *operation)
{
    list_remove(&operation->link);
    json_decref(operation->own_arguments);
    free(operation->own_who);
    free(operation->own_name);
    free(operation->by);
    free(operation);
}

void operation_answer(struct operation *operation, int status, json_t *body)
{
    operation_done_fn *done = operation->done;
    void *owner = operation->owner;
    operation_free(operation);
    body = body ? body : json_object();
    if (done)
        done(owner, status, body);
    else
        json_decref(body);
}

bool operation_refuse(struct operation *operation, int status, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* It may be cut inside a character. */
    operation_answer(operation, status, json_pack("{s:s}", "text", utf8_clean(text)));
    return false;
}

const char *operation_text(const struct operation *operation, const char *name)
{
    return json_string_value(json_object_get(operation->arguments, name));
}

const char *operation_by(const struct operation *operation)
{
    return operation->by;
}

void operation_cut(struct operation *operation)
{
    if (operation->on_forget)
        operation->on_forget(operation);
    operation_free(operation);
}

void operation_forget(struct operation *operation)
{
    operation->done = NULL;
    operation->owner = NULL;
    if (operation->on_forget)
        operation_cut(operation);
}
