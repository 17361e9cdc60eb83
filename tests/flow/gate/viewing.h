/* What the flow tests of terminal routes share: the test is the keeper and the hold, and a client of ttyd's
 * or of ours. Header-only: each test is one executable. */
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/memory.h"
#include "wire/terminal.h"
#include "wire/websocket_frame.h"

#include "world.h"

struct viewing {
    struct world world;
    struct peer client;
    int hold;      /* the hold's end of the link; -1: none yet */
    int link_room; /* bytes that the next link takes; 0: as many as the system says */
};

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/t/{id}/*', 'kind': 'terminal', 'target': 'shell/{id}', 'view': []}," \
    " {'place': 'r.yaml:2:1', 'path': '/watch/*', 'kind': 'terminal', 'target': 'shell/a1',"                 \
    "  'allow': ['user:ann'], 'view': ['anyone']},"                                                          \
    " {'place': 'r.yaml:3:1', 'path': '/made/{id}/*', 'kind': 'terminal', 'target': 'shell/{id}', 'view': "  \
    "[],"                                                                                                    \
    "  'create': true},"                                                                                     \
    " {'place': 'r.yaml:4:1', 'path': '/closed/*', 'kind': 'terminal', 'target': 'shell/a1',"                \
    "  'allow': ['user:ann'], 'view': ['group:mentors']},"                                                   \
    " {'place': 'r.yaml:5:1', 'path': '/shown/{id}/*', 'kind': 'terminal', 'target': 'shell/{id}',"          \
    "  'allow': ['user:ann'], 'view': ['anyone'], 'create': true}]"

static inline int set_up(void **state)
{
    struct viewing *fixture = MEMORY_NEW(struct viewing);
    world_open(&fixture->world, -1);
    world_serve(&fixture->world, ROUTES);
    struct target_row row = world_row("shell/a1", TARGET_READY, 0);
    world_set_row(&fixture->world, &row);
    fixture->client = peer_of(-1);
    fixture->hold = -1;
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct viewing *fixture = *state;
    peer_close(&fixture->client);
    if (fixture->hold >= 0)
        close(fixture->hold);
    world_close(&fixture->world);
    free(fixture);
    return 0;
}

/* --- the client ------------------------------------------------------------------------------------- */

#define SHAKE(path)                                                                                          \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                           \
    "Sec-WebSocket-Protocol: tty\r\n"
#define HELLO "{\"AuthToken\":\"\",\"columns\":90,\"rows\":30}"
#define OURS  "{\"AuthToken\":\"\",\"columns\":90,\"rows\":30,\"reeve\":true}"

/* What it says must be there at once: nothing waits for an acknowledgement. */
static inline void shake(struct viewing *fixture, const char *request)
{
    int now = 1;
    peer_close(&fixture->client);
    fixture->client = client_open(&fixture->world);
    assert_int_equal(setsockopt(fixture->client.fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now), 0);
    peer_say_text(&fixture->world, &fixture->client, request);
}

static inline struct slice heard(struct viewing *fixture)
{
    return peer_hear(&fixture->world, &fixture->client);
}

static inline void say_frame(struct viewing *fixture, enum websocket_frame_opcode opcode, bool final,
                             struct slice data)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    char *frame = memory_text_of("", 0);
    frame = memory_resize(frame, data.size + WEBSOCKET_FRAME_HEAD_SIZE);
    size_t head = websocket_frame_head(frame, opcode, final, data.size, mask);
    if (data.size > 0)
        memcpy(frame + head, data.data, data.size);
    websocket_frame_mask(frame + head, data.size, mask, 0);
    peer_say(&fixture->world, &fixture->client, slice_of(frame, head + data.size));
    free(frame);
}

static inline void say(struct viewing *fixture, const char *text)
{
    say_frame(fixture, WEBSOCKET_FRAME_BINARY, true, slice_of_text(text));
}

/* The frames that came since the last call, one behind the other: their payload with the opcode before it. */
static inline void expect_frames(struct viewing *fixture, struct slice wanted)
{
    struct slice got = heard(fixture);
    if (!slice_equal(got, wanted))
        fail_msg("got %zu bytes: " SLICE_FORMAT, got.size, SLICE_ARGUMENTS(got));
    buffer_clear(&fixture->client.received);
}

static inline void expect_close(struct viewing *fixture, unsigned code)
{
    struct slice got = heard(fixture);
    assert_true(got.size >= 4);
    const uint8_t *at = (const uint8_t *)memrchr(got.data, 0x88, got.size);
    assert_non_null(at);
    assert_int_equal(at[2] << 8 | at[3], code);
    buffer_clear(&fixture->client.received);
}

/* --- the keeper and the hold ------------------------------------------------------------------------- */

static inline uint32_t attach_id(const struct world *world)
{
    for (size_t i = world->told_count; i > 0; i--)
        if (world->told[i - 1].type == MESSAGE_GATE_ATTACH)
            return world->told[i - 1].id;
    fail_msg("the gate did not ask for a terminal");
    return 0;
}

static inline void give_link(struct viewing *fixture)
{
    int pair[2];
    make_pair(SOCK_SEQPACKET, pair);
    if (fixture->link_room)
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &fixture->link_room, sizeof fixture->link_room);
    if (fixture->hold >= 0)
        close(fixture->hold);
    fixture->hold = pair[0];
    assert_int_equal(channel_send(fixture->world.keeper, MESSAGE_GATE_ATTACH_ANSWER,
                                  attach_id(&fixture->world), json_pack("{s:i}", "status", 200), &pair[1], 1),
                     0);
    close(pair[1]);
    turn_all(fixture->world.loop);
}

static inline void give_nothing(struct viewing *fixture, int status, const char *text)
{
    assert_int_equal(channel_send(fixture->world.keeper, MESSAGE_GATE_ATTACH_ANSWER,
                                  attach_id(&fixture->world),
                                  json_pack("{s:i, s:s}", "status", status, "text", text), NULL, 0),
                     0);
    turn_all(fixture->world.loop);
}

static inline void hold_says(struct viewing *fixture, char type, struct slice data)
{
    char *record = memory_copy(data.size ? data.data : "", data.size + 1);
    memmove(record + 1, record, data.size);
    record[0] = type;
    assert_int_equal(send(fixture->hold, record, data.size + 1, MSG_NOSIGNAL), data.size + 1);
    free(record);
    turn_all(fixture->world.loop);
}

/* The next record, as text; "" when there is none. */
static inline struct slice hold_hears(struct viewing *fixture)
{
    static char record[TERMINAL_RECORD_LARGEST];
    turn_all(fixture->world.loop);
    ssize_t got = recv(fixture->hold, record, sizeof record, MSG_DONTWAIT);
    return slice_of(record, got > 0 ? (size_t)got : 0);
}

static inline void expect_size(struct viewing *fixture, unsigned columns, unsigned rows)
{
    struct terminal_record record;
    assert_int_equal(terminal_read_from_viewer(hold_hears(fixture), &record), TERMINAL_FINE);
    assert_int_equal(record.type, TERMINAL_RESIZE);
    assert_int_equal(record.columns, columns);
    assert_int_equal(record.rows, rows);
}

/* A client with its terminal, past the hello. */
static inline void open_terminal(struct viewing *fixture, const char *hello)
{
    shake(fixture, SHAKE("/t/a1/ws") "\r\n");
    give_link(fixture);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 101 ")));
    say(fixture, hello);
    expect_size(fixture, 90, 30);
    heard(fixture);
    buffer_clear(&fixture->client.received);
}
