/* The row tells what clients see of it; here is what has to be given back. */
#include <unistd.h>

#include "keep/endpoint.h"
#include "keep/socketfile.h"

struct endpoint endpoint_none(void)
{
    return (struct endpoint){.socket = -1};
}

bool endpoint_take(struct endpoint *endpoint, const struct config_service_listen *listen, struct ports *ports,
                   uint16_t *port, struct error *error)
{
    if (!ports_take_for(ports, listen, &endpoint->port, error))
        return false;
    *port = listen->port ? listen->port : endpoint->port;
    return true;
}

void endpoint_adopt(struct endpoint *endpoint, const struct config_service_listen *listen,
                    const char *address, struct ports *ports)
{
    struct address parsed;
    if (listen->port || !address_parse(slice_of_text(address), &parsed, NULL) ||
        parsed.any.sa_family != AF_INET)
        return;
    endpoint->port = ntohs(parsed.v4.sin_port);
    ports_reserve(ports, endpoint->port);
}

bool endpoint_open(struct endpoint *endpoint, struct target_row *row, const struct address *address,
                   const struct endpoint_owners *owners, struct error *error)
{
    char text[ADDRESS_TEXT_SIZE];
    if (address->any.sa_family != AF_UNIX) {
        row_set_address(row, address_format(address, text));
        return true;
    }
    endpoint->socket = socketfile_open(address->local.sun_path, owners->user, owners->gates_group, error);
    row->socket = endpoint->socket >= 0;
    return row->socket;
}

void endpoint_close(struct endpoint *endpoint, struct target_row *row)
{
    if (endpoint->socket >= 0)
        close(endpoint->socket);
    endpoint->socket = -1;
    row->socket = false;
}

void endpoint_clear(struct endpoint *endpoint, struct target_row *row, struct ports *ports)
{
    if (endpoint->port)
        ports_release(ports, endpoint->port);
    endpoint->port = 0;
    endpoint_close(endpoint, row);
    row_set_address(row, "");
}
