/* Reading the snapshot is strict: keeper and gate are one version of reeve, so a surprise is a bug or an
 * attack. Answering is one straight line: match, admit, hand to the route. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "route/assets.h"
#include "route/captures.h"
#include "route/creation.h"
#include "route/event_relay.h"
#include "route/events.h"
#include "route/files.h"
#include "route/health.h"
#include "route/problem.h"
#include "route/rules.h"

#include "gate/door.h"
#include "gate/event_routes.h"
#include "gate/section.h"
#include "gate/serving.h"
#include "gate/serving_route.h"
#include "gate/terminal_door.h"

enum { VISIT_MOST = 64 * 1024 }; /* memory for the rules of one stream that is looked at again */

struct serving {
    struct serving_settings settings;
    struct serving_means means;
    struct door *door;
    struct console *console;
    struct match_table *table;
    struct serving_route *routes;
    size_t route_count;
    char *addresses[ENTRANCE_MOST];
    size_t open;  /* exchanges whose record is still to come */
    bool retired; /* goes with the last of them */
    struct event_routes *event_routes;
    struct api_streams streams;
    struct api_means api;
};

/* --- building ------------------------------------------------------------------------------------ */

static bool read_route(struct serving *serving, struct section *row, unsigned number,
                       struct descriptors *descriptors)
{
    const struct serving_route_means means = {serving->console, serving->means.events, serving->event_routes};
    struct serving_route *route = &serving->routes[number];
    if (!serving_route_read(route, row, &means, descriptors))
        return false;
    return match_add(serving->table, section_text_or_null(row, "host"), section_text(row, "path"), number,
                     row->error) ||
           error_prefix(row->error, "%s", route->place);
}

static bool read_routes(struct serving *serving, struct section *top, struct descriptors *descriptors)
{
    const json_t *rows = section_array(top, "routes");
    serving->route_count = json_array_size(rows);
    serving->routes = MEMORY_ARRAY(struct serving_route, serving->route_count);
    for (size_t i = 0; i < serving->route_count; i++) {
        struct section row = {.object = json_array_get(rows, i), .place = "a route", .error = top->error};
        if (!read_route(serving, &row, (unsigned)i, descriptors))
            return false;
    }
    return !top->wrong;
}

static bool read_listeners(struct serving *serving, struct section *top, struct descriptors *descriptors)
{
    struct serving_settings *settings = &serving->settings;
    const json_t *rows = section_array(top, "listeners");
    if (json_array_size(rows) > ENTRANCE_MOST)
        return error_set(top->error, "more than %d listeners", ENTRANCE_MOST);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct section row = {.object = json_array_get(rows, i), .place = "a listener", .error = top->error};
        size_t place = settings->listener_count++;
        serving->addresses[place] = memory_text(section_text(&row, "address"));
        settings->addresses[place] = serving->addresses[place];
        settings->is_console[place] = json_is_true(section_member(&row, "console"));
        settings->listeners[place] = section_descriptor(&row, "descriptor", descriptors);
        if (row.wrong)
            return false;
    }
    return !top->wrong;
}

static bool read_settings(struct serving *serving, struct section *top, struct descriptors *descriptors)
{
    static const char *const accesses[] = {"none", "stdout", "descriptor", NULL};
    static const char *const formats[] = {"json", "combined", NULL};
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    struct serving_settings *settings = &serving->settings;
    settings->access = (enum serving_access)section_choice(top, "access", accesses);
    settings->access_format = (enum access_format)section_choice(top, "access_format", formats);
    settings->log_level = (enum log_level)section_choice(top, "log_level", levels);
    settings->drain_ms = section_number(top, "drain_ms", 30000);
    if (settings->access == SERVING_ACCESS_DESCRIPTOR) {
        settings->access_fd = descriptors_take(descriptors, "access");
        if (settings->access_fd < 0)
            section_wrong(top, "access", "with its descriptor");
    }
    return !top->wrong;
}

