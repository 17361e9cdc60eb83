#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/addresses.h"
#include "config/route_terminal.h"
#include "net/address.h"

#include "reeve/absent.h"

__attribute__((format(printf, 4, 5))) static void
absent_warn(struct buffer *out, const struct config_item *item, const char *key, const char *format, ...)
{
    char place[512], text[1024];
    const struct config_place at = config_place_of(item, key);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(out, "%s: warning: %s\n", config_place_text(&at, place, sizeof place), text);
}

static bool absent_is_program(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 0111);
}

/* PATH of the service, else ours: what its program will be looked up in. NULL: it tells at its start. */
static const char *absent_path(const struct config_service *service)
{
    const char *path = getenv("PATH");
    for (size_t i = 0; i < service->variables.count; i++)
        if (strcmp(service->variables.items[i].name, "PATH") == 0)
            path = service->variables.items[i].value;
    return path && strchr(path, '$') ? NULL : path;
}

static bool absent_is_in_path(const char *program, const char *path)
{
    struct slice rest = slice_of_text(path), folder;
    bool found = false;
    while (!found && slice_next(&rest, ':', &folder)) {
        char *file = memory_format(SLICE_FORMAT "/%s", SLICE_ARGUMENTS(folder), program);
        found = absent_is_program(file);
        free(file);
    }
    return found;
}

static void absent_append_program(struct buffer *out, const char *kind, const struct config_service *service)
{
    const char *program = service->command.items[0], *path = absent_path(service);
    if (strchr(program, '$'))
        return;
    if (strchr(program, '/') && access(program, F_OK) != 0)
        absent_warn(out, &service->item, "command", "%s.%s.command: there is no file %s", kind, service->name,
                    program);
    else if (strchr(program, '/') && !absent_is_program(program))
        absent_warn(out, &service->item, "command", "%s.%s.command: %s cannot be executed; try: chmod +x %s",
                    kind, service->name, program, program);
    else if (!strchr(program, '/') && path && !absent_is_in_path(program, path))
        absent_warn(out, &service->item, "command",
                    "%s.%s.command: %s is not in PATH; install it, or write where it is", kind, service->name,
                    program);
}

static void absent_append_service(struct buffer *out, const char *kind, const struct config_service *service)
{
    struct stat about;
    if (service->command.count == 0)
        return;
    if (service->user && !strchr(service->user, '$') && !getpwnam(service->user))
        absent_warn(out, &service->item, "user", "%s.%s.user: there is no account %s", kind, service->name,
                    service->user);
    if (service->user && geteuid() != 0)
        absent_warn(out, &service->item, "user", "%s.%s.user: only a reeve started as root can change users",
                    kind, service->name);
    if (!strchr(service->directory, '$') && (stat(service->directory, &about) || !S_ISDIR(about.st_mode)))
        absent_warn(out, &service->item, "directory", "%s.%s.directory: there is no folder %s", kind,
                    service->name, service->directory);
    else
        absent_append_program(out, kind, service);
}

/* Not absent, but to be known. */
static void absent_append_tls(struct buffer *out, const struct config_service *service)
{
    if (service->tls.used && service->tls.verify == CONFIG_TLS_NONE)
        absent_warn(out, &service->item, "tls.verify",
                    "services.%s.tls.verify: none: insecure, anybody in between can answer for it and read "
                    "along; `reeve pin` prints a pin to write instead",
                    service->name);
}

/* The door shows it on none of these. */
static void absent_append_terminal(struct buffer *out, const struct config *config,
                                   const struct config_route *route)
{
    for (size_t i = 0; i < config->listeners.count; i++) {
        const char *address = config->listeners.items[i].address;
        if (address && !addresses_stay_here(address))
            absent_warn(
                out, &route->item, "terminal",
                "routes[%zu].terminal: without `auth` it is not shown on %s, only on loopback and unix "
                "listeners; set `auth`, or allow: [anyone] for everybody who reaches the port",
                (size_t)(route - config->routes.items), address);
    }
}

static void absent_append_fallback(struct buffer *out, const struct config_route *route)
{
    char *page = memory_format("%s/%s", route->files, route->fallback);
    if (access(page, F_OK) != 0)
        absent_warn(out, &route->item, "fallback", "fallback: there is no file %s", page);
    free(page);
}

/* Nobody follows a link out of the folder that was opened, and nothing but a file has a place to go on from.
 */
static void absent_append_events(struct buffer *out, const struct config *config,
                                 const struct config_route *route)
{
    const char *file = route->events.file;
    struct stat about;
    if (strpbrk(file, "{$") || lstat(file, &about) || S_ISREG(about.st_mode))
        return;
    absent_warn(out, &route->item, "events.file",
                "routes[%zu].events.file: %s is %s, and only a file itself is read: name the file",
                (size_t)(route - config->routes.items), file,
                S_ISLNK(about.st_mode)   ? "a symbolic link"
                : S_ISDIR(about.st_mode) ? "a folder"
                                         : "no ordinary file");
}

/* Where everybody could come, the API answers nobody: contract §1 "With auth: none". */
static void absent_append_console(struct buffer *out, const struct config *config)
{
    const char *listen = config->console.listen;
    if (config->auth.method == CONFIG_AUTH_NONE && listen && !addresses_stay_here(listen))
        absent_warn(out, &config->item, "console.listen",
                    "console.listen: without `auth` the API answers 403 on %s; listen on 127.0.0.1 or "
                    "unix:/path, or set `auth`",
                    listen);
}

void absent_append(struct buffer *out, const struct config *config)
{
    absent_append_console(out, config);
    for (size_t i = 0; i < config->services.count; i++) {
        absent_append_service(out, "services", &config->services.items[i]);
        absent_append_tls(out, &config->services.items[i]);
    }
    for (size_t i = 0; i < config->templates.count; i++)
        absent_append_service(out, "templates", &config->templates.items[i].service);
    for (size_t i = 0; i < config->routes.count; i++)
        if (config->routes.items[i].files && config->routes.items[i].fallback)
            absent_append_fallback(out, &config->routes.items[i]);
    for (size_t i = 0; i < config->routes.count; i++)
        if (config->routes.items[i].events.file)
            absent_append_events(out, config, &config->routes.items[i]);
    for (size_t i = 0; i < config->routes.count; i++)
        if (config->routes.items[i].terminal && route_terminal_is_local(config, &config->routes.items[i]))
            absent_append_terminal(out, config, &config->routes.items[i]);
}
