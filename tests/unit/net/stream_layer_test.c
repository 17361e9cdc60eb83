/* A stream through a layer that turns each byte over: the same calls and callbacks, back-pressure, a file,
 * what is unsent when it ends or closes. */
#include "../support.h"

#include "net/stream_layer.h"

enum { FLOOD = 4 * 1024 * 1024, RECORD = 16 * 1024 };

struct turning {
    struct stream_layer layer;
    bool *freed;
};

static void turn_over(char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)~bytes[i];
}

static int turning_handshake(struct stream_layer *layer)
{
    (void)layer;
    return 0;
}

/* One byte stays inside, as a record may: more can be read without an event. */
static ssize_t turning_read(struct stream_layer *layer, void *memory, size_t size)
{
    ssize_t count = stream_layer_receive(layer, memory, size > 4 ? 4 : size);
    if (count > 0)
        turn_over(memory, (size_t)count);
    return count;
}

static ssize_t turning_write(struct stream_layer *layer, const void *bytes, size_t size)
{
    char record[RECORD];
    size_t taken = 0;
    while (taken < size && buffer_size(&layer->unsent) == 0) {
        size_t part = size - taken < sizeof record ? size - taken : sizeof record;
        memcpy(record, (const char *)bytes + taken, part);
        turn_over(record, part);
        int error = stream_layer_send(layer, record, part);
        if (error)
            return error;
        taken += part;
    }
    return (ssize_t)taken;
}

static bool turning_is_quiet(struct stream_layer *layer)
{
    char byte;
    return recv(layer->fd, &byte, 1, MSG_PEEK) < 0;
}

static void turning_end(struct stream_layer *layer)
{
    stream_layer_send(layer, "\xfb", 1); /* ~4, a goodbye of its own */
}

static void turning_free(struct stream_layer *layer)
{
    struct turning *turning = LIST_ENTRY(layer, struct turning, layer);
    *turning->freed = true;
    stream_layer_clear(layer);
    free(turning);
}

static const struct stream_layer_calls turning_calls = {
    .handshake = turning_handshake,
    .read = turning_read,
    .write = turning_write,
    .is_quiet = turning_is_quiet,
    .end = turning_end,
    .free = turning_free,
};

struct world {
    struct loop *loop;
    struct stream *stream;
    int peer;
    bool freed;
    int readable;
    int writable;
};

static void on_readable(void *owner)
{
    ((struct world *)owner)->readable++;
}

static void on_writable(void *owner)
{
    ((struct world *)owner)->writable++;
}

static const struct stream_events events = {.on_readable = on_readable, .on_writable = on_writable};

static void begin_at(struct world *world, const struct clock *clock)
{
    int pair[2];
    *world = (struct world){.loop = loop_new(clock)};
    make_pair(SOCK_STREAM, pair);
    world->peer = pair[1];
    world->stream = stream_new(world->loop, pair[0], &events, world);
    struct turning *turning = calloc(1, sizeof *turning);
    turning->layer.calls = &turning_calls;
    turning->freed = &world->freed;
    stream_set_layer(world->stream, &turning->layer);
    assert_int_equal(stream_handshake(world->stream), 0);
    assert_false(stream_is_direct(world->stream));
}

static void begin(struct world *world)
{
    begin_at(world, &clock_system);
}

static void end(struct world *world)
{
    stream_close(&world->stream);
    loop_free(&world->loop);
    assert_true(world->freed);
    close(world->peer);
}

static void expect_from_peer(struct world *world, const char *text)
{
    char bytes[64];
    size_t size = strlen(text);
    assert_int_equal(recv(world->peer, bytes, sizeof bytes, 0), size);
    turn_over(bytes, size);
    assert_memory_equal(bytes, text, size);
}