static void serving_free(struct serving *serving)
{
    for (size_t i = 0; i < serving->route_count; i++)
        serving_route_clear(&serving->routes[i]);
    for (size_t i = 0; i < serving->settings.listener_count; i++) {
        if (serving->settings.listeners[i] >= 0)
            close(serving->settings.listeners[i]);
        free(serving->addresses[i]);
    }
    if (serving->settings.access_fd >= 0)
        close(serving->settings.access_fd);
    if (serving->streams.logs >= 0)
        close(serving->streams.logs);
    event_routes_free(&serving->event_routes);
    door_free(&serving->door);
    console_free(&serving->console);
    match_free(&serving->table);
    free(serving->routes);
    free(serving);
}

static bool read_door(struct serving *serving, const json_t *snapshot, struct error *error)
{
    serving->door = door_new(snapshot, error);
    return serving->door != NULL;
}

static bool read_console(struct serving *serving, const json_t *snapshot, struct error *error)
{
    serving->console = console_new(snapshot, error);
    return serving->console != NULL;
}

static void prepare_api(struct serving *serving, struct descriptors *descriptors)
{
    serving->event_routes = event_routes_new();
    serving->streams.topics = serving->means.topics;
    serving->streams.logs = descriptors_take(descriptors, "logs");
    event_routes_serve(serving->event_routes, &serving->streams);
    serving->api = (struct api_means){.asker = serving->means.asker, .streams = &serving->streams};
}

struct serving *serving_new(const json_t *snapshot, struct descriptors *descriptors,
                            const struct serving_means *means, struct error *error)
{
    struct serving *serving = MEMORY_NEW(struct serving);
    struct section top = {.object = snapshot, .place = "the snapshot", .error = error};
    serving->means = *means;
    serving->settings.access_fd = -1;
    serving->table = match_new();
    prepare_api(serving, descriptors);
    if (read_settings(serving, &top, descriptors) && read_door(serving, snapshot, error) &&
        read_listeners(serving, &top, descriptors) && read_console(serving, snapshot, error) &&
        read_routes(serving, &top, descriptors))
        return serving;
    serving_free(serving);
    return NULL;
}

struct serving_settings *serving_settings(struct serving *serving)
{
    return &serving->settings;
}

/* --- answering ----------------------------------------------------------------------------------- */

/* Ours rank below everything of the user's but a bare `*` (contract §1). */
static enum health_page find_own(const struct exchange_request *request, bool matched,
                                 const struct match_result *match)
{
    bool reserved;
    enum health_page page = health_find(request->path, &reserved);
    bool catch_all = matched && match->wildcard && match->before_rest == 0;
    return reserved || !matched || catch_all ? page : HEALTH_NONE;
}

static void answer_with_events(const struct serving_route *route, struct exchange *exchange)
{
    struct slice target = {0};
    if (route->target)
        target = captures_fill(route->target, exchange_request(exchange), exchange_arena(exchange));
    exchange_set_route(exchange, route->place, target.data, route->id);
    if (route->target && !target.data)
        problem_reply_status(exchange, 404, "There is no such event stream.");
    else
        events_answer(route->events, exchange, events_file(route->events, exchange), target);
}

static void answer_with_terminal(struct serving *serving, const struct serving_route *route,
                                 struct exchange *exchange, const struct match_result *match)
{
    const char *const *allow;
    size_t count = rules_fill(route->allow, exchange_request(exchange), exchange_arena(exchange), &allow);
    const char *listener = serving->addresses[exchange_request(exchange)->listener];
    struct terminals_visit visit = {
        .target = captures_fill(route->target, exchange_request(exchange), exchange_arena(exchange)),
        .may_type = terminal_door_types(exchange_principal(exchange), allow, count),
    };
    visit.creates = route->creates && visit.may_type; /* who only watches makes nothing */
    exchange_set_route(exchange, route->place, visit.target.data, route->id);
    if (!visit.target.data)
        problem_reply_status(exchange, 404, "Nothing can have this name.");
    else if (terminal_door_opens(route->terminal, exchange, listener))
        terminals_answer(serving->means.terminals, exchange, match, &visit);
}

/* A visit that waits until its instance has been created. */
struct visit {
    struct serving *serving;
    const struct serving_route *route;
    struct match_result match;
    struct slice target;
};

static void go(void *owner, struct exchange *exchange)
{
    const struct visit *visit = owner;
    proxy_answer(visit->serving->means.proxy, &visit->route->proxy, exchange, &visit->match, visit->target);
}

