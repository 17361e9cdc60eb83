/* One check after another, each over all items. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/memory.h"

#include "config/auth.h"
#include "config/console.h"
#include "config/route_terminal.h"
#include "config/verify.h"
#include "config/verify_target.h"
#include "config/written.h"

/* Names seen so far, each with the item that has it. */
struct verify_name {
    char *key;
    const void *item;
    UT_hash_handle hh;
};

/* The item that has the key already; NULL, and `item` has it from now on, when there is none. */
static const void *verify_claim(struct verify_name **names, char *key, const void *item)
{
    struct verify_name *name = NULL;
    HASH_FIND_STR(*names, key, name);
    if (name) {
        free(key);
        return name->item;
    }
    name = MEMORY_NEW(struct verify_name);
    *name = (struct verify_name){.key = key, .item = item};
    HASH_ADD_KEYPTR(hh, *names, name->key, strlen(name->key), name);
    return NULL;
}

static const void *verify_find(struct verify_name *names, const char *key)
{
    struct verify_name *name = NULL;
    HASH_FIND_STR(names, key, name);
    return name ? name->item : NULL;
}

static void verify_names_free(struct verify_name **names)
{
    struct verify_name *name, *next;
    HASH_ITER(hh, *names, name, next)
    {
        HASH_DEL(*names, name);
        free(name->key);
        free(name);
    }
}

static void verify_listeners(struct load *load)
{
    struct verify_name *addresses = NULL;
    struct config *config = load->config;
    if (!config_is_set(&config->item, "listen")) {
        struct config_listener *listener = load_append(load, &config->listeners, sizeof *listener);
        listener->address = load_text(load, SLICE("127.0.0.1:8080"));
    } else if (config->listeners.count == 0 && load->errors->count == 0) {
        errors_add(load->errors, config_place_of(&config->item, "listen"),
                   "listen: the list is empty; without the "
                   "key reeve listens on 127.0.0.1:8080");
    }
    for (size_t i = 0; i < config->listeners.count; i++) {
        struct config_listener *listener = &config->listeners.items[i];
        const struct config_listener *earlier =
            listener->address ? verify_claim(&addresses, memory_text(listener->address), listener) : NULL;
        if (earlier)
            errors_add(load->errors, config_place_of(&listener->item, "address"),
                       "listen[%zu].address: %s is listened on already, see line %d", i, listener->address,
                       earlier->item.place.line);
    }
    verify_names_free(&addresses);
}

/* The port that a listener keeps services from using on 127.0.0.1; "" when none. */
static const char *verify_port(const struct config_listener *listener)
{
    static const char *const hosts[] = {"127.0.0.1:", "localhost:", "0.0.0.0:", "[::]:"};
    for (size_t i = 0; listener->address && i < sizeof hosts / sizeof hosts[0]; i++)
        if (strncmp(listener->address, hosts[i], strlen(hosts[i])) == 0)
            return listener->address + strlen(hosts[i]);
    return "";
}

/* tcp:N twice, or N of a listener of ours. */
static void verify_service_ports(struct load *load)
{
    struct verify_name *places = NULL;
    const struct config *config = load->config;
    for (size_t i = 0; i < config->listeners.count; i++)
        if (*verify_port(&config->listeners.items[i]))
            verify_claim(&places, memory_text(verify_port(&config->listeners.items[i])), config);
    for (size_t i = 0; i < config->services.count; i++) {
        const struct config_service *service = &config->services.items[i];
        const struct config_service_listen *listen = &service->listen;
        char *place = listen->port ? memory_format("%u", listen->port) : memory_text(listen->path);
        const void *earlier = place ? verify_claim(&places, place, service) : NULL;
        const struct config_service *other = earlier == config ? NULL : earlier;
        if (!earlier)
            continue;
        char *what = listen->port ? memory_format("port %u", listen->port) : memory_text(listen->path);
        errors_add(load->errors, config_place_of(&service->item, "listen"),
                   "services.%s.listen: %s is %s%s%s", service->name, what,
                   other ? "that of services." : "the port that reeve itself listens on",
                   other ? other->name : "", other ? " already" : "");
        free(what);
    }
    verify_names_free(&places);
}

static bool verify_can_be_routed_to(const struct config_service *service)
{
    return service->addresses.count || service->listen.kind != CONFIG_LISTEN_NONE;
}

/* A key of it was wrong, and maybe it is the one that would give it a listener. */
static bool verify_is_misread(const struct load *load, const char *section, const char *name)
{
    char *prefix = memory_format("%s.%s.", section, name);
    bool found = false;
    for (size_t i = 0; i < load->errors->count && !found; i++)
        found = strncmp(load->errors->items[i].text, prefix, strlen(prefix)) == 0;
    free(prefix);
    return found;
}

