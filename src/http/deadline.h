/* Private to src/http: how long each state of a connection may last. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* When this state has lasted too long, on the loop's clock in microseconds; 0: it may last for ever. */
int64_t deadline_of(const struct connection *connection);
/* Looks at the kernel's send queue: whether the peer has taken bytes since the last look, or this is the
 * first. If it has, its time begins anew. */
bool deadline_moves(struct connection *connection);
