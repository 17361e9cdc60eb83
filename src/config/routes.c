/* Values of their own kind in routes, and what is left to settle once all keys of one are read. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/hints.h"
#include "config/route_events.h"
#include "config/route_terminal.h"
#include "config/routes.h"
#include "config/rules.h"
#include "config/written.h"

/* "{name}" with a name that ${...} and targets can use. */
static bool route_is_capture(struct slice segment)
{
    return types_match("\\{[A-Za-z_][A-Za-z0-9_]*\\}", segment);
}

/* NULL: fine; else what is wrong with one segment of a path. */
static const char *route_segment_fault(struct slice segment, bool is_last)
{
    if (segment.size == 0)
        return is_last ? NULL : "an empty segment (//)";
    if (slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE("..")))
        return "the segments . and .. never reach a route";
    if (slice_equal(segment, SLICE("*")))
        return is_last ? NULL : "a * is possible at the end only, as the last segment";
    if (slice_find(segment, '*') != segment.size)
        return "a * stands alone as the last segment: /x/*";
    bool braces = slice_find(segment, '{') != segment.size || slice_find(segment, '}') != segment.size;
    if (braces && !route_is_capture(segment))
        return "a {name} is a whole segment, its name has letters, digits and _";
    return NULL;
}

static bool route_has_twice(struct slice path, struct slice capture)
{
    struct slice piece;
    unsigned count = 0;
    while (slice_next(&path, '/', &piece))
        count += slice_equal(piece, capture);
    return count > 1;
}

static void route_read_path(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    (void)row;
    struct slice path = load_scalar(load, node, "a path, such as /api/*"), segment;
    if (!path.data)
        return;
    *(char **)field = load_text(load, path);
    if (path.size == 0 || path.data[0] != '/') {
        LOAD_ERROR(load, node, "a path starts with /, found \"" SLICE_FORMAT "\"%s", SLICE_ARGUMENTS(path),
                   slice_equal(path, SLICE("*")) ? "; write /*" : "");
        return;
    }
    if (slice_find(path, '?') != path.size || slice_find(path, '#') != path.size)
        LOAD_ERROR(load, node, "a path has neither ? nor #: routes do not look at what follows the path");
    struct slice rest = slice_from(path, 1);
    while (slice_next(&rest, '/', &segment)) {
        const char *fault = route_segment_fault(segment, !rest.data);
        if (fault)
            LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\": %s", SLICE_ARGUMENTS(path), fault);
        else if (route_is_capture(segment) && route_has_twice(slice_from(path, 1), segment))
            LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\": " SLICE_FORMAT " is in it twice",
                       SLICE_ARGUMENTS(path), SLICE_ARGUMENTS(segment));
        else
            continue;
        return;
    }
}

static json_t *route_schema_path(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:s}", "type", "string", "pattern", "^(/[^?#]*|.*\\$\\{.*)$");
}

static json_t *route_show_text(const struct setting *row, const void *field)
{
    return types_text.show(row, field);
}

const struct type routes_path = {
    .name = "path",
    .read = route_read_path,
    .show = route_show_text,
    .schema = route_schema_path,
};

static bool route_label_fits(struct slice label)
{
    return route_is_capture(label) || types_match("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label);
}

static void route_read_host(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    (void)row;
    struct slice host = load_scalar(load, node, "a host name"), label;
    if (!host.data)
        return;
    char *lower = load_text(load, host);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    *(char **)field = lower;
    if (load->later || (lower[0] == '[' && types_match("\\[[0-9a-f:.]+\\]", slice_of_text(lower))))
        return;
    struct slice rest = slice_of_text(lower);
    if (slice_ends_with(rest, SLICE(".")))
        rest.size--;
    lower[rest.size] = '\0';
    bool fits = rest.size > 0;
    while (fits && slice_next(&rest, '.', &label))
        fits = route_label_fits(label);
    if (fits)
        return;
    bool port = types_match("[^:]+:[0-9]+", host), star = slice_find(host, '*') != host.size;
    LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" is not a host name%s", SLICE_ARGUMENTS(host),
               port   ? "; it is written without a port"
               : star ? "; one label is written {name}, and a route without host is for any"
                      : "");
}

static json_t *route_schema_host(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:i}", "type", "string", "minLength", 1);
}

const struct type routes_host = {
    .name = "host name",
    .read = route_read_host,
    .show = route_show_text,
    .schema = route_schema_host,
};

static void route_read_strip(struct load *load, const struct setting *row, const struct yaml_node *node,
                             void *field)
{
    (void)row;
    struct config_route *route = field;
    struct slice text = load_scalar(load, node, "true, false, or the start of the path");
    if (!text.data)
        return;
    if (text.size && text.data[0] == '/') {
        route->strip = CONFIG_STRIP_PREFIX;
        route->strip_prefix = load_text(load, text);
        return;
    }
    bool flag = false;
    if (types_read_flag(load, node, &flag) && flag)
        route->strip = CONFIG_STRIP_WILDCARD;
}

static json_t *route_show_strip(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_route *route = field;
    if (route->strip == CONFIG_STRIP_PREFIX)
        return types_text.show(row, &route->strip_prefix);
    return json_boolean(route->strip == CONFIG_STRIP_WILDCARD);
}

static json_t *route_schema_strip(const struct setting *row)
{
    (void)row;
    return json_pack("{s:[{s:s},{s:s,s:s}]}", "anyOf", "type", "boolean", "type", "string", "pattern",
                     "^/|\\$\\{");
}

