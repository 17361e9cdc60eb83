/* "TEMPLATE/" and what is left, with the request's captures, is the id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/hints.h"
#include "config/verify_target.h"

enum { VERIFY_TARGET_PATH = 96 };

/* --- names that are not there ---------------------------------------------------------------------- */

/* "a, b, c": the first names. */
static char *verify_target_list(const char *const *names, size_t count)
{
    enum { SHOWN = 12 };
    struct buffer text = BUFFER(4096);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        buffer_append_format(&text, "%s%s", i ? ", " : "", names[i]);
    if (count > SHOWN)
        buffer_append_text(&text, ", ...");
    char *known = slice_to_text(buffer_slice(&text));
    buffer_free(&text);
    return known;
}

static void verify_target_missing(struct load *load, struct config_place place, const char *path,
                                  const char *kind, const char *name)
{
    const struct config *config = load->config;
    bool template = strcmp(kind, "template") == 0;
    size_t count = template ? config->templates.count : config->services.count;
    const char **names = MEMORY_ARRAY(const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = template ? config->templates.items[i].service.name : config->services.items[i].name;
    const char *meant = hints_nearest(slice_of_text(name), names, count);
    char *known = verify_target_list(names, count);
    if (meant)
        errors_add(load->errors, place, "%s: there is no %s \"%s\"; did you mean \"%s\"?", path, kind, name,
                   meant);
    else
        errors_add(load->errors, place, "%s: there is no %s \"%s\"; there %s %s", path, kind, name,
                   count > 1    ? "are"
                   : count == 1 ? "is only"
                                : "is",
                   count ? known : "none");
    free(known);
    free(names);
}

static struct config_template *verify_target_template(const struct load *load, struct slice name)
{
    const struct config_templates *templates = &load->config->templates;
    for (size_t i = 0; i < templates->count; i++)
        if (slice_equal(slice_of_text(templates->items[i].service.name), name))
            return &templates->items[i];
    return NULL;
}

void verify_target_unknown(struct load *load, struct config_place place, const char *path, const char *name)
{
    if (verify_target_template(load, slice_of_text(name)))
        errors_add(load->errors, place, "%s: %s is a template; name an instance of it, such as \"%s/{id}\"",
                   path, name, name);
    else
        verify_target_missing(load, place, path, "service", name);
}

/* --- ids -------------------------------------------------------------------------------------------- */

static bool verify_target_captures(const struct config_route *route, struct slice capture)
{
    struct slice path = slice_of_text(route->path), host = slice_of_text(route->host), part;
    while (path.data && slice_next(&path, '/', &part))
        if (slice_equal(part, capture))
            return true;
    while (host.data && slice_next(&host, '.', &part))
        if (slice_equal(part, capture))
            return true;
    return false;
}

/* NULL: the id is fine for the route; else what is wrong with it. */
static const char *verify_target_id_fault(const struct config_route *route, struct slice id)
{
    if (!types_match(
            "([A-Za-z0-9]|\\{[A-Za-z_][A-Za-z0-9_]*\\})([A-Za-z0-9._-]|\\{[A-Za-z_][A-Za-z0-9_]*\\})*", id))
        return "after the slash comes an id: letters, digits and . _ - or {names} that the path captures";
    while (id.size) {
        id = slice_from(id, slice_find(id, '{'));
        size_t close = slice_find(id, '}');
        if (id.size && !verify_target_captures(route, slice_between(id, 0, close + 1)))
            return "neither the path nor the host of the route captures what is in braces";
        id = slice_from(id, close + 1);
    }
    return NULL;
}

bool verify_target_find(struct load *load, const struct config_route *route, const char *key,
                        const char *text, struct verify_target *found)
{
    struct config *config = load->config;
    struct config_place place = config_place_of(&route->item, key);
    struct slice whole = slice_of_text(text), name = slice_between(whole, 0, slice_find(whole, '/'));
    char path[VERIFY_TARGET_PATH];
    snprintf(path, sizeof path, "routes[%zu].%s", (size_t)(route - config->routes.items), key);
    *found = (struct verify_target){0};
    if (name.size == whole.size) {
        for (size_t i = 0; i < config->services.count && !found->service; i++)
            if (strcmp(config->services.items[i].name, text) == 0)
                found->service = &config->services.items[i];
        if (!found->service)
            verify_target_unknown(load, place, path, text);
        return found->service != NULL;
    }
    found->template = verify_target_template(load, name);
    if (!found->template) {
        char *template = slice_to_text(name);
        verify_target_missing(load, place, path, "template", template);
        free(template);
        return false;
    }
    found->service = &found->template->service;
    const char *fault = verify_target_id_fault(route, slice_from(whole, name.size + 1));
    if (fault)
        errors_add(load->errors, place, "%s: \"%s\": %s", path, text, fault);
    return !fault;
}

/* --- where it is reached ------------------------------------------------------------------------------ */

/* A fresh copy with `from` replaced; NULL when there is still a { in it. */
static char *verify_target_filled(const char *text, struct slice from, const char *to)
{
    struct buffer out = BUFFER(8192);
    while (*text) {
        bool here = from.size && strncmp(text, from.data, from.size) == 0;
        buffer_append(&out, here ? slice_of_text(to) : slice_of(text, 1));
        text += here ? from.size : 1;
    }
    char *filled = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return filled;
}

/* Path and host as they are for one target: "{name}" becomes "{id}" for a template. */
static char *verify_target_place(const struct config_route *route, struct slice capture, bool with_host)
{
    char *whole = with_host && route->host ? memory_format("//%s%s", route->host, route->path)
                                           : memory_text(route->path);
    whole[slice_find(slice_of_text(whole), '*')] = '\0';
    char *filled = verify_target_filled(whole, capture, "{id}");
    free(whole);
    return filled;
}

/* Every { in it is that of {id}. */
static bool verify_target_is_plain(const char *text, bool template)
{
    for (const char *brace = strchr(text, '{'); brace; brace = strchr(brace + 1, '{'))
        if (!template || strncmp(brace, "{id}", 4) != 0)
            return false;
    return true;
}

static struct slice verify_target_without_slash(const char *prefix)
{
    struct slice text = slice_of_text(prefix);
    while (slice_ends_with(text, SLICE("/")))
        text.size--;
    return text;
}

void verify_target_set_url(struct load *load, const struct config_route *route,
                           const struct verify_target *target)
{
    struct config_service *service = target->service;
    const char *text = route->to ? route->to : route->terminal;
    struct slice id = slice_from(slice_of_text(text), strlen(service->name) + 1);
    if (!route->path || service->url || (target->template && slice_find(id, '{') > 0))
        return; /* a route to one instance alone says nothing of the others */
    if (target->template && slice_find(id, '}') + 1 != id.size)
        return;
    char *url = verify_target_place(route, target->template ? id : (struct slice){0}, true);
    char *prefix = verify_target_place(route, target->template ? id : (struct slice){0}, false);
    if (verify_target_is_plain(url, target->template != NULL))
        service->url = load_text(load, slice_of_text(url));
    if (route->to && service->prefix[0] == '\0' &&
        (!target->template || verify_target_is_plain(prefix, true)))
        service->prefix = load_text(load, verify_target_without_slash(prefix));
    free(url);
    free(prefix);
}
