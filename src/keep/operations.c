/* Rights are judged before a handler sees anything. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/operations.h"

enum { OPERATIONS_TOPICS = 16 };

struct operations_topic {
    const struct operation_row *rows;
    size_t count;
    void *context;
};

struct operations {
    struct operations_settings settings;
    struct operations_topic topics[OPERATIONS_TOPICS];
    size_t topic_count;
    struct list open;
};

/* --- the table -------------------------------------------------------------------------------------------
 */

static const struct operation_row *operations_find(const struct operations *operations, const char *name,
                                                   void **context)
{
    for (size_t i = 0; i < operations->topic_count; i++) {
        const struct operations_topic *topic = &operations->topics[i];
        for (size_t j = 0; j < topic->count; j++) {
            if (strcmp(topic->rows[j].name, name) != 0)
                continue;
            *context = topic->context;
            return &topic->rows[j];
        }
    }
    return NULL;
}

void operations_add(struct operations *operations, const struct operation_row *rows, size_t count,
                    void *context)
{
    void *other;
    CHECK(operations->topic_count < OPERATIONS_TOPICS);
    for (size_t i = 0; i < count; i++)
        CHECK(!operations_find(operations, rows[i].name, &other));
    operations->topics[operations->topic_count++] =
        (struct operations_topic){.rows = rows, .count = count, .context = context};
}

bool operations_is_console(const struct operations *operations, const struct principal *who)
{
    const struct operations_settings *settings = &operations->settings;
    return who->kind == PRINCIPAL_OPERATOR ||
           principal_passes(who, settings->console_allow, settings->console_allow_count);
}

/* 0: it may be asked; else the status. */
static int operations_judge(const struct operations *operations, const struct operation_row *row,
                            const struct principal *who)
{
    bool by_operator = who->kind == PRINCIPAL_OPERATOR;
    switch (row->right) {
    case OPERATION_OPERATOR:
        return by_operator ? 0 : 403;
    case OPERATION_CONSOLE:
        return operations_is_console(operations, who) ? 0 : 403;
    case OPERATION_ANYONE:
        return 0;
    case OPERATION_GATE:
        return by_operator ? 403 : 0;
    }
    UNREACHABLE();
}

/* --- asking ----------------------------------------------------------------------------------------------
 */

static void operations_refuse(operation_done_fn *done, void *owner, int status, const char *text)
{
    json_t *body = json_pack("{s:s}", "text", text);
    done(owner, status, body);
}

void operations_ask(struct operations *operations, const struct operation_request *request,
                    operation_done_fn *done, void *owner)
{
    void *context = NULL;
    const struct operation_row *row = operations_find(operations, request->name, &context);
    int refused = row ? operations_judge(operations, row, request->who) : 404;
    if (refused) {
        operations_refuse(done, owner, refused,
                          row ? "this is not for you to ask" : "this reeve does not know that request");
        return;
    }
    if (request->arguments && !json_is_object(request->arguments)) {
        operations_refuse(done, owner, 400, "the arguments are no object");
        return;
    }
    struct operation *operation = operation_new(request, done, owner);
    list_append(&operations->open, &operation->link);
    log_debug(operations->settings.log, "asked", LOG_TEXT("operation", row->name),
              LOG_TEXT("by", operation_by(operation)));
    row->run(context, operation);
}

void operations_forget(struct operations *operations, const void *owner)
{
    LIST_FOR_EACH(link, &operations->open)
    {
        struct operation *operation = LIST_ENTRY(link, struct operation, link);
        if (operation->owner == owner)
            operation_forget(operation);
    }
}

void operations_allow(struct operations *operations, const char *const *rules, size_t count)
{
    operations->settings.console_allow = rules;
    operations->settings.console_allow_count = count;
}

struct operations *operations_new(const struct operations_settings *settings)
{
    struct operations *operations = MEMORY_NEW(struct operations);
    operations->settings = *settings;
    list_init(&operations->open);
    return operations;
}

void operations_free(struct operations **owned)
{
    struct operations *operations = *owned;
    if (!operations)
        return;
    LIST_FOR_EACH(link, &operations->open)
    {
        struct operation *operation = LIST_ENTRY(link, struct operation, link);
        operation_cut(operation);
    }
    free(operations);
    *owned = NULL;
}
