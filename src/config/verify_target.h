/* What a text in a route names: a service, or an instance of a template. */
#pragma once

#include "config/load.h"

struct verify_target {
    struct config_service *service;   /* or what each instance of the template is */
    struct config_template *template; /* NULL: a service */
};

/* Finds what `text`, the value of `key` ("to", "events.target") of a route, names: "api", or "shell/{id}"
 * with names that the route's path or host captures. False with an error added. */
bool verify_target_find(struct load *load, const struct config_route *route, const char *key,
                        const char *text, struct verify_target *found);
/* Notes of the first route (by `to` or `terminal`) that leads to each service and template what `prefix` and
 * `url` say of it. */
void verify_target_set_url(struct load *load, const struct config_route *route,
                           const struct verify_target *target);
/* An error: no service has this name; `path` is that of the setting. */
void verify_target_unknown(struct load *load, struct config_place place, const char *path, const char *name);
