/* `reeve route URL`: which route answers, from the file alone; found with the table that gates use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "admit/admit.h"
#include "base/utf8.h"
#include "config/rules.h"
#include "keep/describe.h"
#include "keep/snapshot.h"
#include "route/api.h"
#include "route/captures.h"
#include "route/health.h"
#include "route/match.h"
#include "wire/uri.h"

#include "reeve/verbs.h"

enum { ROUTE_PLACE_SIZE = 512, ROUTE_ARENA = 65536 };

/* A URL, or only its path. */
struct route_url {
    char *memory;      /* of what follows */
    struct slice host; /* lower case; data NULL: none was given, any host's routes are meant */
    enum uri_host_kind host_kind;
    struct uri uri;
};

/* --- the URL ----------------------------------------------------------------------------------------------
 */

/* "http://HOST/path", "HOST/path" and "/path". False: it cannot be one. */
static bool route_split(const char *text, struct slice *authority, struct slice *target)
{
    const char *scheme = strstr(text, "://");
    if (scheme && strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0 &&
        strncmp(text, "ws://", 5) != 0 && strncmp(text, "wss://", 6) != 0)
        return false;
    const char *start = scheme ? scheme + 3 : text, *slash = strchr(start, '/');
    *authority = slice_of(start, slash ? (size_t)(slash - start) : strlen(start));
    *target = slash ? slice_of_text(slash) : SLICE("/");
    target->size = slice_find(*target, '#');
    return true;
}

static bool route_read_url(const char *text, struct route_url *url)
{
    struct slice authority, target;
    struct uri_host host;
    *url = (struct route_url){0};
    if (!route_split(text, &authority, &target))
        return false;
    size_t size = uri_memory(target);
    url->memory = memory_new(size + authority.size + 1);
    bool fine = uri_parse(target, url->memory, &url->uri) &&
                (authority.size == 0 || uri_split_host(authority, url->memory + size, &host));
    if (fine && authority.size) {
        url->host = host.name;
        url->host_kind = host.kind;
    }
    return fine;
}

/* --- what answers ------------------------------------------------------------------------------------------
 */

static struct match_table *route_table(const struct config *config)
{
    struct match_table *table = match_new();
    struct error error;
    for (size_t i = 0; i < config->routes.count; i++)
        match_add(table, config->routes.items[i].host, config->routes.items[i].path, (unsigned)i, &error);
    return table; /* two equal routes were refused at load */
}

/* What reeve answers itself, and why before the route; NULL: nothing. As gate/serving.c decides. */
static const char *route_own(const struct config *config, struct slice path, bool matched,
                             const struct match_result *match)
{
    struct slice below;
    bool reserved;
    if (api_is(slice_of_text(config->console.path), path, &below))
        return "reeve's API (a token is needed, but on console.listen)";
    enum health_page page = health_find(path, &reserved);
    bool catch_all = matched && match->wildcard && match->before_rest == 0;
    if (page == HEALTH_NONE || !(reserved || !matched || catch_all))
        return NULL;
    return page == HEALTH_LIVE ? "reeve's health" : "reeve's readiness";
}

/* A text of the route with what this URL captures; fresh memory. */
static char *route_fill(const char *text, const struct config_route *route, const struct route_url *url)
{
    struct error error;
    struct arena arena = ARENA(ROUTE_ARENA);
    const struct exchange_request request = {.host = url->host, .path = url->uri.path};
    struct captures *captures = captures_new(text, route->path, route->host, &error);
    struct slice filled = captures ? captures_fill(captures, &request, &arena) : slice_of(NULL, 0);
    char *result = filled.data ? slice_to_text(filled) : memory_format("%s (no name can be so)", text);
    captures_free(&captures);
    arena_free(&arena);
    return result;
}

static void route_add(json_t *row, const char *member, const char *text, const struct config_route *route,
                      const struct route_url *url)
{
    char *filled = text ? route_fill(text, route, url) : NULL;
    if (filled)
        json_object_set_new(row, member, json_string(utf8_clean(filled)));
    free(filled);
}

static json_t *route_rules(const struct config_texts *rules, const struct config_route *route,
                           const struct route_url *url)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rules->count; i++) {
        char *rule = route_fill(rules->items[i], route, url);
        json_array_append_new(list, json_string(utf8_clean(rule)));
        free(rule);
    }
    return list;
}

static void route_add_action(json_t *row, const struct config_route *route, const struct route_url *url)
{
    switch (route->action) {
    case CONFIG_ROUTE_TARGET:
        route_add(row, "to", route->to, route, url);
        break;
    case CONFIG_ROUTE_FILES:
        json_object_set_new(row, "files", describe_path(route->files));
        if (route->fallback)
            json_object_set_new(row, "fallback", describe_path(route->fallback));
        break;
    case CONFIG_ROUTE_EVENTS:
        route_add(row, "events", route->events.file, route, url);
        route_add(row, "target", route->events.target, route, url);
        break;
    case CONFIG_ROUTE_TERMINAL:
        route_add(row, "terminal", route->terminal, route, url);
        if (route->view.count)
            json_object_set_new(row, "view", route_rules(&route->view, route, url));
        break;
    }
}

