#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/addresses.h"
#include "config/console.h"
#include "config/errors.h"

enum { CONSOLE_PATH_MOST = 100 };

static void console_verify_path(struct load *load)
{
    struct config_console *console = &load->config->console;
    const struct config_place place = config_place_of(&load->config->item, "console.path");
    if (!console->path || !console->path[0])
        return;
    if (strlen(console->path) > CONSOLE_PATH_MOST)
        errors_add(load->errors, place, "console.path: it has at most %d characters", CONSOLE_PATH_MOST);
    else if (strpbrk(console->path, "*{}?%") || strstr(console->path, "//"))
        errors_add(load->errors, place, "console.path: %s is to be plain: no *, {}, ?, %% or //",
                   console->path);
    else if (strcmp(console->path, "/") == 0)
        errors_add(load->errors, place,
                   "console.path: / would take /api/v1/ from the routes; name a folder, such as /_reeve/");
    else if (console->path[strlen(console->path) - 1] != '/') {
        char *whole = memory_format("%s/", console->path);
        console->path = load_text(load, slice_of_text(whole));
        free(whole);
    }
}

static void console_verify_listen(struct load *load)
{
    const struct config *config = load->config;
    const char *listen = config->console.listen;
    const struct config_place place = config_place_of(&config->item, "console.listen");
    for (size_t i = 0; i < config->listeners.count; i++)
        if (config->listeners.items[i].address && strcmp(config->listeners.items[i].address, listen) == 0)
            errors_add(
                load->errors, place,
                "console.listen: %s is listened on by listen[%zu] already; the console needs an origin "
                "of its own",
                listen, i);
    if (config->auth.method == CONFIG_AUTH_PASSWORD && !addresses_stay_here(listen))
        errors_add(load->errors, place,
                   "console.listen: with auth.method: password, passwords would come to %s in clear text; "
                   "listen on 127.0.0.1 behind something that serves HTTPS",
                   listen);
}

/* Where it is tried first. */
static void console_choose_listen(struct load *load)
{
    struct config *config = load->config;
    for (size_t i = 0; i < config->listeners.count && !config->console.listen; i++) {
        const char *address = config->listeners.items[i].address;
        const char *colon = address && strncmp(address, "unix:", 5) != 0 ? strrchr(address, ':') : NULL;
        unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
        if (port == 0 || port >= UINT16_MAX)
            continue;
        char *text = memory_format("127.0.0.1:%lu", port + 1);
        config->console.listen = load_text(load, slice_of_text(text));
        free(text);
    }
}

void console_verify(struct load *load)
{
    struct config *config = load->config;
    console_verify_path(load);
    if (!config_is_set(&config->item, "console.listen"))
        console_choose_listen(load);
    else if (config->console.listen) /* else it could not be read */
        console_verify_listen(load);
    if (config_is_set(&config->item, "console.allow"))
        return;
    char **rule = load_append(load, &config->console.allow, sizeof *rule);
    *rule = load_text(load, config->auth.method == CONFIG_AUTH_NONE ? SLICE("anyone") : SLICE("signed-in"));
}
