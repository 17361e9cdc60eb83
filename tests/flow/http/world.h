/* What the flow tests of http share: a server with a few routes of known behaviour, and clients on socket
 * pairs or loopback whose bytes the test writes and reads itself. */
#pragma once

#include "../../unit/support.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "http/server.h"

#define UNUSED __attribute__((unused))

enum { RECEIVED_MOST = 256 * 1024 * 1024 };

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct http_server *server;
    int requests;
    int gone;
    int drained;
    int records;
    struct http_record record; /* the latest; only numbers are valid later */
    struct exchange *held;     /* of /hold, /sink and the like: what the test answers itself */
    int64_t body_limit;
};

static const struct address world_peer = {.local = {.sun_family = AF_UNIX}, .size = sizeof(sa_family_t)};

/* --- routes ----------------------------------------------------------------------------------------- */

/* /echo: the body comes back, collected and then sent whole; /pipe: sent while it comes, length unknown. */
struct echo {
    struct world *world;
    struct exchange *exchange;
    struct buffer body;
    bool piped;
    bool ended;
};

static void echo_free(struct echo *echo)
{
    buffer_free(&echo->body);
    free(echo);
}

static void world_problem(struct exchange *exchange, int status)
{
    const struct exchange_field field = {SLICE("Content-Type"), SLICE("application/problem+json")};
    exchange_reply(exchange, status, &field, 1, SLICE("{\"type\":\"urn:reeve:problem:x\"}"));
}

static void echo_step(void *owner);

static void echo_gone(void *owner)
{
    struct echo *echo = owner;
    echo->world->gone++;
    echo_free(echo);
}

static const struct exchange_events echo_events = {
    .on_body = echo_step, .on_room = echo_step, .on_gone = echo_gone};

static bool echo_send(struct echo *echo)
{
    struct slice rest = buffer_slice(&echo->body);
    if (!echo->piped || rest.size == 0)
        return true;
    ssize_t taken = exchange_write(echo->exchange, rest.data, rest.size);
    if (taken > 0)
        buffer_consume(&echo->body, (size_t)taken);
    return taken == (ssize_t)rest.size;
}

static void echo_end(struct echo *echo)
{
    if (echo->piped)
        exchange_end(echo->exchange);
    else
        exchange_reply(echo->exchange, 200, NULL, 0, buffer_slice(&echo->body));
    echo_free(echo);
}

static void echo_step(void *owner)
{
    struct echo *echo = owner;
    for (;;) {
        if (!echo_send(echo))
            return;
        if (echo->ended) {
            echo_end(echo);
            return;
        }
        size_t size = echo->piped ? 65536 : 1000;
        char *place = buffer_reserve(&echo->body, size);
        ssize_t got = exchange_read(echo->exchange, place, size);
        if (got == -EAGAIN)
            return;
        if (got < 0) {
            struct exchange *exchange = echo->exchange;
            echo_free(echo);
            world_problem(exchange, got == -EFBIG ? 413 : 400);
            return;
        }
        buffer_added(&echo->body, (size_t)got);
        echo->ended = got == 0;
    }
}

static void echo_start(struct world *world, struct exchange *exchange, bool piped)
{
    struct echo *echo = MEMORY_NEW(struct echo);
    *echo = (struct echo){world, exchange, BUFFER(RECEIVED_MOST), piped, false};
    exchange_set_events(exchange, &echo_events, echo);
    if (piped)
        CHECK(exchange_head(exchange, 200, NULL, 0, EXCHANGE_LENGTH_UNKNOWN));
    echo_step(echo);
}

/* /large?N and /stream?N: N bytes, of known and unknown length. */
struct large {
    struct world *world;
    struct exchange *exchange;
    size_t left;
};

static char large_byte(size_t left)
{
    return (char)('a' + left % 23);
}

static void large_room(void *owner)
{
    struct large *large = owner;
    char bytes[50000];
    while (large->left) {
        size_t size = large->left < sizeof bytes ? large->left : sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = large_byte(large->left - i);
        ssize_t taken = exchange_write(large->exchange, bytes, size);
        if (taken < 0)
            return;
        large->left -= (size_t)taken;
        if ((size_t)taken < size)
            return;
    }
    exchange_end(large->exchange);
    free(large);
}

static void large_gone(void *owner)
{
    struct large *large = owner;
    large->world->gone++;
    free(large);
}

static const struct exchange_events large_events = {.on_room = large_room, .on_gone = large_gone};

