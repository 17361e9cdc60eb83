/* `events` of a route: a file whose path path and host may fill in. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/load.h"
#include "config/route_events.h"
#include "config/written.h"

enum { MEMBER_MOST = 64 };

/* "STATE/instances/shell/{id}" for the target "shell/{id}"; NULL for a service. */
static const char *instance_dir(struct load *load, const struct config_route *route)
{
    const char *target = route->events.target, *state = load_state(load);
    if (!target || !strchr(target, '/') || !state)
        return NULL;
    char *path = memory_format("%s/instances/%s", state, target);
    const char *kept = load_text(load, slice_of_text(path));
    free(path);
    return kept;
}

static void read_file(struct load *load, const struct setting *row, const struct yaml_node *node, void *field)
{
    (void)row;
    struct config_route *route = field;
    load->instance_dir = instance_dir(load, route);
    struct slice path = load_scalar(load, node, "a path");
    load->instance_dir = NULL;
    if (!path.data)
        return;
    if (path.size == 0 || slice_ends_with(path, SLICE("/")))
        LOAD_ERROR(load, node, "expected the path of a file, found \"" SLICE_FORMAT "\"",
                   SLICE_ARGUMENTS(path));
    else
        route->events.file = load_absolute(load, load_directory(load, node->place), path);
}

static json_t *show_file(const struct setting *row, const void *field)
{
    const struct config_route *route = field;
    return types_path.show(row, &route->events.file);
}

static json_t *schema_file(const struct setting *row)
{
    return types_path.schema(row);
}

const struct type route_events_file = {
    .name = "path",
    .read = read_file,
    .show = show_file,
    .schema = schema_file,
    .last = true,
};

/* Whether path or host capture {name}. */
static bool is_captured(const struct config_route *route, struct slice name)
{
    char *braced = memory_format("{" SLICE_FORMAT "}", SLICE_ARGUMENTS(name));
    bool found = strstr(route->path, braced) || (route->host && strstr(route->host, braced));
    free(braced);
    return found;
}

static void check_captures(struct load *load, const struct config_route *route, const char *key,
                           const char *text)
{
    struct slice rest = slice_of_text(text);
    while ((rest = slice_from(rest, slice_find(rest, '{'))).size > 0) {
        size_t close = slice_find(rest, '}');
        struct slice name = slice_between(rest, 1, close);
        rest = slice_from(rest, close + 1);
        if (is_captured(route, name))
            continue;
        errors_add(load->errors, config_place_of(&route->item, key),
                   "%s.%s: {" SLICE_FORMAT "} is captured by neither path nor host", load->path, key,
                   SLICE_ARGUMENTS(name));
        return;
    }
}

/* Compared with what stands in the file byte for byte, so one that is written with escapes would never fit.
 */
static void check_member(struct load *load, const struct config_route *route)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-@$";
    const char *member = route->events.event;
    size_t size = member ? strlen(member) : 1;
    if (member && (size == 0 || size > MEMBER_MOST || strspn(member, plain) != size))
        errors_add(load->errors, config_place_of(&route->item, "events.event"),
                   "%s.events.event: expected up to %d of A-Z a-z 0-9 _ . - @ $, found \"%s\"", load->path,
                   MEMBER_MOST, member);
}

void route_events_finish(struct load *load, struct config_route *route)
{
    if (!config_is_set(&route->item, "events") || load->refused)
        return;
    if (!config_is_set(&route->item, "events.file"))
        errors_add(load->errors, config_place_of(&route->item, "events"),
                   "%s.events: the key \"file\" is missing", load->path);
    check_member(load, route);
    if (!route->path)
        return;
    check_captures(load, route, "events.file", route->events.file);
}
