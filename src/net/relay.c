/* Two pumps over two streams.
 *
 * Each direction ("flow") is read by its source side and written to the other, its sink; its state belongs to
 * the source. Bytes are read into the loop's scratch memory and written at once; only what the sink does not
 * take is copied, and then the source is not read until the copy has left. Bytes that go unseen wait in a
 * pipe instead; a flow has something in its buffer or in its pipe, never in both. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"

#include "net/relay.h"

enum {
    HIGH_WATER_LARGEST = 65536,
    LINGER_MS = 500,           /* without a delivered byte, after a side was lost */
    LINGER_LONGEST_MS = 10000, /* in all */
};

enum flow_state {
    FLOW_OPEN,     /* what the source sends goes to the sink */
    FLOW_FLUSHING, /* the source has ended; what is held still goes to the sink */
    FLOW_DRAINING, /* the sink takes or gets nothing more: what the source sends is dropped until it ends */
    FLOW_ENDED,    /* nothing more comes, and the sink knows */
};

struct side {
    struct relay *relay;
    struct stream *stream;
    struct buffer held; /* read from this side, not yet taken by the other */
    size_t inserted;    /* of these, at the front: put in by relay_insert() */
    struct pipe *pipe;  /* NULL: none is needed */
    size_t piped;       /* read from this side into it, not yet taken by the other */
    size_t foreseen;    /* bytes that come next and count as passed already */
    uint64_t passed;
    enum flow_state state; /* of the flow that starts here */
};

struct relay {
    struct loop *loop;
    struct side sides[2];
    struct relay_settings settings;
    void *owner;
    struct loop_task start;
    struct loop_timer limit;  /* half-close or linger */
    int64_t linger_end_us;    /* 0: no side was lost */
    int64_t linger_delivered; /* bytes delivered when the timer was set */
    enum relay_end reason;
    bool ended;
    bool no_pipes; /* the kernel does not move bytes between these two */
};

static enum relay_direction direction_of(const struct side *side)
{
    return side == &side->relay->sides[0] ? RELAY_A_TO_B : RELAY_B_TO_A;
}

static struct side *other(struct side *side)
{
    return &side->relay->sides[direction_of(side) == RELAY_A_TO_B ? 1 : 0];
}

/* Read from this side, not yet taken by the other. */
static size_t waiting(const struct side *side)
{
    return buffer_size(&side->held) + side->piped;
}

static void give_pipe(struct side *side)
{
    pipes_give(side->relay->settings.pipes, &side->pipe, side->piped);
    side->piped = 0;
}

static enum relay_end broken_reason(const struct side *side)
{
    return direction_of(side) == RELAY_A_TO_B ? RELAY_A_BROKEN : RELAY_B_BROKEN;
}

/* --- the end -------------------------------------------------------------------------------- */

static void release(struct relay *relay)
{
    loop_task_stop(&relay->start);
    loop_timer_stop(&relay->limit);
    for (int i = 0; i < 2; i++) {
        stream_close(&relay->sides[i].stream);
        buffer_free(&relay->sides[i].held);
        give_pipe(&relay->sides[i]);
    }
}

/* The relay may be gone afterwards: every caller returns at once. */
static void end(struct relay *relay, enum relay_end reason)
{
    release(relay);
    relay->ended = true;
    relay->settings.on_end(relay->owner, reason);
}

/* The first reason stays. */
static void note_reason(struct relay *relay, enum relay_end reason)
{
    if (relay->reason == RELAY_ENDED)
        relay->reason = reason;
}

static void end_when_both_have(struct relay *relay)
{
    if (relay->sides[0].state == FLOW_ENDED && relay->sides[1].state == FLOW_ENDED)
        end(relay, relay->reason);
}

static int unsent(const struct stream *stream)
{
    int count = 0;
    ioctl(stream_fd(stream), SIOCOUTQ, &count);
    return count;
}

/* Bytes that both peers have received: what the kernel still keeps for them (unix(7), tcp(7) SIOCOUTQ) does
 * not count, and its shrinking is progress although there is no room for us yet. */
static int64_t delivered(struct relay *relay)
{
    int64_t total = 0;
    for (int i = 0; i < 2; i++)
        total += (int64_t)relay->sides[i].passed - unsent(other(&relay->sides[i])->stream);
    return total;
}

static void on_limit(struct loop_timer *timer);

static void linger(struct relay *relay)
{
    relay->linger_delivered = delivered(relay);
    loop_timer_start(relay->loop, &relay->limit, LINGER_MS, on_limit);
}

static void on_limit(struct loop_timer *timer)
{
    struct relay *relay = LIST_ENTRY(timer, struct relay, limit);
    if (relay->linger_end_us == 0)
        end(relay, RELAY_HALF_CLOSE);
    else if (relay->linger_delivered < delivered(relay) && loop_now_us(relay->loop) < relay->linger_end_us)
        linger(relay);
    else
        end(relay, relay->reason);
}

