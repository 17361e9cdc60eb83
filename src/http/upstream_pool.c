/* Idle connections: the latest one is used first, so that those which are not needed grow old and are closed.
 *
 * Each is watched while it is idle: whatever becomes readable on it, an end or bytes that nobody asked for,
 * ends it. So a dead connection is rarely offered to a call. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "http/upstream_pool.h"

struct slot {
    struct list link;
    struct list idle; /* the latest first */
    int count;
    struct upstream_peer peer; /* with a share of its policy */
};

struct idle {
    struct list in_slot;
    struct list in_pool;
    struct upstream_pool *pool;
    struct slot *slot;
    struct stream *stream;
    int64_t since_us;
};

static struct slot *find_slot(struct upstream_pool *pool, const struct upstream_peer *peer)
{
    LIST_FOR_EACH(link, &pool->slots)
    {
        struct slot *slot = LIST_ENTRY(link, struct slot, link);
        if (slot->peer.tls != peer->tls || !address_equal(&slot->peer.address, &peer->address))
            continue;
        if (link != pool->slots.next) {
            list_remove(link);
            list_prepend(&pool->slots, link);
        }
        return slot;
    }
    return NULL;
}

static void free_slot(struct slot *slot)
{
    list_remove(&slot->link);
    tls_policy_release(&slot->peer.tls);
    free(slot);
}

/* Takes the connection out; the stream is the caller's. */
static struct stream *release(struct idle *idle)
{
    struct stream *stream = idle->stream;
    list_remove(&idle->in_slot);
    list_remove(&idle->in_pool);
    idle->slot->count--;
    list_prepend(&idle->pool->spare_idle, &idle->in_pool);
    return stream;
}

static void discard(struct idle *idle)
{
    struct slot *slot = idle->slot;
    struct stream *stream = release(idle);
    stream_close(&stream);
    if (slot->count == 0)
        free_slot(slot);
}

static void on_readable(void *owner)
{
    struct idle *idle = owner;
    char byte;
    if (stream_read(idle->stream, &byte, 1) !=
        -EAGAIN) /* nothing: the last read of a call did not find out */
        discard(idle);
}

static const struct stream_events idle_events = {.on_readable = on_readable};

static void on_due(struct loop_timer *timer);

static void arm(struct upstream_pool *pool)
{
    if (list_empty(&pool->idle) || loop_timer_armed(&pool->timer))
        return;
    const struct idle *oldest = LIST_ENTRY(pool->idle.next, struct idle, in_pool);
    int64_t age_ms = (loop_now_us(pool->loop) - oldest->since_us) / 1000;
    loop_timer_start(pool->loop, &pool->timer, pool->settings.idle_ms - age_ms, on_due);
}

static void on_due(struct loop_timer *timer)
{
    struct upstream_pool *pool = LIST_ENTRY(timer, struct upstream_pool, timer);
    int64_t limit = loop_now_us(pool->loop) - pool->settings.idle_ms * 1000;
    while (!list_empty(&pool->idle)) {
        struct idle *oldest = LIST_ENTRY(pool->idle.next, struct idle, in_pool);
        if (oldest->since_us > limit)
            break;
        discard(oldest);
    }
    arm(pool);
}

struct stream *upstream_pool_take(struct upstream_pool *pool, const struct upstream_peer *peer, bool careful)
{
    struct slot *slot = find_slot(pool, peer);
    while (slot && slot->count > 0) {
        struct stream *stream = release(LIST_ENTRY(slot->idle.next, struct idle, in_slot));
        if (!stream_peer_ended(stream) && (!careful || stream_is_quiet(stream)))
            return stream;
        stream_close(&stream);
    }
    return NULL;
}

static struct idle *take_idle(struct upstream_pool *pool)
{
    if (list_empty(&pool->spare_idle))
        return MEMORY_NEW(struct idle);
    struct idle *idle = LIST_ENTRY(pool->spare_idle.next, struct idle, in_pool);
    list_remove(&idle->in_pool);
    return idle;
}

void upstream_pool_put(struct upstream_pool *pool, const struct upstream_peer *peer, struct stream *stream)
{
    struct slot *slot = find_slot(pool, peer);
    if ((slot && slot->count >= pool->settings.most_idle) || pool->settings.most_idle <= 0) {
        stream_close(&stream);
        return;
    }
    if (!slot) {
        slot = MEMORY_NEW(struct slot);
        slot->peer = *peer;
        if (peer->tls)
            tls_policy_share(peer->tls);
        list_init(&slot->idle);
        list_prepend(&pool->slots, &slot->link);
    }
    struct idle *idle = take_idle(pool);
    *idle = (struct idle){.pool = pool, .slot = slot, .stream = stream, .since_us = loop_now_us(pool->loop)};
    list_prepend(&slot->idle, &idle->in_slot);
    list_append(&pool->idle, &idle->in_pool);
    slot->count++;
    stream_set_events(stream, &idle_events, idle);
    stream_want_write(stream, false);
    stream_want_read(stream, true);
    arm(pool);
}

static void empty_slot(struct slot *slot)
{
    int count = slot->count;
    if (count == 0)
        free_slot(slot);
    for (; count > 0; count--) /* the last one takes the slot with it */
        discard(LIST_ENTRY(slot->idle.next, struct idle, in_slot));
}

void upstream_pool_forget(struct upstream_pool *pool, const struct address *address)
{
    LIST_FOR_EACH(link, &pool->slots)
    {
        struct slot *slot = LIST_ENTRY(link, struct slot, link);
        if (address_equal(&slot->peer.address, address))
            empty_slot(slot);
    }
    upstream_forget_calls(pool, address);
}

struct upstream_pool *upstream_pool_new(struct loop *loop, const struct upstream_pool_settings *settings)
{
    struct upstream_pool *pool = MEMORY_NEW(struct upstream_pool);
    *pool = (struct upstream_pool){.loop = loop, .settings = *settings};
    list_init(&pool->slots);
    list_init(&pool->idle);
    list_init(&pool->active);
    list_init(&pool->spare);
    list_init(&pool->spare_idle);
    return pool;
}

/* In the close phase: calls that were closed before it are there by now. */
static void free_pool(void *object)
{
    struct upstream_pool *pool = object;
    upstream_free_spare(pool);
    while (!list_empty(&pool->spare_idle))
        free(take_idle(pool));
    free(pool);
}

void upstream_pool_free(struct upstream_pool **where)
{
    struct upstream_pool *pool = *where;
    *where = NULL;
    if (!pool)
        return;
    CHECK(list_empty(&pool->active));
    while (!list_empty(&pool->slots))
        empty_slot(LIST_ENTRY(pool->slots.next, struct slot, link));
    loop_timer_stop(&pool->timer);
    loop_free_later(pool->loop, pool, free_pool);
}
