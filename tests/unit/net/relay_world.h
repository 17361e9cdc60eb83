/* A relay between two connections whose far ends the test plays. Header-only, as support.h. */
#pragma once

#include "../support.h"

#include "net/listener.h"
#include "net/relay.h"

enum { BLOCK = 65536, RANDOM_SIZE = 1500000 /* of each direction of a random conversation */ };

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct relay *relay;
    int far[2]; /* the test's ends: client behind side a, backend behind side b */
    int ends;
    enum relay_end end;
    bool destroy_at_end;
    uint64_t tapped[2];
    uint64_t tap_refuses_at; /* 0: never */
    uint64_t tap_hash[2];
    struct slice tap_inserts; /* before the next tapped slice */
    struct pipes *pipes;
    bool all_unseen;
    bool holds_back;
    bool has_kept[2];
    char kept[2];
    uint64_t random, span[2], unseen[2];
    size_t foreseen; /* so many bytes are once, and five behind them pass unseen */
};

static inline uint64_t hash_of(uint64_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    return hash;
}

/* Keeps the last byte of some pieces until the next one: what a tap may do. */
static inline void hold_back(struct world *world, enum relay_direction direction, struct relay_piece *bytes)
{
    if (!world->holds_back)
        return;
    char last = bytes->data[bytes->size - 1];
    if (world->has_kept[direction]) {
        bytes->data--;
        bytes->size++;
        bytes->data[0] = world->kept[direction];
    }
    uint64_t seen = world->tapped[direction] + world->unseen[direction];
    world->has_kept[direction] = seen % 3 == 0 && seen < RANDOM_SIZE;
    world->kept[direction] = last;
    bytes->size -= world->has_kept[direction];
}

static inline uint64_t draw(struct world *world)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return world->random >> 33;
}

/* Spans of random sizes pass unseen, some of them behind a head that is foreseen. */
static inline uint64_t unseen(void *owner, enum relay_direction direction, size_t *look)
{
    struct world *world = owner;
    if (world->all_unseen)
        return UINT64_MAX;
    if (world->has_kept[direction])
        return 0;
    if (world->foreseen > 0)
        *look = 14;
    else if (world->span[direction] == 0 && world->random > 0) {
        uint64_t drawn = draw(world);
        if (drawn % 3 == 0)
            world->span[direction] = 1 + drawn / 3 % 300000;
        else if (drawn % 3 == 1)
            *look = 14;
    }
    return world->span[direction];
}

static inline size_t foresee(void *owner, enum relay_direction direction, struct slice bytes)
{
    struct world *world = owner;
    size_t size = world->foreseen;
    assert_true(bytes.size > 0 && bytes.size <= 14);
    world->foreseen = 0;
    world->span[direction] = 5;
    if (size == 0) {
        uint64_t drawn = draw(world);
        size = drawn % 3 ? 1 + drawn / 3 % bytes.size : 0;
        world->span[direction] = size ? 1 + draw(world) % 300000 : 0;
    }
    world->tapped[direction] += size;
    return size;
}

static inline void on_unseen(void *owner, enum relay_direction direction, size_t count)
{
    struct world *world = owner;
    assert_true(world->all_unseen || count <= world->span[direction]);
    world->span[direction] -= world->all_unseen ? 0 : count;
    world->unseen[direction] += count;
}

static inline bool tap(void *owner, enum relay_direction direction, struct relay_piece *bytes)
{
    struct world *world = owner;
    if (world->tap_inserts.size > 0) {
        relay_insert(world->relay, direction, world->tap_inserts);
        world->tap_inserts = (struct slice){0};
    }
    world->tapped[direction] += bytes->size;
    world->tap_hash[direction] = hash_of(world->tap_hash[direction], bytes->data, bytes->size);
    hold_back(world, direction, bytes);
    return !world->tap_refuses_at || world->tapped[direction] < world->tap_refuses_at;
}

static inline void on_end(void *owner, enum relay_end end)
{
    struct world *world = owner;
    world->ends++;
    world->end = end;
    if (world->destroy_at_end)
        relay_destroy(&world->relay);
}

/* Connected loopback TCP; the kernel picks the port. */
static inline void make_tcp_pair(int pair[2])
{
    struct address address;
    assert_true(address_parse(SLICE("127.0.0.1:0"), &address, NULL));
    int listener = listener_bind(&address);
    assert_int_equal(address_of_socket(listener, &address), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[1], &address.any, address.size), 0);
    settle_loopback();
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
}

static inline void open_world(struct world *world, int form, const struct relay_settings *changes)
{
    struct relay_settings settings = *changes;
    bool tcp = form & 1, all_unseen = form & 2;
    if (all_unseen)
        settings.pipes = pipes_new();
    struct stream *streams[2];
    settings.on_end = on_end;
    settings.tap = tap;
    *world = (struct world){.clock = FAKE_CLOCK(1000000), .tap_hash = {1, 1}, .pipes = settings.pipes};
    world->all_unseen = all_unseen;
    world->loop = loop_new(&world->clock.clock);
    if (settings.pipes) {
        settings.unseen = unseen;
        settings.on_unseen = on_unseen;
        settings.foresee = foresee;
    }
    for (int i = 0; i < 2; i++) {
        int pair[2];
        if (tcp)
            make_tcp_pair(pair);
        else
            make_pair(SOCK_STREAM, pair);
        streams[i] = stream_new(world->loop, pair[0], NULL, NULL);
        world->far[i] = pair[1];
    }
    world->relay = relay_start(streams[0], streams[1], SLICE(""), SLICE(""), &settings, world);
}

static inline void close_far(struct world *world, int i)
{
    if (world->far[i] >= 0)
        close(world->far[i]);
    world->far[i] = -1;
}

static inline void close_world(struct world *world)
{
    relay_destroy(&world->relay);
    close_far(world, 0);
    close_far(world, 1);
    loop_free(&world->loop);
    pipes_free(&world->pipes);
}

static inline void reset_far(struct world *world, int i)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(world->far[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_far(world, i);
}
