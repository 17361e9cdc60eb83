/* Any bytes from an upstream, in any pieces, with an owner who reads, writes and leaves at any time.
 *
 * The first byte says what is asked; 0xFF begins a step: the byte behind it says what happens between two
 * pieces. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/upstream.h"
#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct clock clock;
    int64_t now_us;
    struct loop *loop;
    struct upstream_pool *pool;
    struct address address;
    struct upstream_call *call;
    struct stream *upgraded;
    int listener, peer;
    bool answered, over, has_body, ended;
};

static int64_t now_us(const struct clock *clock)
{
    return ((const struct fuzz *)(const void *)clock)->now_us;
}

static int64_t now_ms(const struct clock *clock)
{
    return now_us(clock) / 1000;
}

static void on_body(void *owner)
{
    struct fuzz *fuzz = owner;
    char bytes[300];
    ssize_t got = 1;
    while (got > 0)
        got = upstream_read(fuzz->call, bytes, sizeof bytes);
    CHECK(got == 0 || got == -11);
}

static void on_head(void *owner, const struct http1_head *head)
{
    struct fuzz *fuzz = owner;
    struct slice early;
    CHECK(!fuzz->over && !fuzz->answered);
    if (head->status == 101) {
        fuzz->upgraded = upstream_upgrade(&fuzz->call, &early);
        fuzz->over = true;
    } else if (head->status >= 200) {
        fuzz->answered = true;
    }
}

static void on_room(void *owner)
{
    (void)owner;
}

static void on_failed(void *owner, enum upstream_failure failure, int error)
{
    struct fuzz *fuzz = owner;
    (void)failure;
    (void)error;
    CHECK(!fuzz->over);
    fuzz->over = true;
}

static void call(struct fuzz *fuzz, uint8_t how)
{
    static const struct upstream_events events = {on_head, on_body, on_room, on_failed};
    static const struct slice methods[] = {{"GET", 3}, {"HEAD", 4}, {"POST", 4}, {"PUT", 3}};
    fuzz->has_body = how & 4;
    fuzz->ended = fuzz->answered = fuzz->over = false;
    fuzz->call = upstream_call(fuzz->pool, &fuzz->address,
                               &(struct upstream_request){.method = methods[how % 4],
                                                          .target = SLICE("/"),
                                                          .content_length = how & 4 ? -1 : 0,
                                                          .upgrade = how & 8,
                                                          .timeouts = {5000, 20000, 30000}},
                               &events, fuzz);
}

static void write_some(struct fuzz *fuzz, bool little)
{
    static const char bytes[10000];
    if (fuzz->call && fuzz->has_body && !fuzz->ended)
        upstream_write(fuzz->call, bytes, little ? 5 : sizeof bytes);
}

static void end_request(struct fuzz *fuzz)
{
    fuzz->ended = true;
    if (fuzz->call && fuzz->has_body)
        upstream_write_end(fuzz->call);
}

static void ask_again(struct fuzz *fuzz, uint8_t how)
{
    upstream_close(&fuzz->call);
    stream_close(&fuzz->upgraded);
    call(fuzz, how);
}

static void act(struct fuzz *fuzz, uint8_t what)
{
    switch (what % 8) {
    case 0:
        if (fuzz->call && fuzz->answered && !fuzz->over)
            on_body(fuzz);
        break;
    case 1:
        write_some(fuzz, what >= 128);
        break;
    case 2:
        end_request(fuzz);
        break;
    case 3:
        ask_again(fuzz, what / 8);
        break;
    case 4:
        fuzz->now_us += 15000000;
        break;
    case 5:
        close(fuzz->peer);
        fuzz->peer = -1;
        break;
    case 6:
        upstream_pool_forget(fuzz->pool, &fuzz->address);
        break;
    default:
        break;
    }
}

/* The newest connection is the one that is played; an older one stays open and silent. */
static void step(struct fuzz *fuzz, uint8_t what)
{
    act(fuzz, what);
    for (int i = 0; i < 4; i++) {
        loop_step(fuzz->loop, 0);
        int fd = accept4(fuzz->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && fuzz->peer >= 0)
            close(fuzz->peer);
        if (fd >= 0)
            fuzz->peer = fd;
    }
}

static void open_world(struct fuzz *fuzz)
{
    *fuzz = (struct fuzz){.clock = {now_us, now_ms, now_ms}, .now_us = 1000000, .peer = -1};
    fuzz->loop = loop_new(&fuzz->clock);
    fuzz->pool =
        upstream_pool_new(fuzz->loop, &(struct upstream_pool_settings){.most_idle = 2, .idle_ms = 55000});
    fuzz->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    fuzz->address = (struct address){.local = {.sun_family = AF_UNIX}, .size = sizeof(sa_family_t)};
    CHECK(!bind(fuzz->listener, &fuzz->address.any,
                fuzz->address.size)); /* the kernel gives it an abstract name */
    fuzz->address.size = sizeof fuzz->address.local;
    CHECK(!getsockname(fuzz->listener, &fuzz->address.any, &fuzz->address.size));
    CHECK(!listen(fuzz->listener, 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz;
    if (size == 0)
        return 0;
    open_world(&fuzz);
    call(&fuzz, data[0]);
    step(&fuzz, 7);
    struct slice rest = slice_of(data + 1, size - 1), piece;
    while (slice_next(&rest, (char)0xff, &piece)) {
        send(fuzz.peer, piece.data, piece.size, MSG_NOSIGNAL);
        step(&fuzz, rest.size ? (uint8_t)rest.data[0] : 7);
        rest = rest.data ? slice_from(rest, 1) : rest;
    }
    upstream_close(&fuzz.call);
    stream_close(&fuzz.upgraded);
    upstream_pool_free(&fuzz.pool);
    loop_free(&fuzz.loop);
    close(fuzz.listener);
    if (fuzz.peer >= 0)
        close(fuzz.peer);
    return 0;
}
