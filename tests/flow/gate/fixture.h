/* What tests of routes to a service begin with: a gate that serves, and the test as the program behind it. */
#pragma once

#include "world.h"

struct fixture {
    struct world world;
    int program; /* listener of the program behind */
    int port;
};

/* A test's state: these routes are served, and `target` is ready at the program's port. */
int fixture_set_up(void **state, const char *routes, const char *target);
int fixture_tear_down(void **state);

/* Both ends of an upgraded connection. */
struct both {
    struct peer client, program;
};

/* RFC 6455, as its section 1.3 has it; more fields and the empty line follow. */
#define ASK(path)                                                                                            \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SWITCH                                                                                               \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

/* A client asks with these bytes and an empty line, the program agrees; nothing of the handshakes is left in
 * either's buffer. */
struct both fixture_join(struct fixture *fixture, const char *ask);
/* The same with a client that is there already and has asked. */
struct both fixture_join_client(struct fixture *fixture, struct peer client);
