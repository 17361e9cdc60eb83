/* Creating is answered at once; removing when it is done. */
#include <string.h>

#include "keep/operate_instances.h"
#include "keep/row.h"

static json_t *operate_instances_row(const struct instances *instances, const struct target_row *row)
{
    return row_describe(row, loop_clock(instances_loop(instances)));
}

/* --- templates --------------------------------------------------------------------------------------------
 */

static json_t *operate_instances_parameters(const struct config_template *template)
{
    json_t *all = json_object();
    for (size_t i = 0; i < template->parameters.count; i++) {
        const struct config_parameter *parameter = &template->parameters.items[i];
        json_t *one = json_pack("{s:b}", "required", (int)parameter->required);
        if (parameter->pattern)
            json_object_set_new(one, "pattern", json_string(parameter->pattern));
        else
            json_object_set_new(one, "text", json_integer(parameter->text_bytes));
        json_object_set_new(all, parameter->name, one);
    }
    return all;
}

static void operate_instances_templates(void *owner, struct operation *operation)
{
    static const char *const creates[] = {"api", "request"};
    struct instances *instances = owner;
    const struct config_templates *templates = &instances_config(instances)->templates;
    json_t *rows = json_array();
    for (size_t i = 0; i < templates->count; i++) {
        const struct config_template *template = &templates->items[i];
        size_t count = instances_count(instances, template->service.name);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", template->service.name, "create",
                                        creates[template->create], "max_instances",
                                        (json_int_t) template->max_instances, "instances", (json_int_t)count,
                                        "parameters", operate_instances_parameters(template)));
    }
    operation_answer(operation, 200, json_pack("{s:o}", "templates", rows));
}

/* --- create
 * ------------------------------------------------------------------------------------------------- */

static void operate_instances_create(void *owner, struct operation *operation)
{
    struct instances *instances = owner;
    const json_t *id = json_object_get(operation->arguments, "id");
    const struct instances_request request = {
        .template = operation_text(operation, "template"),
        .id = json_string_value(id),
        .parameters = json_object_get(operation->arguments, "parameters"),
        .who = operation->who,
        .by = operation_by(operation),
    };
    struct instances_answer answer;
    if (!request.template || (id && !json_is_null(id) && !json_is_string(id))) {
        operation_refuse(operation, 400, "`template` is a text, and `id` is one or is left out");
        return;
    }
    instances_create(instances, &request, &answer);
    if (answer.row) {
        operation_answer(operation, answer.status, operate_instances_row(instances, answer.row));
        return;
    }
    json_t *body = json_pack("{s:s}", "text", answer.error.text);
    if (!body) /* part of the request is no text that can be told */
        body = json_pack("{s:s}", "text", "it is refused");
    if (answer.errors)
        json_object_set_new(body, "errors", answer.errors);
    operation_answer(operation, answer.status, body);
}

/* --- remove
 * ------------------------------------------------------------------------------------------------- */

static void operate_instances_on_removed(void *owner)
{
    struct operation *operation = owner;
    operation->on_forget = NULL;
    operation_answer(operation, 200, NULL);
}

static void operate_instances_on_forget(struct operation *operation)
{
    instances_forget_owner(operation->state, operation);
}

static void operate_instances_refuse_unknown(const struct instances *instances, struct operation *operation,
                                             const char *name)
{
    if (targets_find(instances_targets(instances), name))
        operation_refuse(operation, 404, "%s is a service: it cannot be removed, only stopped: reeve stop %s",
                         name, name);
    else if (!strchr(name, '/'))
        operation_refuse(operation, 404, "there is no instance %s: instances are called TEMPLATE/ID", name);
    else
        operation_refuse(operation, 404, "there is no instance %s", name);
}

static void operate_instances_remove(void *owner, struct operation *operation)
{
    struct instances *instances = owner;
    const char *name = operation_text(operation, "name");
    if (!name || !instances_is_known(instances, name)) {
        operate_instances_refuse_unknown(instances, operation, name ? name : "(no text)");
    } else if (!instances_may_steer(instances, name, operation->who)) {
        operation_refuse(operation, 403, "`allow` of its template does not let you");
    } else {
        operation->state = instances;
        operation->on_forget = operate_instances_on_forget;
        instances_remove(instances, name, operation_by(operation), operate_instances_on_removed, operation);
    }
}

static const struct operation_row operate_instances_rows[] = {
    {"templates", OPERATION_CONSOLE, operate_instances_templates},
    {"create", OPERATION_ANYONE, operate_instances_create},
    {"remove", OPERATION_ANYONE, operate_instances_remove},
};

void operate_instances_add(struct operations *operations, struct instances *instances)
{
    operations_add(operations, operate_instances_rows,
                   sizeof operate_instances_rows / sizeof *operate_instances_rows, instances);
}
