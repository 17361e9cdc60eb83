#include <stdlib.h>

#include "base/memory.h"

#include "keep/connections.h"
#include "keep/desk.h"
#include "keep/logins.h"
#include "keep/operate_accounts.h"
#include "keep/operate_instances.h"
#include "keep/operate_keeper.h"
#include "keep/operate_loops.h"
#include "keep/operate_targets.h"
#include "keep/questions.h"
#include "keep/views.h"

struct desk {
    struct desk_settings settings;
    struct operations *operations;
    struct operate_targets *operate_targets;
    struct operate_keeper *operate_keeper;
    struct questions *questions;
    struct viewings *viewings;
    struct views *views;
    struct connections *connections;
    struct accounts *accounts;
    struct logins *logins;
    struct control *control;
};

static json_t *desk_on_describe(void *owner)
{
    const struct desk *desk = owner;
    return desk->settings.events->on_describe(desk->settings.owner);
}

static void desk_on_down(void *owner, bool now)
{
    const struct desk *desk = owner;
    desk->settings.events->on_down(desk->settings.owner, now);
}

static bool desk_is_exposed(void *owner, pid_t pid)
{
    const struct desk *desk = owner;
    return gates_has(desk->settings.made.gates, pid) || logins_has(desk->logins, pid);
}

static const struct control_events desk_control_events = {
    .on_describe = desk_on_describe,
    .on_down = desk_on_down,
    .is_exposed = desk_is_exposed,
};

static void desk_open_operations(struct desk *desk)
{
    const struct desk_settings *settings = &desk->settings;
    const struct config_texts *allow = &settings->made.config->console.allow;
    const struct operations_settings operations = {.log = settings->made.log,
                                                   .console_allow = (const char *const *)allow->items,
                                                   .console_allow_count = allow->count};
    desk->operations = operations_new(&operations);
    const struct operate_keeper_settings own = {
        .loop = settings->made.loop,
        .operations = desk->operations,
        .targets = settings->targets,
        .gates = settings->made.gates,
        .journal = settings->made.journal,
        .condition = settings->condition,
        .config = settings->made.config,
        .describe = desk_on_describe,
        .owner = desk,
    };
    desk->operate_keeper = operate_keeper_new(&own);
    desk->operate_targets =
        operate_targets_new(settings->made.loop, settings->targets, settings->instances, desk->operations);
    operate_loops_add(desk->operations, settings->condition);
    operate_instances_add(desk->operations, settings->instances);
    operate_accounts(desk->operations, desk->accounts);
    desk->questions = questions_new(desk->operations, settings->made.gates);
    const struct viewings_settings viewings = {
        .targets = settings->targets, .instances = settings->instances, .operations = desk->operations};
    desk->viewings = viewings_new(&viewings);
    desk->views = views_new(desk->viewings, settings->made.gates);
    desk->connections = connections_new(&(struct connections_settings){.loop = settings->made.loop,
                                                                       .operations = desk->operations,
                                                                       .gates = settings->made.gates,
                                                                       .journal = settings->made.journal});
}

static bool desk_open(struct desk *desk, struct error *error)
{
    const struct desk_settings *settings = &desk->settings;
    desk->accounts = accounts_new(&settings->made, error);
    if (!desk->accounts)
        return false;
    desk->logins = logins_new(&settings->made, desk->accounts);
    desk_open_operations(desk);
    const struct control_settings control = {
        .loop = settings->made.loop,
        .log = settings->made.log,
        .runtime_directory = settings->runtime_directory,
        .operations = desk->operations,
        .viewings = desk->viewings,
        .events = &desk_control_events,
        .owner = desk,
    };
    desk->control = control_new(&control, error);
    return desk->control != NULL;
}

struct desk *desk_new(const struct desk_settings *settings, struct error *error)
{
    struct desk *desk = MEMORY_NEW(struct desk);
    desk->settings = *settings;
    if (!desk_open(desk, error))
        desk_free(&desk);
    return desk;
}

void desk_free(struct desk **owned)
{
    struct desk *desk = *owned;
    if (!desk)
        return;
    control_free(&desk->control);
    views_free(&desk->views);
    viewings_free(&desk->viewings);
    questions_free(&desk->questions);
    operations_free(&desk->operations);
    connections_free(&desk->connections);
    operate_keeper_free(&desk->operate_keeper);
    operate_targets_free(&desk->operate_targets);
    logins_free(&desk->logins);
    accounts_free(&desk->accounts);
    free(desk);
    *owned = NULL;
}

void desk_reload(struct desk *desk, const struct config *config)
{
    desk->settings.made.config = config;
    operations_allow(desk->operations, (const char *const *)config->console.allow.items,
                     config->console.allow.count);
    operate_keeper_reload(desk->operate_keeper, config);
    accounts_reload(desk->accounts, config);
}

struct operations *desk_operations(const struct desk *desk)
{
    return desk->operations;
}

void desk_slot_start(struct desk *desk, unsigned slot)
{
    accounts_tell(desk->accounts, slot);
}

void desk_slot_gone(struct desk *desk, unsigned slot)
{
    questions_forget(desk->questions, slot);
    views_forget(desk->views, slot);
    connections_slot_gone(desk->connections, slot);
    logins_forget(desk->logins, slot);
}

bool desk_message(struct desk *desk, unsigned slot, struct channel_message *message)
{
    if (message->type == MESSAGE_GATE_STREAMS_ANSWER)
        connections_answered(desk->connections, slot, message);
    else if (message->type == MESSAGE_GATE_ASK)
        questions_ask(desk->questions, slot, message);
    else if (message->type == MESSAGE_GATE_ATTACH)
        views_ask(desk->views, slot, message);
    else if (message->type == MESSAGE_GATE_LOGIN)
        logins_ask(desk->logins, slot, message);
    else
        return false;
    return true;
}