static void limit_half_close(struct relay *relay)
{
    if (relay->settings.half_close_ms > 0 && !loop_timer_armed(&relay->limit))
        loop_timer_start(relay->loop, &relay->limit, relay->settings.half_close_ms, on_limit);
}

/* --- states --------------------------------------------------------------------------------- */

/* The one place where a flow changes its state; reading follows from it. */
static void set_state(struct side *side, enum flow_state state)
{
    side->state = state;
    bool wanted = state == FLOW_DRAINING || (state == FLOW_OPEN && waiting(side) == 0);
    stream_want_read(side->stream, wanted);
}

static void end_flow(struct side *side)
{
    set_state(side, FLOW_ENDED);
    stream_end(other(side)->stream); /* a sink that is gone does not mind */
    end_when_both_have(side->relay);
}

static void source_ended(struct side *side)
{
    limit_half_close(side->relay);
    if (waiting(side) > 0)
        set_state(side, FLOW_FLUSHING);
    else
        end_flow(side);
}

/* `side` takes no more bytes. What it sent before is still read to its end. */
static void lost(struct side *side)
{
    struct relay *relay = side->relay;
    struct side *source = other(side);
    if (relay->linger_end_us == 0) {
        relay->linger_end_us = loop_now_us(relay->loop) + LINGER_LONGEST_MS * 1000LL;
        linger(relay);
    }
    buffer_free(&source->held);
    give_pipe(source);
    source->inserted = 0;
    if (source->state == FLOW_OPEN)
        set_state(source, FLOW_DRAINING);
    else if (source->state == FLOW_FLUSHING)
        end_flow(source);
}

static void broke(struct side *side)
{
    note_reason(side->relay, broken_reason(side));
    lost(side);
}

/* --- bytes ---------------------------------------------------------------------------------- */

static void hold(struct side *side, struct slice bytes)
{
    CHECK(buffer_append(&side->held, bytes)); /* reads are no larger than high_water */
    set_state(side, side->state);
    stream_want_write(other(side)->stream, true);
}

static void deliver(struct side *side, struct slice bytes)
{
    if (buffer_size(&side->held) > 0) { /* an insert from inside the tap is half-written */
        hold(side, bytes);
        return;
    }
    struct side *sink = other(side);
    ssize_t count = stream_write(sink->stream, bytes.data, bytes.size);
    if (count < 0 && count != -EAGAIN) {
        broke(sink);
        return;
    }
    if (count > 0)
        side->passed += (uint64_t)count;
    if (count < (ssize_t)bytes.size)
        hold(side, slice_from(bytes, count > 0 ? (size_t)count : 0));
}

static void ended_or_broke(struct side *side, ssize_t result)
{
    if (result < 0)
        broke(side);
    if (!side->relay->ended)
        source_ended(side);
}

/* Writes what is in the pipe. True: nothing is left. */
static bool flush_pipe(struct side *side)
{
    struct side *sink = other(side);
    while (side->piped > 0) {
        ssize_t count = stream_write_pipe(sink->stream, side->pipe->read_end, side->piped);
        if (count == -EAGAIN || count == 0) {
            stream_want_write(sink->stream, true);
            return false;
        }
        if (count < 0) {
            broke(sink);
            return false;
        }
        side->piped -= (size_t)count;
        side->passed += (uint64_t)count;
    }
    give_pipe(side);
    return true;
}

/* `count` bytes were read. How many of them neither tap nor foresee() has seen. */
static size_t take_foreseen(struct side *side, size_t count)
{
    size_t foreseen = side->foreseen < count ? side->foreseen : count;
    side->foreseen -= foreseen;
    return count - foreseen;
}

/* Through the side's pipe. */
static void read_unseen(struct side *side, size_t size)
{
    struct relay *relay = side->relay;
    ssize_t count = stream_read_pipe(side->stream, side->pipe->write_end, size);
    if (count > 0) {
        side->piped = (size_t)count;
        size_t unseen = take_foreseen(side, (size_t)count);
        if (unseen > 0)
            relay->settings.on_unseen(relay->owner, direction_of(side), unseen);
        if (!flush_pipe(side) && !relay->ended)
            set_state(side, side->state);
        return;
    }
    give_pipe(side);
    if (count == -EINVAL)
        relay->no_pipes = true;
    else if (count != -EAGAIN)
        ended_or_broke(side, count);
}

static uint64_t ask_unseen(struct side *side, size_t *look)
{
    struct relay *relay = side->relay;
    *look = 0;
    return relay->settings.unseen(relay->owner, direction_of(side), look);
}

