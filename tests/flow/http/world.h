/* A server with the routes of routes.h on a loop whose clock the test moves, and clients on socket pairs
 * whose bytes the test writes and reads itself. */
#pragma once

#include <arpa/inet.h>

#include "routes.h"

static const struct address world_peer = {.local = {.sun_family = AF_UNIX}, .size = sizeof(sa_family_t)};

static void world_record(void *owner, const struct http_record *record)
{
    struct world *world = owner;
    world->records++;
    world->record = *record;
}

static void world_drained(void *owner)
{
    ((struct world *)owner)->drained++;
}

static UNUSED void world_open(struct world *world)
{
    *world = (struct world){.clock = FAKE_CLOCK(1000000000), .body_limit = -1};
    world->loop = loop_new(&world->clock.clock);
    const struct http_server_settings settings = {
        .head_limit = 32 * 1024,
        .target_limit = 8 * 1024,
        .head_ms = 10000,
        .idle_ms = 75000,
        .stall_ms = 60000,
        .on_request = world_request,
        .on_record = world_record,
        .on_drained = world_drained,
        .owner = world,
    };
    world->server = http_server_new(world->loop, &settings);
}

static UNUSED void world_close(struct world *world)
{
    http_server_free(&world->server);
    loop_free(&world->loop);
}

/* --- clients ------------------------------------------------------------------------------------------ */

struct client {
    int fd;
    struct buffer received;
    bool ended; /* end of stream or reset */
    int error;  /* 0: an orderly end */
};

static UNUSED void client_open(struct world *world, struct client *client)
{
    int pair[2];
    make_pair(SOCK_STREAM, pair);
    http_server_accept(world->server, pair[1], &world_peer, 0);
    *client = (struct client){.fd = pair[0], .received = BUFFER(RECEIVED_MOST)};
}

/* Over loopback, where closing in front of unread bytes makes a reset that destroys what is on its way. */
static UNUSED void client_open_tcp(struct world *world, struct client *client)
{
    struct address address = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                              .size = sizeof(struct sockaddr_in)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, &address.any, address.size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, &address.any, &address.size), 0);
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .received = BUFFER(RECEIVED_MOST)};
    assert_int_equal(connect(client->fd, &address.any, address.size), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    close(listener);
    http_server_accept(world->server, fd, &address, 0);
}

static UNUSED void client_close(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    buffer_free(&client->received);
}

static void client_read(struct client *client)
{
    while (!client->ended) {
        char *place = buffer_reserve(&client->received, 65536);
        ssize_t got = read(client->fd, place, 65536);
        if (got > 0) {
            buffer_added(&client->received, (size_t)got);
        } else {
            client->ended = got == 0 || errno != EAGAIN;
            client->error = got < 0 && client->ended ? errno : 0;
            return;
        }
    }
}

/* Writes all of it, reading what comes meanwhile. */
static UNUSED void client_write(struct world *world, struct client *client, struct slice bytes)
{
    while (bytes.size) {
        ssize_t put = send(client->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN)
            return;
        bytes = slice_from(bytes, put > 0 ? (size_t)put : 0);
        loop_step(world->loop, 0);
        client_read(client);
    }
}

static UNUSED void client_settle(struct world *world, struct client *client)
{
    size_t before;
    do {
        before = buffer_size(&client->received);
        turn_all(world->loop);
        client_read(client);
    } while (buffer_size(&client->received) != before);
}

static UNUSED struct slice client_ask(struct world *world, struct client *client, struct slice bytes)
{
    buffer_clear(&client->received);
    client_write(world, client, bytes);
    client_settle(world, client);
    return buffer_slice(&client->received);
}

static UNUSED void world_advance(struct world *world, int64_t ms)
{
    world->clock.now_us += ms * 1000;
    turn_all(world->loop);
}

/* --- a server and one client of it, for a test of its own --------------------------------------------- */

struct meeting {
    struct world world;
    struct client client;
};

static UNUSED int meeting_set_up(void **state)
{
    static struct meeting meeting;
    world_open(&meeting.world);
    client_open(&meeting.world, &meeting.client);
    *state = &meeting;
    return 0;
}

static UNUSED int meeting_tear_down(void **state)
{
    struct meeting *meeting = *state;
    client_close(&meeting->client);
    world_close(&meeting->world);
    return 0;
}

/* Begins such a test. */
#define MEET(world, client, state)                                                                           \
    struct world *world = &((struct meeting *)*state)->world;                                                \
    struct client *client = &((struct meeting *)*state)->client
#define MEETING(test) cmocka_unit_test_setup_teardown(test, meeting_set_up, meeting_tear_down)
