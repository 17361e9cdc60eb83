#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "net/address.h"
#include "net/silence.h"

enum {
    IDLE_LEAST_S = 1,
    IDLE_MOST_S = 3600,
    BETWEEN_S = 5,
    PROBES = 4,       /* without an answer: gone */
    PROBES_DOUBT = 2, /* one may be under way */
};

static void set(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

void silence_ask(int fd, int64_t idle_ms)
{
    struct address peer = {.size = sizeof(struct sockaddr_un)};
    int64_t idle_s = idle_ms / 1000;
    if (getpeername(fd, &peer.any, &peer.size) < 0 || address_is_local(&peer))
        return;
    if (idle_s < IDLE_LEAST_S)
        idle_s = IDLE_LEAST_S;
    if (idle_s > IDLE_MOST_S)
        idle_s = IDLE_MOST_S;
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)idle_s);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, BETWEEN_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

bool silence_is_suspect(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
        size < offsetof(struct tcp_info, tcpi_backoff))
        return false;
    return info.tcpi_retransmits > 0 || info.tcpi_probes >= PROBES_DOUBT;
}