static void create(struct serving *serving, const struct serving_route *route, struct exchange *exchange,
                   const struct match_result *match)
{
    struct visit *visit = arena_new(exchange_arena(exchange), sizeof *visit);
    if (!visit) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *visit =
        (struct visit){serving, route, *match,
                       captures_fill(route->target, exchange_request(exchange), exchange_arena(exchange))};
    creation_begin(serving->means.asker, exchange, visit->target, go, visit);
}

static void answer_from_target(struct serving *serving, const struct serving_route *route,
                               struct exchange *exchange, const struct match_result *match)
{
    struct slice target = captures_fill(route->target, exchange_request(exchange), exchange_arena(exchange));
    exchange_set_route(exchange, route->place, target.data, route->id);
    if (!target.data)
        problem_reply_status(exchange, 404, "Nothing can have this name.");
    else if (route->creates && !proxy_knows(serving->means.proxy, target) &&
             creation_may(exchange_request(exchange)->head))
        create(serving, route, exchange, match);
    else
        proxy_answer(serving->means.proxy, &route->proxy, exchange, match, target);
}

bool serving_shows_details(const struct serving *serving, const struct exchange *exchange)
{
    return console_is_own(serving->console, exchange_request(exchange)) ||
           exchange_principal(exchange)->kind == PRINCIPAL_TOKEN;
}

static void answer_health(const struct serving *serving, struct exchange *exchange, enum health_page page)
{
    struct health_facts shown = serving->means.health(serving->means.owner);
    if (!serving_shows_details(serving, exchange))
        shown.details = NULL;
    health_answer(exchange, page, &shown);
}

/* What a request is for. */
struct errand {
    enum login_page_kind login;
    const struct asset *asset;
    enum console_part console;
    enum health_page page;
    const struct serving_route *route;
    struct match_result match;
};

/* Ours under /_reeve/ first, then the routes; on the console's listener there are none. */
static void find_errand(const struct serving *serving, const struct exchange_request *request,
                        struct errand *errand)
{
    bool matched = !console_is_own(serving->console, request) &&
                   match_find(serving->table, request->host, request->path, &errand->match);
    errand->login = login_find(request->path);
    errand->asset = assets_find(request->path);
    errand->console = errand->login != LOGIN_NONE || errand->asset ? CONSOLE_NOTHING
                                                                   : console_find(serving->console, request);
    errand->page = find_own(request, matched, &errand->match);
    errand->route = matched ? &serving->routes[errand->match.route] : NULL;
}

/* Who may pass there. */
static struct door_question ask(const struct serving *serving, const struct exchange_request *request,
                                const struct principal *principal, struct arena *arena,
                                const struct errand *errand)
{
    struct door_question question = {
        .door = ADMIT_OWN, .routed = true, .hostless = errand->page != HEALTH_NONE};
    if (errand->console != CONSOLE_NOTHING) {
        console_ask(serving->console, request, principal, errand->console, &question);
    } else if (errand->login == LOGIN_NONE && !errand->asset && errand->page == HEALTH_NONE) {
        question.door = ADMIT_ROUTE;
        question.routed = errand->route != NULL;
        if (errand->route)
            question.allow_count = rules_fill(errand->route->allow, request, arena, &question.allow);
        if (errand->route && errand->route->terminal)
            terminal_door_ask(errand->route->terminal, request, arena, &question);
    }
    return question;
}

static bool admits(const struct serving *serving, struct exchange *exchange, const struct errand *errand)
{
    door_recognise(serving->door, serving->means.admission, exchange);
    struct door_question question = ask(serving, exchange_request(exchange), exchange_principal(exchange),
                                        exchange_arena(exchange), errand);
    return door_admits(serving->door, serving->means.admission, exchange, &question);
}

/* --- those who are in -------------------------------------------------------------------------------- */

/* One that has changed, for one who typed there and may not any more. */
static bool types_no_more(const struct serving *serving, const struct stream_member *member,
                          const struct serving_route *route, const struct exchange_request *request,
                          struct arena *arena)
{
    const char *const *allow;
    if (!route->terminal || serving_has_route(serving, member->route))
        return false;
    size_t count = rules_fill(route->allow, request, arena, &allow);
    return !terminal_door_types(member->principal, allow, count);
}