static void verify_loops(struct load *load, struct verify_name *services)
{
    for (size_t i = 0; i < load->config->loops.count; i++) {
        const struct config_loop *loop = &load->config->loops.items[i];
        const struct config_service *service = loop->http.to ? verify_find(services, loop->http.to) : NULL;
        struct config_place place = config_place_of(&loop->item, "http.to");
        char *path = memory_format("loops.%s.http.to", loop->name);
        if (service && !verify_can_be_routed_to(service) &&
            !verify_is_misread(load, "services", service->name))
            errors_add(
                load->errors, place,
                "%s: the service \"%s\" has no listener; give it listen: tcp, or listen: tcp:3000 when "
                "its port is fixed",
                path, service->name);
        else if (loop->http.to && !service)
            verify_target_unknown(load, place, path, loop->http.to);
        free(path);
    }
}

static void verify_targets(struct load *load)
{
    for (size_t i = 0; i < load->config->routes.count; i++) {
        const struct config_route *route = &load->config->routes.items[i];
        struct verify_target target;
        if (!route->to || !*route->to || !verify_target_find(load, route, "to", route->to, &target))
            continue;
        const char *section = target.template ? "templates" : "services";
        if (!verify_can_be_routed_to(target.service) &&
            !verify_is_misread(load, section, target.service->name))
            errors_add(load->errors, config_place_of(&route->item, "to"),
                       "routes[%zu].to: the %s \"%s\" has no listener; give it listen: tcp%s", i,
                       target.template ? "template" : "service", target.service->name,
                       target.template ? "" : ", or listen: tcp:3000 when its port is fixed");
        verify_target_set_url(load, route, &target);
    }
}

static void verify_events(struct load *load)
{
    for (size_t i = 0; i < load->config->routes.count; i++) {
        const struct config_route *route = &load->config->routes.items[i];
        struct verify_target target;
        if (route->events.target)
            verify_target_find(load, route, "events.target", route->events.target, &target);
        route_terminal_verify(load, route);
    }
}

/* Host and path with all captures alike: what makes two routes equal. */
static char *verify_route_key(const struct config_route *route)
{
    char *key = memory_format("%s %s", route->host ? route->host : "", route->path);
    char *to = key;
    bool inside = false;
    for (const char *from = key; *from; from++) {
        if (!inside)
            *to++ = *from;
        inside = *from == '{' || (inside && *from != '}');
        if (*from == '}' && to[-1] != '}')
            *to++ = '}';
    }
    *to = '\0';
    return key;
}

static void verify_equal_routes(struct load *load)
{
    struct verify_name *seen = NULL;
    for (size_t i = 0; i < load->config->routes.count; i++) {
        const struct config_route *route = &load->config->routes.items[i];
        const struct config_route *earlier =
            route->path ? verify_claim(&seen, verify_route_key(route), route) : NULL;
        char place[512];
        if (earlier)
            errors_add(load->errors, config_place_of(&route->item, "path"),
                       "routes[%zu].path: %s%s%s is the path of another route already, at %s", i, route->path,
                       route->host ? " on host " : "", route->host ? route->host : "",
                       config_place_text(&earlier->item.place, place, sizeof place));
    }
    verify_names_free(&seen);
}

static void verify_dependencies_of(struct load *load, struct verify_name *services, const char *kind,
                                   const struct config_service *service)
{
    char *path = memory_format("%s.%s.depends_on", kind, service->name);
    for (size_t d = 0; d < service->depends_on.count; d++)
        if (!verify_find(services, service->depends_on.items[d]))
            verify_target_unknown(load, config_place_of(&service->item, "depends_on"), path,
                                  service->depends_on.items[d]);
    free(path);
}

static void verify_dependencies(struct load *load, struct verify_name *services)
{
    for (size_t i = 0; i < load->config->services.count; i++)
        verify_dependencies_of(load, services, "services", &load->config->services.items[i]);
    for (size_t i = 0; i < load->config->templates.count; i++)
        verify_dependencies_of(load, services, "templates", &load->config->templates.items[i].service);
}

enum verify_mark {
    VERIFY_UNSEEN,
    VERIFY_ABOVE, /* it waits for the one being looked at */
    VERIFY_DONE,
};

/* A walk without recursion: `next` counts how far each service on the way has been followed. */
struct verify_circle {
    struct load *load;
    struct verify_name *services;
    enum verify_mark *marks;
    size_t *next;
    const struct config_service **way;
    size_t depth;
};