static json_t *route_describe(const struct config *config, const struct config_route *route,
                              const struct route_url *url)
{
    char place[ROUTE_PLACE_SIZE];
    config_place_text(&route->item.place, place, sizeof place);
    json_t *row =
        json_pack("{s:s, s:s?, s:s, s:o}", "place", utf8_clean(place), "host", route->host, "path",
                  route->path, "allow", route_rules(rules_or_default(config, &route->allow), route, url));
    route_add_action(row, route, url);
    return row;
}

/* --- telling -----------------------------------------------------------------------------------------------
 */

static void route_print_text(const json_t *row, const char *name, const char *label)
{
    const char *text = json_string_value(json_object_get(row, name));
    if (text)
        printf("  %-8s %s\n", label, text);
}

static void route_print(const json_t *row)
{
    static const char *const members[] = {"own", "to", "files", "fallback", "events", "target", "terminal"};
    const json_t *allow = json_object_get(row, "allow"), *view = json_object_get(row, "view");
    const char *path = json_string_value(json_object_get(row, "path")),
               *host = json_string_value(json_object_get(row, "host"));
    if (path)
        printf("  %-8s %s%s\n", "route", host ? host : "", path);
    route_print_text(row, "place", "in");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        route_print_text(row, members[i], strcmp(members[i], "own") == 0 ? "answer" : members[i]);
    for (size_t i = 0; i < json_array_size(allow); i++)
        printf("%s%s", i ? ", " : "  who      ", json_string_value(json_array_get(allow, i)));
    printf("%s", json_array_size(allow) ? "\n" : "");
    for (size_t i = 0; i < json_array_size(view); i++)
        printf("%s%s", i ? ", " : "  watching ", json_string_value(json_array_get(view, i)));
    printf("%s", json_array_size(view) ? "\n" : "");
}

/* The names that the gates of this machine answer to, as they judge a Host. Without a host none is asked. */
static bool route_is_foreign(const struct config *config, const struct route_url *url)
{
    json_t *hosts = snapshot_hosts(config);
    const char **texts = MEMORY_ARRAY(const char *, json_array_size(hosts) + 1), *const none[] = {NULL};
    struct error error;
    for (size_t i = 0; i < json_array_size(hosts); i++)
        texts[i] = json_string_value(json_array_get(hosts, i));
    texts[json_array_size(hosts)] = NULL;
    struct admit *admit = admit_new(texts, none, &error);
    const struct admit_request request = {.host = url->host,
                                          .host_is_address = url->host_kind != URI_NAME,
                                          .authority = url->host,
                                          .door = ADMIT_OWN,
                                          .principal = &principal_nobody};
    bool foreign = url->host.data && admit && admit_check(admit, &request) == ADMIT_FOREIGN_HOST;
    admit_free(&admit);
    free(texts);
    json_decref(hosts);
    return foreign;
}

static int route_answer(const struct command *command, const struct config *config,
                        const struct route_url *url)
{
    struct match_table *table = route_table(config);
    struct match_result match = {0};
    bool matched = match_find(table, url->host, url->uri.path, &match);
    if (route_is_foreign(config, url)) {
        match_free(&table);
        return command_fail(
            COMMAND_FAILED,
            "%.*s is no name of this reeve: 421, whatever the path; `hosts` in %s has the names",
            (int)url->host.size, url->host.data, config->file);
    }
    const char *own = route_own(config, url->uri.path, matched, &match);
    json_t *row = own       ? json_pack("{s:s}", "own", own)
                  : matched ? route_describe(config, &config->routes.items[match.route], url)
                            : NULL;
    match_free(&table);
    if (!row)
        return command_fail(COMMAND_FAILED, "no route of %s leads there: 404", config->file);
    if (command->json) {
        command_print_json(row);
        return COMMAND_DONE;
    }
    printf("%s\n", command->arguments[0]);
    route_print(row);
    json_decref(row);
    return COMMAND_DONE;
}

int route_verb(const struct command *command)
{
    struct route_url url;
    struct config *config = NULL;
    int code = COMMAND_USAGE;
    if (!route_read_url(command->arguments[0], &url))
        command_fail(0, "\"%s\" is no URL and no path, such as http://127.0.0.1:8080/x or /x",
                     command->arguments[0]);
    else if ((config = command_load(command, NULL)))
        code = route_answer(command, config, &url);
    config_free(&config);
    free(url.memory);
    return code;
}
