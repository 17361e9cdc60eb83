/* Routes of known behaviour for the flow tests of http. */
#pragma once

#include "answer.h"

#include "base/check.h"
#include "base/memory.h"
#include "http/server.h"

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