static void pass(struct side *side, char *bytes, size_t size)
{
    struct relay *relay = side->relay;
    struct relay_piece piece = {bytes, size};
    if (relay->settings.tap && !relay->settings.tap(relay->owner, direction_of(side), &piece))
        end(relay, broken_reason(side));
    else if (piece.size > 0)
        deliver(side, slice_of(piece.data, piece.size));
}

/* Through memory. */
static void read_seen(struct side *side)
{
    char *scratch = (char *)loop_scratch(side->relay->loop) + RELAY_PIECE_ROOM;
    size_t size = side->relay->settings.high_water;
    bool foreseen = side->foreseen > 0 && side->state == FLOW_OPEN;
    if (foreseen && side->foreseen < size)
        size = side->foreseen;
    ssize_t count = stream_read(side->stream, scratch, size);
    if (count <= 0 && count != -EAGAIN)
        ended_or_broke(side, count);
    else if (count > 0 && foreseen) {
        take_foreseen(side, (size_t)count);
        deliver(side, slice_of(scratch, (size_t)count));
    } else if (count > 0 && side->state == FLOW_OPEN)
        pass(side, scratch, (size_t)count);
}

/* What comes behind all that is foreseen begins with these bytes; how many nobody need see. */
static uint64_t foresee(struct side *side, struct slice bytes)
{
    struct relay *relay = side->relay;
    size_t look;
    uint64_t unseen = ask_unseen(side, &look);
    if (unseen > 0 || look == 0)
        return unseen;
    size_t size = relay->settings.foresee(relay->owner, direction_of(side), slice_between(bytes, 0, look));
    side->foreseen += size;
    return size > 0 ? ask_unseen(side, &look) : 0;
}

/* So that a frame of which nobody need see more than its head is sent whole, and with it those behind it that
 * are there: each piece that is sent costs about as much as its bytes do. False: nothing is there. */
static bool look_ahead(struct side *side, uint64_t *unseen)
{
    struct relay *relay = side->relay;
    char head[RELAY_LOOK_MOST];
    ssize_t count = stream_peek(side->stream, 0, head, sizeof head);
    if (count == -EAGAIN)
        return false;
    if (count > 0)
        *unseen = foresee(side, slice_of(head, (size_t)count));
    while (*unseen > 0 && side->foreseen + *unseen < side->pipe->room) {
        count = stream_peek(side->stream, side->foreseen + (size_t)*unseen, head, sizeof head);
        if (count <= 0)
            break;
        relay->settings.on_unseen(relay->owner, direction_of(side), (size_t)*unseen);
        side->foreseen += (size_t)*unseen;
        *unseen = foresee(side, slice_of(head, (size_t)count));
    }
    return true;
}

static bool may_move(const struct side *side)
{
    const struct relay *relay = side->relay;
    return relay->settings.pipes && !relay->no_pipes && side->state == FLOW_OPEN &&
           stream_is_direct(relay->sides[0].stream) && stream_is_direct(relay->sides[1].stream);
}

/* How many bytes may go through a pipe, which the side has then. -EAGAIN: nothing is there. */
static ssize_t find_unseen(struct side *side)
{
    size_t look;
    uint64_t unseen = ask_unseen(side, &look);
    if (side->foreseen > 0 || unseen > 0 || look > 0)
        side->pipe = pipes_take(side->relay->settings.pipes);
    if (!side->pipe)
        return 0;
    size_t room = side->pipe->room;
    bool some = side->foreseen > 0 || unseen > 0 || look_ahead(side, &unseen);
    uint64_t count = unseen < room ? side->foreseen + unseen : room;
    if (count == 0)
        give_pipe(side);
    if (!some)
        return -EAGAIN;
    return count < room ? (ssize_t)count : (ssize_t)room;
}

static void on_readable(void *owner)
{
    struct side *side = owner;
    ssize_t unseen = may_move(side) ? find_unseen(side) : 0;
    if (unseen > 0)
        read_unseen(side, (size_t)unseen);
    else if (unseen == 0)
        read_seen(side);
}

/* True: nothing is left. */
static bool flush_held(struct side *side)
{
    struct side *sink = other(side);
    struct slice bytes = buffer_slice(&side->held);
    ssize_t count = stream_write(sink->stream, bytes.data, bytes.size);
    if (count < 0 && count != -EAGAIN) {
        broke(sink);
        return false;
    }
    size_t taken = count > 0 ? (size_t)count : 0;
    size_t inserted = taken < side->inserted ? taken : side->inserted;
    side->inserted -= inserted;
    side->passed += taken - inserted;
    buffer_consume(&side->held, taken);
    if (taken < bytes.size) {
        stream_want_write(sink->stream, true);
        return false;
    }
    buffer_free(&side->held);
    return true;
}

