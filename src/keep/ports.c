/* One bit per port of the machine, so that fixed ports inside the range are never handed out either. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/ports.h"

struct ports {
    uint16_t first;
    uint16_t last;
    uint16_t next;
    uint8_t taken[65536 / 8];
};

struct ports *ports_new(uint16_t first, uint16_t last, uint32_t seed)
{
    CHECK(first > 0 && first <= last);
    struct ports *ports = MEMORY_NEW(struct ports);
    ports->first = first;
    ports->next = (uint16_t)(first + seed % ((unsigned)(last - first) + 1));
    ports->last = last;
    return ports;
}

void ports_free(struct ports **ports)
{
    free(*ports);
    *ports = NULL;
}

void ports_reserve(struct ports *ports, uint16_t port)
{
    ports->taken[port / 8] |= (uint8_t)(1u << (port % 8));
    if (port >= ports->next && port <= ports->last)
        ports->next = port == ports->last ? ports->first : (uint16_t)(port + 1);
}

void ports_exchange(struct ports *ports, uint16_t old, uint16_t new)
{
    if (old)
        ports_release(ports, old);
    if (new)
        ports_reserve(ports, new);
}

uint32_t ports_seed(const char *state_directory)
{
    uint32_t hash = 2166136261u;
    for (const char *at = state_directory; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash;
}

void ports_release(struct ports *ports, uint16_t port)
{
    ports->taken[port / 8] &= (uint8_t) ~(1u << (port % 8));
}

static bool ports_is_taken(const struct ports *ports, uint16_t port)
{
    return ports->taken[port / 8] & (1u << (port % 8));
}

bool ports_bindable(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* Without SO_REUSEADDR, as the plainest program would bind it: TIME_WAIT counts as in use. */
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    bool free_now = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return free_now;
}

uint16_t ports_take(struct ports *ports)
{
    unsigned count = (unsigned)(ports->last - ports->first) + 1;
    for (unsigned i = 0; i < count; i++) {
        uint16_t port = ports->next;
        if (!ports_is_taken(ports, port) && ports_bindable(port)) {
            ports_reserve(ports, port);
            return port;
        }
        ports->next = port == ports->last ? ports->first : (uint16_t)(port + 1);
    }
    return 0;
}

bool ports_take_for(struct ports *ports, const struct config_service_listen *listen, uint16_t *port,
                    struct error *error)
{
    *port = 0;
    if (listen->kind != CONFIG_LISTEN_TCP || listen->port)
        return true;
    *port = ports_take(ports);
    return *port || error_set(error, "no port of `ports: %u-%u` is free", ports->first, ports->last);
}