static void verify_report_circle(struct verify_circle *circle, const struct config_service *again)
{
    struct buffer text = BUFFER(2048);
    bool inside = false;
    for (size_t i = 0; i < circle->depth; i++) {
        inside = inside || circle->way[i] == again;
        if (inside)
            buffer_append_format(&text, "%s -> ", circle->way[i]->name);
    }
    char *names = slice_to_text(buffer_slice(&text));
    errors_add(circle->load->errors, config_place_of(&circle->way[circle->depth - 1]->item, "depends_on"),
               "services.%s.depends_on: services wait for each other in a circle: %s%s",
               circle->way[circle->depth - 1]->name, names, again->name);
    free(names);
    buffer_free(&text);
}

static void verify_follow(struct verify_circle *circle, const struct config_service *first)
{
    const struct config_service *all = circle->load->config->services.items;
    circle->way[circle->depth++] = first;
    circle->marks[first - all] = VERIFY_ABOVE;
    while (circle->depth) {
        const struct config_service *service = circle->way[circle->depth - 1];
        size_t *next = &circle->next[service - all];
        if (*next == service->depends_on.count) {
            circle->marks[service - all] = VERIFY_DONE;
            circle->depth--;
            continue;
        }
        const struct config_service *needed =
            verify_find(circle->services, service->depends_on.items[(*next)++]);
        if (needed && circle->marks[needed - all] == VERIFY_ABOVE) {
            verify_report_circle(circle, needed);
        } else if (needed && circle->marks[needed - all] == VERIFY_UNSEEN) {
            circle->marks[needed - all] = VERIFY_ABOVE;
            circle->way[circle->depth++] = needed;
        }
    }
}

static void verify_circles(struct load *load, struct verify_name *services)
{
    size_t count = load->config->services.count;
    struct verify_circle circle = {.load = load,
                                   .services = services,
                                   .marks = MEMORY_ARRAY(enum verify_mark, count),
                                   .next = MEMORY_ARRAY(size_t, count),
                                   .way = MEMORY_ARRAY(const struct config_service *, count)};
    for (size_t i = 0; i < count; i++)
        if (circle.marks[i] == VERIFY_UNSEEN)
            verify_follow(&circle, &load->config->services.items[i]);
    free(circle.marks);
    free(circle.next);
    free(circle.way);
}

/* ${services.NAME.port} wants a service that has one. */
static void verify_uses(struct load *load, struct verify_name *services)
{
    for (const struct load_uses *use = load->uses; use; use = use->next) {
        const struct config_service *service = verify_find(services, use->target);
        const char *what = use->socket ? "socket" : "port";
        bool has = service && service->listen.kind == (use->socket ? CONFIG_LISTEN_UNIX : CONFIG_LISTEN_TCP);
        if (!service)
            verify_target_unknown(load, use->place, use->path, use->target);
        else if (!has)
            errors_add(load->errors, use->place, "%s: the service \"%s\" has no %s; it needs listen: %s",
                       use->path, use->target, what, use->socket ? "unix" : "tcp");
    }
}

static void verify_backoff_of(struct load *load, const char *kind, const struct config_service *service)
{
    if (service->backoff.initial_ms > service->backoff.max_ms)
        errors_add(load->errors, config_place_of(&service->item, "backoff"),
                   "%s.%s.backoff: initial is longer than max", kind, service->name);
}

static void verify_backoff(struct load *load)
{
    for (size_t i = 0; i < load->config->services.count; i++)
        verify_backoff_of(load, "services", &load->config->services.items[i]);
    for (size_t i = 0; i < load->config->templates.count; i++)
        verify_backoff_of(load, "templates", &load->config->templates.items[i].service);
}

/* Services and templates have one namespace. */
static void verify_template_names(struct load *load, struct verify_name *services)
{
    for (size_t i = 0; i < load->config->templates.count; i++) {
        const struct config_service *template = &load->config->templates.items[i].service;
        const struct config_service *service = verify_find(services, template->name);
        char place[512];
        if (service)
            errors_add(load->errors, template->item.place,
                       "templates.%s: a service has this name already, at %s", template->name,
                       config_place_text(&service->item.place, place, sizeof place));
    }
}

void verify_config(struct load *load)
{
    struct verify_name *services = NULL;
    for (size_t i = 0; i < load->config->services.count; i++) {
        const struct config_service *service = &load->config->services.items[i];
        verify_claim(&services, memory_text(service->name), service);
    }
    verify_template_names(load, services);
    verify_listeners(load);
    verify_service_ports(load);
    verify_equal_routes(load);
    verify_backoff(load);
    auth_verify(load);
    console_verify(load);
    verify_circles(load, services);
    if (!load->refused) {
        verify_targets(load);
        verify_events(load);
        verify_dependencies(load, services);
        verify_loops(load, services);
        verify_uses(load, services);
    }
    verify_names_free(&services);
}
