/* What the connections of one server share: settings, spare exchanges, the date of this second, the drain. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/date.h"

#include "http/connection.h"

/* Exchanges kept for the next request; more than this many are busy only under load. */
enum { SPARE_MOST = 64, HEAD_LIMIT_MOST = 64 * 1024 };

struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings)
{
    CHECK(settings->on_request);
    struct http_server *server = MEMORY_NEW(struct http_server);
    server->loop = loop;
    server->settings = *settings;
    if (server->settings.head_limit > HEAD_LIMIT_MOST)
        server->settings.head_limit = HEAD_LIMIT_MOST;
    list_init(&server->connections);
    list_init(&server->spare);
    return server;
}

void http_server_accept(struct http_server *server, int fd, const struct address *peer, unsigned listener)
{
    connection_open(server, fd, peer, listener);
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

/* --- the drain ---------------------------------------------------------------------------------------- */

static void on_drained(struct loop_task *task)
{
    struct http_server *server = LIST_ENTRY(task, struct http_server, drained_task);
    if (server->connection_count == 0 && server->settings.on_drained)
        server->settings.on_drained(server->settings.owner);
}

void http_server_left(struct http_server *server)
{
    server->connection_count--;
    if (server->draining && server->connection_count == 0)
        loop_task_start(server->loop, &server->drained_task, on_drained);
}

static void on_drain_timer(struct loop_timer *timer)
{
    struct http_server *server = LIST_ENTRY(timer, struct http_server, drain_timer);
    LIST_FOR_EACH(link, &server->connections)
    {
        struct connection *connection = LIST_ENTRY(link, struct connection, link);
        if (connection->state == CONNECTION_IDLE && !connection->exchange)
            connection_cut(connection);
    }
}

void http_server_drain(struct http_server *server, int64_t idle_close_ms)
{
    server->draining = true;
    loop_timer_start(server->loop, &server->drain_timer, idle_close_ms, on_drain_timer);
    if (server->connection_count == 0)
        loop_task_start(server->loop, &server->drained_task, on_drained);
}

void http_server_leave(struct http_server *server, unsigned listener)
{
    LIST_FOR_EACH(link, &server->connections)
    {
        struct connection *connection = LIST_ENTRY(link, struct connection, link);
        if (connection->listener != listener)
            continue;
        connection->last = true;
        if (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD)
            connection_cut(connection);
    }
}

void http_server_free(struct http_server **where)
{
    struct http_server *server = *where;
    if (!server)
        return;
    while (!list_empty(&server->connections))
        connection_cut(LIST_ENTRY(server->connections.next, struct connection, link));
    while (!list_empty(&server->spare)) {
        struct exchange *exchange = LIST_ENTRY(server->spare.next, struct exchange, link);
        list_remove(&exchange->link);
        exchange_free(exchange);
    }
    loop_timer_stop(&server->drain_timer);
    loop_task_stop(&server->drained_task);
    free(server);
    *where = NULL;
}

/* --- spare exchanges ------------------------------------------------------------------------------------ */

struct exchange *http_server_take_exchange(struct http_server *server, struct connection *connection)
{
    struct exchange *exchange;
    if (list_empty(&server->spare)) {
        exchange = exchange_new();
    } else {
        exchange = LIST_ENTRY(server->spare.next, struct exchange, link);
        list_remove(&exchange->link);
        server->spare_count--;
    }
    exchange->connection = connection;
    exchange_begin(exchange);
    return exchange;
}

void http_server_put_exchange(struct http_server *server, struct exchange *exchange)
{
    if (server->spare_count == SPARE_MOST) {
        exchange_free(exchange);
        return;
    }
    exchange_trim(exchange);
    list_prepend(&server->spare, &exchange->link);
    server->spare_count++;
}

/* --- the date ------------------------------------------------------------------------------------------- */

const char *http_server_date(struct http_server *server)
{
    int64_t now = loop_now_us(server->loop);
    if (now >= server->date_until_us) {
        const struct clock *clock = loop_clock(server->loop);
        int64_t wall = clock->wall_ms(clock);
        server->date_until_us = now + (1000 - wall % 1000) * 1000;
        memcpy(server->date, "Date: ", 6);
        date_format(wall / 1000, server->date + 6);
        memcpy(server->date + 6 + DATE_SIZE, "\r\n", 2);
    }
    return server->date;
}