static bool still_admits(const struct serving *serving, const struct stream_member *member,
                         const struct exchange_request *request, struct arena *arena,
                         enum streams_reason *reason)
{
    struct errand errand = {0};
    find_errand(serving, request, &errand);
    bool api = member->route == 0, same = api == (errand.console == CONSOLE_API);
    *reason = STREAMS_MOVED;
    if (!same || (!api && !errand.route))
        return !api;
    struct door_question question = ask(serving, request, member->principal, arena, &errand);
    bool closed = api && question.door == ADMIT_OWN; /* refused with words of its own */
    if (closed || !admit_allows(question.door, member->principal, question.allow, question.allow_count)) {
        *reason = member->principal->kind == PRINCIPAL_NOBODY ? STREAMS_SIGNED_OUT : STREAMS_FORBIDDEN;
        return false;
    }
    return api || !types_no_more(serving, member, errand.route, request, arena);
}

/* Routes are behind every listener but the console's, whose places in the snapshot may have changed; the API
 * is behind its own. */
bool serving_still_admits(const struct serving *serving, const struct stream_member *member,
                          enum streams_reason *reason)
{
    struct stream_visit visit;
    if (!streams_visit(member, &visit))
        return true;
    const struct exchange_request request = {
        .host = visit.host, .path = visit.path, .listener = member->route ? ENTRANCE_MOST : visit.listener};
    struct arena arena = ARENA(VISIT_MOST);
    bool admitted = still_admits(serving, member, &request, &arena, reason);
    arena_free(&arena);
    return admitted;
}

/* --- answering --------------------------------------------------------------------------------------- */

/* What counts against the route's limits from here on. What a program makes of another request is known when
 * it answers (route/proxy.c). */
static bool is_stream(const struct serving_route *route, const struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    /* A script that asks why its handshake was refused (/_reeve/client.js): browsers do not tell. */
    bool probe = fields_find(&request->head->fields, SLICE("X-Reeve-Probe")).data != NULL;
    bool proxied = !route->files && !route->events && !route->terminal;
    return route->events || request->upgrade || probe || (proxied && event_relay_is_asked(request->head));
}

static void answer_from_route(struct serving *serving, const struct serving_route *route,
                              struct exchange *exchange, const struct match_result *match)
{
    exchange_set_route(exchange, route->place, NULL, route->id);
    if (is_stream(route, exchange) && !limits_admit(serving->means.limits, &route->limits, exchange))
        return;
    if (route->files)
        files_answer(route->files, exchange, match);
    else if (route->events)
        answer_with_events(route, exchange);
    else if (route->terminal)
        answer_with_terminal(serving, route, exchange, match);
    else
        answer_from_target(serving, route, exchange, match);
}

void serving_answer(struct serving *serving, struct exchange *exchange)
{
    struct errand errand = {0};
    serving->open++;
    exchange_set_context(exchange, serving);
    find_errand(serving, exchange_request(exchange), &errand);
    if (errand.route && errand.route->refuse_close)
        refusals_offer(serving->means.refusals, exchange);
    if (!admits(serving, exchange, &errand))
        return;
    if (errand.login != LOGIN_NONE)
        login_answer(serving->means.login, exchange, errand.login,
                     admission_signs_in(serving->means.admission));
    else if (errand.asset)
        assets_answer(exchange, errand.asset);
    else if (errand.console != CONSOLE_NOTHING)
        console_answer(serving->console, &serving->api, serving->means.terminals, exchange);
    else if (errand.page != HEALTH_NONE)
        answer_health(serving, exchange, errand.page);
    else
        answer_from_route(serving, errand.route, exchange, &errand.match);
}

const char *serving_place(const struct serving *serving, uint64_t id)
{
    for (size_t i = 0; i < serving->route_count; i++)
        if (serving->routes[i].id == id)
            return serving->routes[i].place;
    return NULL;
}

bool serving_has_route(const struct serving *serving, uint64_t id)
{
    return serving_place(serving, id) != NULL;
}

static void free_when_unused(struct serving *serving)
{
    if (serving->retired && serving->open == 0)
        serving_free(serving);
}

void serving_left(struct serving *serving)
{
    CHECK(serving->open > 0);
    serving->open--;
    free_when_unused(serving);
}

void serving_retire(struct serving **serving)
{
    if (!*serving)
        return;
    (*serving)->retired = true;
    free_when_unused(*serving);
    *serving = NULL;
}
