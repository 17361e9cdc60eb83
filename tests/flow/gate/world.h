/* What the flow tests of the gate share: a gate in this process, the test as its keeper on the other end of
 * the channel, as clients on loopback and as the program behind. Time is the test's. */
#pragma once

#include "../../unit/support.h"

#include "base/buffer.h"
#include "gate/gate.h"
#include "link/channel.h"
#include "link/page.h"
#include "wire/target.h"

enum { RECEIVED_MOST = 64 * 1024 * 1024, MESSAGES_MOST = 64, LOCALHOST_TEXT = 32 };

struct told { /* one message of the gate */
    enum message_type type;
    uint32_t id;
    json_t *body;
    int descriptors;
};

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct log log;
    struct gate *gate;
    struct channel *keeper;
    bool keeper_ended;
    struct told told[MESSAGES_MOST];
    size_t told_count;
    bool ended; /* the gate's on_end */
    int page_fd, keeper_page_fd;
    struct page *page;
    int listener; /* the keeper's copy */
    int port;
    char root[64];
    int root_fd;
    int snapshot;              /* number of the last */
    bool console;              /* the listener is the console's */
    const char *policies;      /* of snapshots to come, as JSON; NULL: none */
    const char *console_allow; /* JSON; NULL: it is open to anyone */
};

struct peer {
    int fd;
    struct buffer received;
    bool ended;
};

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define PAGE(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n"

int world_listen(int *port);
int world_connect(int port);
/* From an address in 127/8, in host byte order; 127.0.0.7 is a trusted proxy of every snapshot. */
int world_connect_from(uint32_t address, int port);
size_t told_times(const struct world *world, enum message_type type);
/* The latest of that type; fails the test when there is none. */
const json_t *told_last(const struct world *world, enum message_type type);
void world_send(struct world *world, enum message_type type, json_t *body);
/* `text` is JSON with ' for ". */
json_t *world_json(const char *text);
/* MESSAGE_GATE_ADMISSION with this data. */
void world_send_admission(struct world *world, json_t *data);
/* Prepares a snapshot with these routes, `access` and `origins` as every test has them. */
void world_prepare(struct world *world, const char *routes);
void world_commit(struct world *world);
void world_serve(struct world *world, const char *routes);
/* An instance ("shell/a1") has a terminal. */
struct target_row world_row(const char *name, enum target_state state, int port);
void world_set_row(struct world *world, const struct target_row *row);
void world_advance(struct world *world, int64_t ms);
void world_open(struct world *world, int handover);
/* Names are asked of `name_servers`; NULL: of the machine's. */
void world_open_with(struct world *world, int handover, const char *name_servers);
void world_close(struct world *world);
/* An open one, and the tear-down of a test whose state it is. */
struct world *world_new(void);
int world_tear_down(void **state);
void world_write_file(const struct world *world, const char *name, const char *content);
struct peer peer_of(int fd);
struct peer client_open(struct world *world);
/* The next connection that the gate made to a program's `listener`; fails the test when there is none. */
struct peer program_accept(struct world *world, int listener);
bool program_is_left_alone(struct world *world, int listener);
void peer_close(struct peer *peer);
/* Everything that has come so far and comes without anybody doing anything. */
struct slice peer_hear(struct world *world, struct peer *peer);
/* The same until there are so many bytes, or `end` is in it: of much the kernel may keep the rest back for a
 * moment. */
struct slice peer_hear_bytes(struct world *world, struct peer *peer, size_t least);
struct slice peer_hear_to(struct world *world, struct peer *peer, const char *end);
/* An end may come late: while the machine's sockets hold much memory the kernel sends it only when it repeats
 * what was not acknowledged yet (tcp_send_fin() in its tcp_output.c). So it is waited for, in real time. */
bool peer_has_ended(struct world *world, struct peer *peer);
bool world_has_ended(struct world *world);
/* No request or stream is open at this target any more. */
bool target_is_idle(struct world *world, unsigned slot);
void peer_say(struct world *world, struct peer *peer, struct slice bytes);
void peer_say_text(struct world *world, struct peer *peer, const char *text);
/* What comes for one request on a connection of its own that stays open in *client. */
struct slice client_ask(struct world *world, struct peer *client, const char *request);
bool says(struct slice bytes, const char *text);
/* Asks and compares the start of the answer. */
void expect(struct world *world, const char *request, const char *start, const char *part);
