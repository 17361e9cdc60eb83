#include "base/memory.h"
#include "base/utf8.h"

#include "keep/operate_reload.h"

static void operate_on_done(void *owner, int status, const json_t *changes, const char *text)
{
    struct operation *operation = owner;
    operation->state = NULL;
    if (changes)
        operation_answer(operation, status, json_pack("{s:O}", "changes", (json_t *)(uintptr_t)changes));
    else
        operation_refuse(operation, status, "%s", text);
}

static void operate_on_forget(struct operation *operation)
{
    reload_forget(operation->state, operation);
}

static void operate_reload(void *owner, struct operation *operation)
{
    bool try_only = json_is_true(json_object_get(operation->arguments, "dry_run"));
    operation->state = owner;
    operation->on_forget = operate_on_forget;
    reload_ask(owner, try_only, operation_by(operation), operate_on_done, operation);
}

static const struct operation_row operate_rows_of_reload[] = {
    {"reload", OPERATION_CONSOLE, operate_reload},
};

void operate_reload_add(struct operations *operations, struct reload *reload)
{
    operations_add(operations, operate_rows_of_reload,
                   sizeof operate_rows_of_reload / sizeof *operate_rows_of_reload, reload);
}
