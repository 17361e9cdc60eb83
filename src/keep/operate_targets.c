/* A verb on several targets is one answer: it waits until each has its effect, failed, or the time is up. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#include "keep/operate_targets.h"
#include "keep/row.h"

enum { OPERATE_NO_LIMIT = -1 };

struct operate_targets {
    struct loop *loop;
    struct targets *targets;
    const struct instances *instances;
    const struct operations *operations;
};

/* One START, STOP or RESTART under way. */
struct operate_wait {
    struct operate_targets *context;
    struct operation *operation;
    struct loop_timer limit;
    enum targets_verb verb;
    int64_t wait_ms;
    int waiting;
    bool unreached;       /* somebody's effect is not there */
    struct error failure; /* of the first target that failed */
};

/* --- what they are ----------------------------------------------------------------------------------------
 */

static json_t *operate_row(const struct operate_targets *context, const struct target_row *row)
{
    return row_describe(row, loop_clock(context->loop));
}

static void operate_list(void *owner, struct operation *operation)
{
    const struct operate_targets *context = owner;
    json_t *rows = json_array();
    int socket;
    for (size_t i = 0; i < targets_count(context->targets); i++)
        json_array_append_new(rows, operate_row(context, targets_row(context->targets, i, &socket)));
    operation_answer(operation, 200, json_pack("{s:o}", "targets", rows));
}

/* Services are the console's; an instance is theirs whom its template's `allow` names, and of nobody else. */
static bool operate_may(const struct operate_targets *context, const struct operation *operation,
                        const char *name)
{
    return instances_is_known(context->instances, name)
               ? instances_may_steer(context->instances, name, operation->who)
               : operations_is_console(context->operations, operation->who);
}

static bool operate_refuse_stranger(struct operation *operation)
{
    return operation_refuse(operation, 403, "this is not for you to ask");
}

static bool operate_refuse_unknown(struct operation *operation, const char *name)
{
    return operation_refuse(operation, 404, "there is no target %s; `reeve status` lists them", name);
}

static void operate_show(void *owner, struct operation *operation)
{
    const struct operate_targets *context = owner;
    const char *name = operation_text(operation, "name");
    const struct target_row *row = name ? targets_find(context->targets, name) : NULL;
    if (!row)
        operate_refuse_unknown(operation, name ? name : "(no text)");
    else if (!operate_may(context, operation, name))
        operate_refuse_stranger(operation);
    else
        operation_answer(operation, 200, operate_row(context, row));
}

/* --- start, stop, restart ---------------------------------------------------------------------------------
 */

static const json_t *operate_names(const struct operation *operation)
{
    return json_object_get(operation->arguments, "targets");
}

static json_t *operate_rows(const struct operate_wait *wait)
{
    const json_t *names = operate_names(wait->operation);
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const struct target_row *row = targets_find(wait->context->targets, name);
        if (row)
            json_array_append_new(rows, operate_row(wait->context, row));
    }
    return rows;
}

static void operate_wait_free(struct operate_wait *wait)
{
    targets_forget_owner(wait->context->targets, wait);
    loop_timer_stop(&wait->limit);
    free(wait);
}

static void operate_on_forget(struct operation *operation)
{
    operate_wait_free(operation->state);
}

static void operate_finish(struct operate_wait *wait)
{
    struct operation *operation = wait->operation;
    json_t *body = json_pack("{s:o}", "targets", operate_rows(wait));
    bool failed = wait->failure.text[0] && wait->wait_ms != 0;
    bool reached = !wait->failure.text[0] && !wait->unreached;
    if (failed)
        json_object_set_new(body, "text", json_string(wait->failure.text));
    operate_wait_free(wait);
    operation_answer(operation, failed ? 503 : reached ? 200 : 202, body);
}

static void operate_on_done(void *owner, const struct target_row *row, bool ok)
{
    struct operate_wait *wait = owner;
    bool is_over = row->state == TARGET_ENDED || row->state == TARGET_FAILED;
    if (!ok && !wait->failure.text[0])
        error_set(&wait->failure, "%s is %s: %s%s", row->name, target_state_name(row->state), row->cause.text,
                  is_over && wait->verb == TARGETS_START ? "; only a restart starts it again" : "");
    if (--wait->waiting == 0)
        operate_finish(wait);
}

static void operate_on_limit(struct loop_timer *timer)
{
    struct operate_wait *wait = LIST_ENTRY(timer, struct operate_wait, limit);
    wait->unreached = true;
    operate_finish(wait);
}

static void operate_do_all(struct operate_wait *wait)
{
    const json_t *names = operate_names(wait->operation);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const struct targets_order order = {
            .name = json_string_value(json_array_get(names, i)),
            .verb = wait->verb,
            .by = operation_by(wait->operation),
        };
        wait->waiting++;
        targets_do(wait->context->targets, &order, operate_on_done, wait);
    }
    if (wait->wait_ms >= 0)
        loop_timer_start(wait->context->loop, &wait->limit, wait->wait_ms, operate_on_limit);
}