static void large_start(struct world *world, struct exchange *exchange, bool known)
{
    uint64_t size = 0;
    CHECK(slice_to_u64(exchange_request(exchange)->query, &size));
    struct large *large = MEMORY_NEW(struct large);
    *large = (struct large){world, exchange, size};
    exchange_set_events(exchange, &large_events, large);
    CHECK(exchange_head(exchange, 200, NULL, 0, known ? (int64_t)size : EXCHANGE_LENGTH_UNKNOWN));
    large_room(large);
}

static void held_gone(void *owner)
{
    struct world *world = owner;
    world->held = NULL;
    world->gone++;
}

static const struct exchange_events held_events = {.on_gone = held_gone};

static void world_request(void *owner, struct exchange *exchange)
{
    struct world *world = owner;
    const struct exchange_request *request = exchange_request(exchange);
    world->requests++;
    if (exchange_limit_body(exchange, world->body_limit))
        world_problem(exchange, 413);
    else if (slice_equal(request->path, SLICE("/echo")))
        echo_start(world, exchange, false);
    else if (slice_equal(request->path, SLICE("/pipe")))
        echo_start(world, exchange, true);
    else if (slice_equal(request->path, SLICE("/large")))
        large_start(world, exchange, true);
    else if (slice_equal(request->path, SLICE("/stream")))
        large_start(world, exchange, false);
    else if (slice_equal(request->path, SLICE("/hold"))) {
        world->held = exchange;
        exchange_set_events(exchange, &held_events, world);
    } else if (slice_equal(request->path, SLICE("/target"))) {
        exchange_reply(exchange, 200, NULL, 0, request->head->target);
    } else {
        const struct exchange_field field = {SLICE("Content-Type"), SLICE("text/plain")};
        exchange_reply(exchange, 200, &field, 1, SLICE("hello"));
    }
}

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
};

static UNUSED void client_open(struct world *world, struct client *client)
{
    int pair[2];
    make_pair(SOCK_STREAM, pair);
    http_server_accept(world->server, pair[1], &world_peer, 0);
    *client = (struct client){.fd = pair[0], .received = BUFFER(RECEIVED_MOST)};
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

/* --- answers ------------------------------------------------------------------------------------------- */

struct answer {
    int status;
    struct slice head; /* with its empty line */
    struct slice body; /* unframed */
    size_t size;       /* of all */
};

static size_t find_text(struct slice bytes, const char *text)
{
    const char *found = bytes.size ? memmem(bytes.data, bytes.size, text, strlen(text)) : NULL;
    return found ? (size_t)(found - bytes.data) : SIZE_MAX;
}

static bool head_has(struct slice head, const char *text)
{
    return find_text(head, text) != SIZE_MAX;
}

/* The first answer in the bytes; false: it is not complete. Chunks are joined into `memory` (or the body is
 * left as it came when that is NULL). */
static UNUSED bool answer_read(struct slice bytes, bool no_body, struct buffer *memory, struct answer *answer)
{
    size_t end = find_text(bytes, "\r\n\r\n");
    if (end == SIZE_MAX)
        return false;
    *answer = (struct answer){.head = slice_between(bytes, 0, end + 4), .size = end + 4};
    assert_true(slice_starts_with(bytes, SLICE("HTTP/1.1 ")));
    answer->status = atoi(bytes.data + 9);
    struct slice rest = slice_from(bytes, end + 4);
    size_t place = find_text(answer->head, "Content-Length: ");
    if (no_body)
        return true;
    if (place != SIZE_MAX) {
        size_t length = strtoul(answer->head.data + place + 16, NULL, 10);
        answer->body = slice_between(rest, 0, length);
        answer->size += length;
        return rest.size >= length;
    }
    if (!head_has(answer->head, "Transfer-Encoding: chunked")) {
        answer->body = rest;
        answer->size = bytes.size;
        return true;
    }
    for (;;) {
        size_t line = find_text(rest, "\r\n");
        if (line == SIZE_MAX)
            return false;
        size_t length = strtoul(rest.data, NULL, 16);
        if (rest.size < line + 2 + length + 2)
            return false;
        if (memory)
            buffer_append(memory, slice_between(rest, line + 2, line + 2 + length));
        rest = slice_from(rest, line + 2 + length + 2);
        if (length == 0)
            break;
    }
    if (memory)
        answer->body = buffer_slice(memory);
    answer->size = (size_t)(rest.data - bytes.data);
    return true;
}
