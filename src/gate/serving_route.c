/* Strict, as the rest of the snapshot is (gate/serving.c). */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

#include "gate/serving_route.h"

static bool read_strip(struct section *row, struct serving_route *route)
{
    const json_t *strip = section_member(row, "strip");
    struct forward_rule *rule = &route->proxy.rule;
    if (!strip || json_is_false(strip))
        return true;
    if (json_is_true(strip)) {
        rule->strip = FORWARD_STRIP_WILDCARD;
        return true;
    }
    if (!json_is_string(strip))
        return section_wrong(row, "strip", "true or a text");
    route->prefix = memory_text(json_string_value(strip));
    rule->strip = FORWARD_STRIP_PREFIX;
    rule->prefix = slice_of_text(route->prefix);
    while (slice_ends_with(rule->prefix, SLICE("/")))
        rule->prefix.size--;
    return true;
}

static bool read_allow(struct section *row, struct serving_route *route)
{
    struct error error = {0};
    route->allow = rules_new(section_member(row, "allow"), section_text(row, "path"),
                             section_text_or_null(row, "host"), &error);
    return route->allow || error_set(row->error, "%s: %s", row->place, error.text);
}

/* A text that may hold what path and host capture; NULL with the text of what is wrong. */
static struct captures *read_captures(struct section *row, const char *name)
{
    struct error error = {0};
    struct captures *captures = captures_new(section_text(row, name), section_text(row, "path"),
                                             section_text_or_null(row, "host"), &error);
    if (!captures) {
        row->wrong = true;
        error_set(row->error, "%s: %s", row->place, error.text);
    }
    return captures;
}

static bool read_websocket(struct section *row, struct serving_route *route)
{
    const char *subprotocol = section_text_or_null(row, "subprotocol");
    route->subprotocol = memory_text(subprotocol);
    route->proxy.websocket.subprotocol = slice_of_text(route->subprotocol ? route->subprotocol : "");
    route->proxy.websocket.ping_ms = section_number(row, "ping_ms", 0);
    route->refuse_close = json_is_true(section_member(row, "refuse_close"));
    return !row->wrong;
}

static bool read_limits(struct section *row, struct serving_route *route)
{
    struct section limits = {
        .object = section_member(row, "limits"), .place = row->place, .error = row->error};
    if (!limits.object)
        return true;
    if (!json_is_object(limits.object))
        return section_wrong(row, "limits", "an object");
    route->limits.streams = (uint32_t)section_number(&limits, "streams", 0);
    route->limits.per_user = (uint32_t)section_number(&limits, "per_user", 0);
    route->limits.per_address = (uint32_t)section_number(&limits, "per_address", 0);
    row->wrong = limits.wrong;
    return !row->wrong;
}

static bool read_proxy(const struct console *console, struct section *row, struct serving_route *route)
{
    route->proxy.open = console_is_open(console);
    route->proxy.limits = route->limits;
    route->target = read_captures(row, "target");
    if (!route->target)
        return false;
    route->creates = json_is_true(section_member(row, "create"));
    route->proxy.body_max = section_number(row, "body_max", -1);
    route->proxy.timeouts = (struct upstream_timeouts){
        .connect_ms = section_number(row, "connect_ms", 5000),
        .response_ms = section_number(row, "response_ms", 0),
        .idle_ms = section_number(row, "idle_ms", 0),
    };
    return read_strip(row, route) && read_websocket(row, route) && !row->wrong;
}

/* A route is what its row says (design §2 "Snapshot"); where it stands and what its descriptors are called
 * may differ from one snapshot to the next. FNV-1a of the rest; never 0. */
static uint64_t route_id(const json_t *object)
{
    static const char *const passing[] = {"place", "root"};
    json_t *rest = json_copy((json_t *)(uintptr_t)object);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        json_object_del(rest, passing[i]);
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t id = 14695981039346656037u;
    for (const char *at = text; *at; at++)
        id = (id ^ (unsigned char)*at) * 1099511628211u;
    free(text);
    json_decref(rest);
    return id ? id : 1;
}

/* NULL: nothing is, or the row is wrong. */
static struct hidden *read_hidden(struct section *row)
{
    const json_t *names = section_member(row, "hidden"), *name;
    struct hidden *hidden = NULL;
    size_t i;
    if (names && !json_is_array(names))
        section_wrong(row, "hidden", "a list");
    json_array_foreach(names, i, name)
    {
        if (json_is_string(name))
            hidden_add(&hidden, json_string_value(name));
        else
            section_wrong(row, "hidden", "a list of texts");
    }
    return hidden;
}

static bool read_events(const struct serving_route_means *means, struct section *row,
                        struct serving_route *route, struct descriptors *descriptors)
{
    static const char *const froms[] = {"start", "end", NULL};
    if (section_member(row, "target"))
        route->target = read_captures(row, "target");
    struct events_route_settings settings = {
        .from_end = section_choice(row, "from", froms) == 1,
        .wait_ms = section_number(row, "wait_ms", 60000),
        .heartbeat_ms = section_number(row, "heartbeat_ms", 15000),
    };
    settings.names = section_text_or_null(row, "event");
    if (row->wrong)
        return false;
    settings.root = section_descriptor(row, "root", descriptors);
    settings.file = read_captures(row, "file");
    if (settings.root >= 0 && settings.file) {
        settings.hidden = read_hidden(row);
        route->events = events_route_new(means->events, &settings);
        if (route->target)
            event_routes_add(means->event_routes, route->events, route->target);
        return !row->wrong;
    }
    captures_free(&settings.file);
    if (settings.root >= 0)
        close(settings.root);
    return false;
}

static bool read_terminal(struct section *row, struct serving_route *route)
{
    struct error error = {0};
    route->target = read_captures(row, "target");
    route->creates = json_is_true(section_member(row, "create"));
    if (!route->target)
        return false;
    route->terminal =
        terminal_door_new(row->object, section_text(row, "path"), section_text_or_null(row, "host"), &error);
    return route->terminal || error_set(row->error, "%s: %s", row->place, error.text);
}

static bool read_files(struct section *row, struct serving_route *route, struct descriptors *descriptors)
{
    int root = section_descriptor(row, "root", descriptors);
    const char *fallback = section_text_or_null(row, "fallback");
    if (root < 0)
        return false;
    struct hidden *hidden = read_hidden(row);
    route->files = files_new(root, fallback, hidden);
    return !row->wrong;
}

bool serving_route_read(struct serving_route *route, struct section *row,
                        const struct serving_route_means *means, struct descriptors *descriptors)
{
    static const char *const kinds[] = {"proxy", "files", "events", "terminal", NULL};
    route->place = memory_text(section_text(row, "place"));
    row->place = route->place;
    section_text(row, "path");
    int kind = section_choice(row, "kind", kinds);
    if (row->wrong)
        return false;
    route->id = route_id(row->object);
    if (!read_allow(row, route) || !read_limits(row, route))
        return false;
    if (kind == 0)
        return read_proxy(means->console, row, route);
    if (kind == 2)
        return read_events(means, row, route, descriptors);
    if (kind == 3)
        return read_terminal(row, route);
    return read_files(row, route, descriptors);
}

void serving_route_clear(struct serving_route *route)
{
    files_free(&route->files);
    events_route_free(&route->events);
    terminal_door_free(&route->terminal);
    free(route->place);
    rules_free(&route->allow);
    captures_free(&route->target);
    free(route->prefix);
    free(route->subprotocol);
}
