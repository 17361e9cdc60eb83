/* Requests that came before reeve serves: the listeners are open from the first moment on, the startup hooks
 * may take a while (design §3 "Start"). They wait here, unread beyond their heads. */
#pragma once

#include "http/exchange.h"

struct lobby;

enum { LOBBY_MOST = 1000 };

/* `on_leave` gets each exchange when the lobby opens. */
struct lobby *lobby_new(void (*on_leave)(void *owner, struct exchange *exchange), void *owner);
/* False: it is full. */
bool lobby_enter(struct lobby *lobby, struct exchange *exchange);
/* Lets everybody go on, in the order they came. From the loop. */
void lobby_open(struct lobby *lobby);
/* Nobody waits any more. */
void lobby_free(struct lobby **lobby);
