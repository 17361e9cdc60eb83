#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/check.h"

#include "http/connection.h"
#include "http/deadline.h"

enum { LINGER_MS = 1000 };

/* The kernel reports room only when much of it is free. A slow reader's progress shows earlier in the length
 * of the send queue, so a blocked stream gets a look at that halfway. */
static int64_t stall_us(const struct connection *connection)
{
    int64_t stall = connection->server->settings.stall_ms * 1000;
    return connection->exchange->out.blocked && connection->queued < 0 ? stall / 2 : stall;
}

int64_t deadline_of(const struct connection *connection)
{
    const struct http_server_settings *settings = &connection->server->settings;
    switch (connection->state) {
    case CONNECTION_IDLE:
        return connection->since_us + settings->idle_ms * 1000;
    case CONNECTION_HEAD:
        return connection->since_us + settings->head_ms * 1000;
    case CONNECTION_EXCHANGE:
        if (!connection->exchange->wants_body && !connection->exchange->out.blocked)
            return 0;
        return connection->since_us + stall_us(connection);
    case CONNECTION_FLUSHING:
    case CONNECTION_DROPPING:
        return connection->since_us + stall_us(connection);
    case CONNECTION_LINGERING:
        return connection->since_us + LINGER_MS * 1000;
    case CONNECTION_CLOSED:
        return 0;
    }
    UNREACHABLE();
}

bool deadline_moves(struct connection *connection)
{
    const struct exchange *exchange = connection->exchange;
    int queued = 0;
    if (!exchange || !exchange->out.blocked || ioctl(stream_fd(connection->stream), SIOCOUTQ, &queued))
        return false;
    bool first = connection->queued < 0;
    bool moved = queued < connection->queued;
    connection->queued = queued;
    if (moved)
        connection->since_us = loop_now_us(connection->server->loop);
    return first || moved;
}
