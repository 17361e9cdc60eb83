/* It begs nobody's port: what is in use is somebody else's, and the next one does as well. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/listener.h"

#include "keep/console.h"

enum { CONSOLE_HIGHEST_PORT = 65535 };

bool console_place(const struct listeners *listeners, unsigned nth, struct address *address)
{
    for (size_t i = 0; i < listeners->count; i++) {
        unsigned port = address_port(&listeners->addresses[i]);
        if (!port || i == listeners->console)
            continue;
        port += 1 + nth;
        *address = (struct address){.size = sizeof address->v4};
        address->v4.sin_family = AF_INET;
        address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address->v4.sin_port = htons((uint16_t)port);
        return nth < CONSOLE_PLACES && port <= CONSOLE_HIGHEST_PORT;
    }
    return false;
}

bool console_fits(const struct listeners *listeners, const struct address *address)
{
    struct address place;
    for (unsigned nth = 0; console_place(listeners, nth, &place); nth++)
        if (address_equal(&place, address))
            return true;
    return false;
}

void console_open(struct listeners *listeners, const struct log *log)
{
    struct address place;
    int fd = -1;
    if (listeners->console != LISTENERS_NONE || !console_place(listeners, 0, &place))
        return;
    for (unsigned nth = 0; fd < 0 && console_place(listeners, nth, &place); nth++)
        fd = listener_bind(&place);
    if (fd >= 0) {
        listeners_add_console(listeners, &place, fd);
        return;
    }
    console_place(listeners, 0, &place);
    log_warning(log, "no console: `console.listen` says where it can be",
                LOG_NUMBER("first_port", address_port(&place)), LOG_NUMBER("tried", CONSOLE_PLACES),
                LOG_TEXT("error", strerror(-fd)));
}

bool console_url(const struct listeners *listeners, const struct config *config, char *url, size_t size)
{
    char text[ADDRESS_TEXT_SIZE];
    if (listeners->console == LISTENERS_NONE)
        return false;
    const struct address *address = &listeners->addresses[listeners->console];
    address_format(address, text);
    bool any = strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]:", 5) == 0;
    if (any)
        snprintf(url, size, "http://127.0.0.1%s%s", strrchr(text, ':'), config->console.path);
    else if (address->any.sa_family == AF_UNIX)
        snprintf(url, size, "%s", text);
    else
        snprintf(url, size, "http://%s%s", text, config->console.path);
    return true;
}

json_t *console_describe(const struct listeners *listeners, const struct config *config)
{
    json_t *allow = json_array();
    for (size_t i = 0; i < config->console.allow.count; i++)
        json_array_append_new(allow, json_string(config->console.allow.items[i]));
    bool open = config->auth.method == CONFIG_AUTH_NONE && listeners &&
                listeners->console != LISTENERS_NONE &&
                address_is_local(&listeners->addresses[listeners->console]);
    return json_pack("{s:s, s:o, s:b, s:b}", "path", config->console.path, "allow", allow, "open", open,
                     "auth", config->auth.method != CONFIG_AUTH_NONE);
}
