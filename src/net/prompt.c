#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/prompt.h"

/* The one that every kernel has and allows everybody (tcp(7), tcp_allowed_congestion_control). */
static const char unpaced[] = "reno";

void prompt_set(int fd, const struct address *peer)
{
    const int on = 1;
    if (peer->any.sa_family != AF_INET && peer->any.sa_family != AF_INET6)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address_is_local(peer))
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced, sizeof unpaced - 1);
}