static void bytes_pass_changed(void **state)
{
    (void)state;
    struct world world;
    char bytes[16];
    begin(&world);
    assert_true(stream_is_quiet(world.stream));
    assert_int_equal(send(world.peer, "\x9e\x9d\x9c\x9b\x9a", 5, 0), 5);
    assert_false(stream_is_quiet(world.stream));
    stream_want_read(world.stream, true);
    loop_step(world.loop, 0);
    assert_int_not_equal(world.readable, 0);
    assert_int_equal(stream_read(world.stream, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "abcd", 4);
    int before = world.readable;
    loop_step(world.loop, 0);
    assert_true(world.readable > before); /* what is inside needs no event */
    assert_int_equal(stream_read(world.stream, bytes, sizeof bytes), 1);
    assert_int_equal(stream_read(world.stream, bytes, sizeof bytes), -EAGAIN);
    before = world.readable;
    turn_all(world.loop);
    assert_int_equal(world.readable, before);
    assert_int_equal(stream_write(world.stream, "hello", 5), 5);
    expect_from_peer(&world, "hello");
    const struct iovec pieces[] = {{(char *)(uintptr_t) "head", 4}, {(char *)(uintptr_t) "body", 4}};
    assert_int_equal(stream_write_pieces(world.stream, pieces, 2), 8);
    expect_from_peer(&world, "headbody");
    end(&world);
}

static void a_file_is_read_and_written(void **state)
{
    (void)state;
    struct world world;
    int64_t offset = 2;
    begin(&world);
    FILE *file = tmpfile();
    fputs("0123456789", file);
    fflush(file);
    assert_int_equal(stream_write_file(world.stream, fileno(file), &offset, 5), 5);
    assert_int_equal(offset, 7);
    expect_from_peer(&world, "23456");
    assert_int_equal(stream_write_file(world.stream, fileno(file), &offset, 100), 3);
    assert_int_equal(stream_write_file(world.stream, fileno(file), &offset, 100), 0);
    fclose(file);
    end(&world);
}

static size_t flood(struct world *world)
{
    static char zeros[FLOOD];
    ssize_t taken = stream_write(world->stream, zeros, sizeof zeros);
    assert_true(taken > RECORD && taken < FLOOD);
    assert_int_equal(stream_write(world->stream, "x", 1), -EAGAIN);
    return (size_t)taken;
}

/* Reads what is there; the count of ~0 bytes. */
static size_t drain(struct world *world, bool *ended, size_t *goodbyes)
{
    static char bytes[65536];
    size_t total = 0;
    ssize_t count;
    while ((count = recv(world->peer, bytes, sizeof bytes, 0)) > 0)
        for (ssize_t i = 0; i < count; i++) {
            total += bytes[i] == '\xff';
            *goodbyes += bytes[i] == '\xfb';
        }
    *ended = count == 0;
    return total;
}

/* Turns loop and peer until the end or `size` bytes have come. */
static size_t drain_all(struct world *world, size_t size, bool *ended, size_t *goodbyes)
{
    size_t got = 0;
    *ended = false;
    for (int turns = 0; !*ended && (got < size || turns == 0); turns++) {
        got += drain(world, ended, goodbyes);
        turn_all(world->loop);
        assert_true(turns < 100000);
    }
    return got;
}

static void a_full_peer_blocks(void **state)
{
    (void)state;
    struct world world;
    bool ended;
    size_t goodbyes = 0;
    begin(&world);
    size_t taken = flood(&world);
    stream_want_write(world.stream, true);
    turn_all(world.loop);
    assert_int_equal(world.writable, 0);
    assert_int_equal(drain_all(&world, taken, &ended, &goodbyes), taken);
    assert_int_equal(world.writable, 1);
    assert_int_equal(stream_write(world.stream, "x", 1), 1);
    end(&world);
}

/* Nobody waits for room any more: what was taken arrives all the same, then the end. */
static void an_end_follows_what_is_unsent(void **state)
{
    (void)state;
    struct world world;
    bool ended;
    size_t goodbyes = 0;
    begin(&world);
    size_t taken = flood(&world);
    assert_int_equal(stream_end(world.stream), 0);
    assert_int_equal(drain_all(&world, SIZE_MAX, &ended, &goodbyes), taken);
    assert_int_equal(goodbyes, 1);
    end(&world);
}

static void closing_waits_for_what_is_unsent(void **state)
{
    (void)state;
    struct world world;
    bool ended;
    size_t goodbyes = 0;
    begin(&world);
    size_t taken = flood(&world);
    stream_close(&world.stream);
    turn_all(world.loop);
    assert_false(world.freed);
    assert_int_equal(drain_all(&world, SIZE_MAX, &ended, &goodbyes), taken);
    assert_int_equal(goodbyes, 1);
    assert_true(world.freed);
    end(&world);
}

/* A peer that reads nothing is not waited for longer than the loop lives, nor an aborted one at all. */
static void closing_does_not_wait_for_ever(void **state)
{
    (void)state;
    for (int aborted = 0; aborted <= 1; aborted++) {
        struct world world;
        begin(&world);
        flood(&world);
        if (aborted)
            stream_abort(world.stream);
        stream_close(&world.stream);
        turn_all(world.loop);
        assert_int_equal(world.freed, aborted);
        end(&world);
    }
}

static void lingering_has_a_limit(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000000);
    struct world world;
    begin_at(&world, &clock.clock);
    flood(&world);
    stream_close(&world.stream);
    turn_all(world.loop);
    assert_false(world.freed);
    clock.now_us += STREAM_LINGER_MS * 1000LL;
    turn_all(world.loop);
    assert_true(world.freed);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_changed),
        cmocka_unit_test(a_file_is_read_and_written),
        cmocka_unit_test(a_full_peer_blocks),
        cmocka_unit_test(an_end_follows_what_is_unsent),
        cmocka_unit_test(closing_waits_for_what_is_unsent),
        cmocka_unit_test(closing_does_not_wait_for_ever),
        cmocka_unit_test(lingering_has_a_limit),
    };
    return run_group(tests);
}
