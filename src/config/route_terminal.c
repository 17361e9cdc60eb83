#include <string.h>

#include "config/route_terminal.h"
#include "config/rules.h"
#include "config/verify_target.h"

void route_terminal_finish(struct load *load, const struct config_route *route)
{
    size_t size = route->path ? strlen(route->path) : 0;
    if (route->action != CONFIG_ROUTE_TERMINAL || load->refused || !route->path)
        return;
    if (size < 2 || strcmp(route->path + size - 2, "/*") != 0)
        errors_add(load->errors, config_place_of(&route->item, "path"),
                   "%s.path: a terminal has pages below its path, which ends with /*: %s%s*", load->path,
                   route->path, size && route->path[size - 1] == '/' ? "" : "/");
    rules_finish_list(load, route, "view", &route->view);
}

void route_terminal_verify(struct load *load, const struct config_route *route)
{
    struct verify_target target;
    if (route->action != CONFIG_ROUTE_TERMINAL || !route->terminal ||
        !verify_target_find(load, route, "terminal", route->terminal, &target))
        return;
    if (!config_is_set(&target.service->item, "terminal"))
        errors_add(load->errors, config_place_of(&route->item, "terminal"),
                   "routes[%zu].terminal: the %s \"%s\" has no terminal; give it terminal: {}",
                   (size_t)(route - load->config->routes.items), target.template ? "template" : "service",
                   target.service->name);
    verify_target_set_url(load, route, &target);
}

bool route_terminal_is_local(const struct config *config, const struct config_route *route)
{
    for (size_t i = 0; i < route->allow.count; i++)
        if (strcmp(route->allow.items[i], "anyone") == 0)
            return false;
    return config->auth.method == CONFIG_AUTH_NONE;
}
