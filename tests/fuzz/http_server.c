/* Any bytes from a client, in any pieces, with an owner who answers in any way at any time.
 *
 * 0xFF in the input begins a step: the byte behind it says what happens between two pieces of the client's
 * bytes. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct clock clock;
    int64_t now_us;
    struct loop *loop;
    struct http_server *server;
    struct exchange *held; /* the owner has not answered yet */
    struct stream *upgraded;
    int client;
    int requests, records;
};

static int64_t now_us(const struct clock *clock)
{
    return ((const struct fuzz *)(const void *)clock)->now_us;
}

static int64_t now_ms(const struct clock *clock)
{
    return now_us(clock) / 1000;
}

static void read_body(void *owner)
{
    struct fuzz *fuzz = owner;
    char bytes[300];
    while (fuzz->held && exchange_read(fuzz->held, bytes, sizeof bytes) > 0)
        ;
}

static void on_room(void *owner)
{
    (void)owner;
}

static void on_gone(void *owner)
{
    ((struct fuzz *)owner)->held = NULL;
}

static void on_request(void *owner, struct exchange *exchange)
{
    static const struct exchange_events events = {
        .on_body = read_body, .on_room = on_room, .on_gone = on_gone};
    struct fuzz *fuzz = owner;
    fuzz->requests++;
    CHECK(!fuzz->held);
    if (exchange_request(exchange)->path.size < 3) {
        exchange_reply(exchange, 200, NULL, 0, SLICE("hello"));
        return;
    }
    fuzz->held = exchange;
    exchange_set_events(exchange, &events, fuzz);
}

static void on_record(void *owner, const struct http_record *record)
{
    (void)record;
    ((struct fuzz *)owner)->records++;
}

static void write_some(struct exchange *exchange)
{
    static const char bytes[100000];
    if (exchange_head_sent(exchange) || exchange_head(exchange, 200, NULL, 0, EXCHANGE_LENGTH_UNKNOWN))
        exchange_write(exchange, bytes, sizeof bytes);
}

static void answer(struct fuzz *fuzz, unsigned way)
{
    struct exchange *exchange = fuzz->held;
    struct slice early, unsent;
    if (!exchange)
        return;
    if (way == 0) {
        read_body(fuzz);
        return;
    }
    if (way == 1) {
        write_some(exchange);
        return;
    }
    fuzz->held = NULL;
    if (way == 2)
        exchange_fail(exchange);
    else if (exchange_head_sent(exchange))
        exchange_end(exchange);
    else if (exchange_request(exchange)->upgrade && !fuzz->upgraded)
        fuzz->upgraded = exchange_upgrade(exchange, NULL, 0, &early, &unsent);
    else
        exchange_reply(exchange, 404, NULL, 0, SLICE("none"));
}

static void step(struct fuzz *fuzz, uint8_t what)
{
    static char bytes[50000];
    switch (what % 8) {
    case 4:
        fuzz->now_us += 20000000;
        break;
    case 5:
        read(fuzz->client, bytes, sizeof bytes);
        break;
    case 6:
        shutdown(fuzz->client, SHUT_WR);
        break;
    case 7:
        http_server_drain(fuzz->server, 0);
        break;
    default:
        answer(fuzz, what % 8);
    }
    for (int i = 0; i < 4; i++)
        loop_step(fuzz->loop, 0);
}

static void open_world(struct fuzz *fuzz)
{
    int pair[2];
    *fuzz = (struct fuzz){.clock = {now_us, now_ms, now_ms}, .now_us = 1000000};
    fuzz->loop = loop_new(&fuzz->clock);
    fuzz->server = http_server_new(fuzz->loop, &(struct http_server_settings){.head_limit = 2000,
                                                                              .target_limit = 500,
                                                                              .head_ms = 10000,
                                                                              .idle_ms = 75000,
                                                                              .stall_ms = 60000,
                                                                              .on_request = on_request,
                                                                              .on_record = on_record,
                                                                              .owner = fuzz});
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
    fuzz->client = pair[0];
    struct address peer = {.any = {.sa_family = AF_UNIX}, .size = sizeof(sa_family_t)};
    http_server_accept(fuzz->server, pair[1], &peer, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz;
    open_world(&fuzz);
    struct slice rest = slice_of(data, size), piece;
    while (slice_next(&rest, (char)0xff, &piece)) {
        send(fuzz.client, piece.data, piece.size, MSG_NOSIGNAL);
        step(&fuzz, rest.size ? (uint8_t)rest.data[0] : 0);
        rest = rest.data ? slice_from(rest, 1) : rest;
    }
    http_server_free(&fuzz.server);
    CHECK(!fuzz.held);
    CHECK(fuzz.records >= fuzz.requests);
    stream_close(&fuzz.upgraded);
    loop_free(&fuzz.loop);
    close(fuzz.client);
    return 0;
}
