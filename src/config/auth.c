#include "config/addresses.h"
#include "config/auth.h"
#include "config/errors.h"

static void auth_verify_listeners(struct load *load)
{
    const struct config_listeners *listeners = &load->config->listeners;
    for (size_t i = 0; i < listeners->count; i++) {
        const struct config_listener *listener = &listeners->items[i];
        if (!listener->address || listener->insecure || addresses_stay_here(listener->address))
            continue;
        errors_add(
            load->errors, config_place_of(&listener->item, "address"),
            "listen[%zu].address: with auth.method: password, passwords would come to %s in clear text; "
            "listen on 127.0.0.1 behind something that serves HTTPS, or write insecure: true beside "
            "this address to do it knowingly",
            i, listener->address);
    }
}

void auth_verify(struct load *load)
{
    struct config_auth *auth = &load->config->auth;
    if (!auth->users)
        auth->users = load_absolute(load, load->config->directory, SLICE("users"));
    if (auth->method == CONFIG_AUTH_PASSWORD && !load->refused)
        auth_verify_listeners(load);
}