/* Everything is checked before anything is done. */
static bool operate_check(const struct operate_targets *context, struct operation *operation)
{
    const json_t *names = operate_names(operation);
    const json_t *generation = json_object_get(operation->arguments, "generation");
    if (json_array_size(names) == 0)
        return operation_refuse(operation, 400, "no target is named");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const struct target_row *row = name ? targets_find(context->targets, name) : NULL;
        if (!row)
            return operate_refuse_unknown(operation, name ? name : "(no text)");
        if (!operate_may(context, operation, name))
            return operate_refuse_stranger(operation);
        if (targets_is_leaving(context->targets, name))
            return operation_refuse(operation, 409, "%s is being removed", name);
        if (!targets_is_kept(context->targets, name))
            return operation_refuse(operation, 409, "%s is kept by someone else: it has no command here",
                                    name);
        if (generation && json_integer_value(generation) != (json_int_t)row->generation)
            return operation_refuse(operation, 412, "%s has generation %llu now", name,
                                    (unsigned long long)row->generation);
    }
    return true;
}

static int64_t operate_wait_ms(const struct operation *operation)
{
    const json_t *wait_ms = json_object_get(operation->arguments, "wait_ms");
    if (json_is_false(json_object_get(operation->arguments, "wait")))
        return 0;
    return json_is_integer(wait_ms) && json_integer_value(wait_ms) >= 0 ? json_integer_value(wait_ms)
                                                                        : OPERATE_NO_LIMIT;
}

static void operate_verb(struct operate_targets *context, struct operation *operation, enum targets_verb verb)
{
    if (!operate_check(context, operation))
        return;
    struct operate_wait *wait = MEMORY_NEW(struct operate_wait);
    wait->context = context;
    wait->operation = operation;
    wait->verb = verb;
    wait->wait_ms = operate_wait_ms(operation);
    operation->state = wait;
    operation->on_forget = operate_on_forget;
    operate_do_all(wait);
}

static void operate_start(void *context, struct operation *operation)
{
    operate_verb(context, operation, TARGETS_START);
}

static void operate_stop(void *context, struct operation *operation)
{
    operate_verb(context, operation, TARGETS_STOP);
}

static void operate_restart(void *context, struct operation *operation)
{
    operate_verb(context, operation, TARGETS_RESTART);
}

static int operate_signo(const json_t *signal)
{
    int signo = 0;
    if (json_is_integer(signal))
        signo = json_integer_value(signal) > 0 && json_integer_value(signal) <= SIGRTMAX
                    ? (int)json_integer_value(signal)
                    : 0;
    else if (json_is_string(signal))
        text_to_signal(slice_of_text(json_string_value(signal)), &signo);
    return signo;
}

static void operate_signal(void *owner, struct operation *operation)
{
    const struct operate_targets *context = owner;
    int signo = operate_signo(json_object_get(operation->arguments, "signal"));
    if (!operate_check(context, operation))
        return;
    const char *name = json_string_value(json_array_get(operate_names(operation), 0));
    if (!signo || signo > SIGRTMAX) {
        operation_refuse(operation, 422, "that is no signal; `kill -l` lists them");
        return;
    }
    int failed = targets_signal(context->targets, name, signo, operation_by(operation));
    if (failed == -ESRCH)
        operation_refuse(operation, 409, "%s does not run", name);
    else if (failed)
        operation_refuse(operation, 409, "%s: %s", name, strerror(-failed));
    else
        operation_answer(
            operation, 200,
            json_pack("{s:[o]}", "targets", operate_row(context, targets_find(context->targets, name))));
}

static const struct operation_row operate_rows_of_targets[] = {
    {"targets", OPERATION_CONSOLE, operate_list},   {"target", OPERATION_ANYONE, operate_show},
    {"start", OPERATION_ANYONE, operate_start},     {"stop", OPERATION_ANYONE, operate_stop},
    {"restart", OPERATION_ANYONE, operate_restart}, {"signal", OPERATION_ANYONE, operate_signal},
};

struct operate_targets *operate_targets_new(struct loop *loop, struct targets *targets,
                                            const struct instances *instances, struct operations *operations)
{
    struct operate_targets *context = MEMORY_NEW(struct operate_targets);
    context->loop = loop;
    context->targets = targets;
    context->instances = instances;
    context->operations = operations;
    operations_add(operations, operate_rows_of_targets,
                   sizeof operate_rows_of_targets / sizeof *operate_rows_of_targets, context);
    return context;
}

void operate_targets_free(struct operate_targets **context)
{
    free(*context);
    *context = NULL;
}