/* The sink has room: `owner` is the sink's side. */
static void on_writable(void *owner)
{
    struct side *side = other(owner);
    if (waiting(side) == 0)
        return;
    if (!(side->piped > 0 ? flush_pipe(side) : flush_held(side)))
        return;
    if (side->state == FLOW_FLUSHING)
        end_flow(side);
    else
        set_state(side, side->state);
}

/* Reading notices an end by itself when it is wanted; this is for when it is not. */
static void on_gone(void *owner)
{
    struct side *side = owner;
    if (stream_broken(side->stream))
        lost(side);
    else if (side->state == FLOW_OPEN)
        limit_half_close(side->relay);
}

static const struct stream_events relay_events = {.on_readable = on_readable, .on_writable = on_writable};

/* --- life ----------------------------------------------------------------------------------- */

/* Early bytes wait in `held` until here, because the tap is not called from inside relay_start(). */
static void open_flow(struct side *side)
{
    struct buffer early = side->held;
    side->held = BUFFER(early.limit);
    if (buffer_size(&early) > 0)
        pass(side, early.data + early.start, buffer_size(&early));
    buffer_free(&early);
    if (side->relay->ended)
        return;
    set_state(side, side->state);
    stream_watch_gone(side->stream, on_gone);
    if (stream_broken(side->stream)) /* an earlier owner may have been told already */
        lost(side);
}

static void on_start(struct loop_task *task)
{
    struct relay *relay = LIST_ENTRY(task, struct relay, start);
    open_flow(&relay->sides[0]);
    if (!relay->ended)
        open_flow(&relay->sides[1]);
}

static void init_side(struct side *side, struct relay *relay, struct stream *stream, struct slice early)
{
    size_t room = early.size > relay->settings.high_water ? early.size : relay->settings.high_water;
    side->relay = relay;
    side->stream = stream;
    side->held = BUFFER(room + RELAY_INSERT_LARGEST);
    CHECK(buffer_append(&side->held, early));
    stream_watch_gone(stream, NULL);
    stream_set_events(stream, &relay_events, side);
    stream_want_read(stream, false);
    stream_want_write(stream, false);
}

struct relay *relay_start(struct stream *a, struct stream *b, struct slice early_a, struct slice early_b,
                          const struct relay_settings *settings, void *owner)
{
    struct relay *relay = MEMORY_NEW(struct relay);
    relay->loop = stream_loop(a);
    relay->settings = *settings;
    relay->owner = owner;
    if (settings->high_water == 0 || settings->high_water > HIGH_WATER_LARGEST)
        relay->settings.high_water = HIGH_WATER_LARGEST;
    init_side(&relay->sides[0], relay, a, early_a);
    init_side(&relay->sides[1], relay, b, early_b);
    loop_task_start(relay->loop, &relay->start, on_start);
    return relay;
}

struct relay_counts relay_counts(const struct relay *relay)
{
    return (struct relay_counts){.bytes = {relay->sides[0].passed, relay->sides[1].passed}};
}

bool relay_is_blocked(const struct relay *relay, enum relay_direction direction)
{
    return waiting(&relay->sides[direction]) > 0;
}

bool relay_is_unsent(const struct relay *relay, enum relay_direction direction)
{
    return !relay->ended && unsent(relay->sides[direction == RELAY_A_TO_B ? 1 : 0].stream) > 0;
}

int relay_insert(struct relay *relay, enum relay_direction direction, struct slice bytes)
{
    struct side *side = &relay->sides[direction];
    CHECK(bytes.size <= RELAY_INSERT_LARGEST);
    if (relay->ended || side->state != FLOW_OPEN)
        return waiting(side) > 0 ? -EAGAIN : -EPIPE;
    if (waiting(side) > 0 || side->foreseen > 0)
        return -EAGAIN;
    ssize_t count = stream_write(other(side)->stream, bytes.data, bytes.size);
    if (count == -EAGAIN)
        return -EAGAIN;
    if (count < 0)
        return -EPIPE; /* the stream's event follows and is dealt with there */
    if (count < (ssize_t)bytes.size) {
        side->inserted = bytes.size - (size_t)count;
        hold(side, slice_from(bytes, (size_t)count));
    }
    return 0;
}

void relay_drop(struct relay *relay, enum relay_direction direction)
{
    struct side *side = &relay->sides[direction];
    if (!relay->ended && side->state == FLOW_OPEN)
        set_state(side, FLOW_DRAINING);
}

void relay_destroy(struct relay **where)
{
    struct relay *relay = *where;
    *where = NULL;
    if (!relay)
        return;
    release(relay);
    relay->ended = true;
    loop_free_later(relay->loop, relay, free);
}