const struct type routes_strip = {
    .name = "`true`, `false` or text",
    .read = route_read_strip,
    .show = route_show_strip,
    .schema = route_schema_strip,
};

static void route_read_url_path(struct load *load, const struct setting *row, const struct yaml_node *node,
                                void *field)
{
    (void)row;
    struct slice path = load_scalar(load, node, "a path, such as /health");
    if (!path.data)
        return;
    bool fits = path.size && path.data[0] == '/';
    for (size_t i = 0; i < path.size; i++)
        fits = fits && path.data[i] > ' ' && path.data[i] < 0x7f && path.data[i] != '#';
    if (!fits && !load->later)
        LOAD_ERROR(load, node,
                   "expected a path that starts with / and has neither spaces nor #, found \"" SLICE_FORMAT
                   "\"",
                   SLICE_ARGUMENTS(path));
    *(char **)field = load_text(load, path);
}

static json_t *route_schema_url_path(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:s}", "type", "string", "pattern", "^/|\\$\\{");
}

const struct type routes_url_path = {
    .name = "path",
    .read = route_read_url_path,
    .show = route_show_text,
    .schema = route_schema_url_path,
};

/* "/api" is the start of "/api", "/api/x" and "/api/" + "*", not of "/apis". */
static bool route_starts_with(const char *path, const char *prefix, size_t length)
{
    return strncmp(path, prefix, length) == 0 && (length == 1 || path[length] == '/' || path[length] == '\0');
}

static void route_finish_prefix(struct load *load, struct config_route *route)
{
    char *prefix = route->strip_prefix;
    size_t length = strlen(prefix);
    while (length > 1 && prefix[length - 1] == '/')
        prefix[--length] = '\0';
    if (!route_starts_with(route->path, prefix, length))
        errors_add(load->errors, config_place_of(&route->item, "strip"),
                   "%s.strip: \"%s\" is not the start of the path %s", load->path, prefix, route->path);
    if (length == 1)
        route->strip = CONFIG_STRIP_NOTHING;
}

static void route_finish_strip(struct load *load, struct config_route *route)
{
    if (!route->path)
        return;
    if (route->strip == CONFIG_STRIP_PREFIX)
        route_finish_prefix(load, route);
    else if (route->strip == CONFIG_STRIP_WILDCARD && !strchr(route->path, '*'))
        errors_add(
            load->errors, config_place_of(&route->item, "strip"),
            "%s.strip: true removes everything before the *, and %s has none; write what to remove, such as "
            "strip: /api",
            load->path, route->path);
}

bool routes_applies(const void *item, const struct setting *child)
{
    const struct config_route *route = item;
    return !child->needs || config_is_set(&route->item, child->needs);
}

static void route_finish_keys(struct load *load, struct config_route *route)
{
    const struct setting *row = NULL, *parent = setting_find(SLICE("routes.*"));
    while ((row = setting_child(parent, row))) {
        const char *key = setting_key(row).data;
        if (config_is_set(&route->item, key) && !routes_applies(route, row))
            errors_add(load->errors, config_place_of(&route->item, key),
                       "%s.%s: it needs `%s` in the same route", load->path, key, row->needs);
    }
}

static void route_finish_fallback(struct load *load, struct config_route *route)
{
    struct slice rest = slice_of_text(route->fallback), segment;
    bool fits = true;
    while (route->fallback && slice_next(&rest, '/', &segment))
        fits =
            fits && segment.size && !slice_equal(segment, SLICE("..")) && !slice_equal(segment, SLICE("."));
    if (!fits)
        errors_add(load->errors, config_place_of(&route->item, "fallback"),
                   "%s.fallback: \"%s\" is not a file below files", load->path, route->fallback);
}

/* What the route does; two things at once or none are errors. */
static void route_finish_action(struct load *load, struct config_route *route)
{
    static const char *const keys[] = {"to", "files", "events", "terminal"};
    static const enum config_action actions[] = {CONFIG_ROUTE_TARGET, CONFIG_ROUTE_FILES, CONFIG_ROUTE_EVENTS,
                                                 CONFIG_ROUTE_TERMINAL};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!config_is_set(&route->item, keys[i]))
            continue;
        route->action = actions[i];
        if (++count == 2)
            errors_add(load->errors, config_place_of(&route->item, keys[i]),
                       "%s: a route has one of to, files, events and terminal, this one has more",
                       load->path);
    }
    if (count == 0 && !load->refused && !load_item_failed(load))
        errors_add(load->errors, route->item.place, "%s: a route needs to, files, events or terminal",
                   load->path);
}

static void route_finish_limits(struct load *load, const struct config_route *route)
{
    if (route->action == CONFIG_ROUTE_FILES && config_is_set(&route->item, "limits"))
        errors_add(load->errors, config_place_of(&route->item, "limits"),
                   "%s.limits: they are for open streams, and files have none", load->path);
}

void routes_finish(struct load *load, void *item)
{
    struct config_route *route = item;
    route_finish_action(load, route);
    if (route->to && route->action == CONFIG_ROUTE_TARGET && route->to[0] == '\0')
        errors_add(load->errors, config_place_of(&route->item, "to"),
                   "%s.to: the name of a service is missing", load->path);
    route_finish_strip(load, route);
    route_finish_keys(load, route);
    rules_finish(load, route);
    route_finish_fallback(load, route);
    route_finish_limits(load, route);
    route_events_finish(load, route);
    route_terminal_finish(load, route);
}
