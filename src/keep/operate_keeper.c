/* Reads only; everything comes from its owner. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "config/rules.h"

#include "keep/describe.h"
#include "keep/operate_keeper.h"
#include "keep/row.h"

enum { OPERATE_JOURNAL_MOST = 10000 };

struct operate_keeper {
    struct operate_keeper_settings settings;
};

static void operate_status(void *owner, struct operation *operation)
{
    const struct operate_keeper_settings *settings = &((struct operate_keeper *)owner)->settings;
    const struct clock *clock = loop_clock(settings->loop);
    json_t *rows = json_array();
    int socket;
    for (size_t i = 0; i < targets_count(settings->targets); i++)
        json_array_append_new(rows, row_describe(targets_row(settings->targets, i, &socket), clock));
    json_t *answer = json_pack("{s:o, s:o, s:o}", "keeper", settings->describe(settings->owner), "gates",
                               gates_describe(settings->gates), "targets", rows);
    json_t *details = condition_describe(settings->condition);
    static const char *const shown[] = {"loops", "monitor", "degraded"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        json_object_set(answer, shown[i], json_object_get(details, shown[i]));
    json_decref(details);
    operation_answer(operation, 200, answer);
}

static void operate_journal(void *owner, struct operation *operation)
{
    const struct operate_keeper_settings *settings = &((struct operate_keeper *)owner)->settings;
    json_int_t last = json_integer_value(json_object_get(operation->arguments, "last"));
    last = last > 0 && last < OPERATE_JOURNAL_MOST ? last : OPERATE_JOURNAL_MOST;
    json_t *rows = journal_read(settings->journal, operation_text(operation, "target"), (int)last);
    if (rows)
        operation_answer(operation, 200, json_pack("{s:o}", "rows", rows));
    else
        operation_refuse(operation, 503, "the journal cannot be read");
}

/* What a gate's readers of the journal get on with. */
static void operate_journal_page(void *owner, struct operation *operation)
{
    const struct operate_keeper_settings *settings = &((struct operate_keeper *)owner)->settings;
    json_int_t from = json_integer_value(json_object_get(operation->arguments, "from"));
    json_int_t most = json_integer_value(json_object_get(operation->arguments, "most"));
    if (from < 0 || most < 1 || most > OPERATE_JOURNAL_MOST) {
        operation_refuse(operation, 400, "there is no such page of the journal");
        return;
    }
    json_t *page = journal_page(settings->journal, operation_text(operation, "target"), from, (int)most);
    if (page)
        operation_answer(operation, 200, page);
    else
        operation_refuse(operation, 503, "the journal cannot be read");
}

static json_t *operate_route(const struct config *config, const struct config_route *route)
{
    const struct config_texts *rules = rules_or_default(config, &route->allow);
    json_t *allow = json_array();
    for (size_t i = 0; i < rules->count; i++)
        json_array_append_new(allow, json_string(rules->items[i]));
    char place[256];
    config_place_text(&route->item.place, place, sizeof place);
    json_t *row = json_pack("{s:s, s:s?, s:s, s:o}", "place", utf8_clean(place), "host", route->host, "path",
                            route->path, "allow", allow);
    if (route->action == CONFIG_ROUTE_TARGET)
        json_object_set_new(row, "to", json_string(route->to));
    if (route->action == CONFIG_ROUTE_EVENTS) {
        json_object_set_new(row, "events", describe_path(route->events.file));
        if (route->events.target)
            json_object_set_new(row, "target", json_string(route->events.target));
    }
    if (route->action == CONFIG_ROUTE_TERMINAL)
        json_object_set_new(row, "terminal", json_string(route->terminal));
    if (route->action == CONFIG_ROUTE_FILES)
        json_object_set_new(row, "files", describe_path(route->files));
    return row;
}

static void operate_routes(void *owner, struct operation *operation)
{
    const struct config *config = ((struct operate_keeper *)owner)->settings.config;
    json_t *rows = json_array();
    for (size_t i = 0; i < config->routes.count; i++)
        json_array_append_new(rows, operate_route(config, &config->routes.items[i]));
    operation_answer(operation, 200, json_pack("{s:o}", "routes", rows));
}

static void operate_config(void *owner, struct operation *operation)
{
    operation_answer(operation, 200, config_to_json(((struct operate_keeper *)owner)->settings.config, true));
}

static void operate_version(void *owner, struct operation *operation)
{
    const struct config *config = ((struct operate_keeper *)owner)->settings.config;
    operation_answer(operation, 200, json_pack("{s:s, s:s}", "version", REEVE_VERSION, "name", config->name));
}

static const struct operation_row operate_rows_of_keeper[] = {
    {"status", OPERATION_CONSOLE, operate_status},   {"journal", OPERATION_CONSOLE, operate_journal},
    {"routes", OPERATION_CONSOLE, operate_routes},   {"config", OPERATION_CONSOLE, operate_config},
    {"version", OPERATION_CONSOLE, operate_version}, {"journal-page", OPERATION_GATE, operate_journal_page},
};

struct operate_keeper *operate_keeper_new(const struct operate_keeper_settings *settings)
{
    struct operate_keeper *context = MEMORY_NEW(struct operate_keeper);
    context->settings = *settings;
    operations_add(settings->operations, operate_rows_of_keeper,
                   sizeof operate_rows_of_keeper / sizeof *operate_rows_of_keeper, context);
    return context;
}

void operate_keeper_reload(struct operate_keeper *keeper, const struct config *config)
{
    keeper->settings.config = config;
}

void operate_keeper_free(struct operate_keeper **context)
{
    free(*context);
    *context = NULL;
}
