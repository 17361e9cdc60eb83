/* Refusals that a script can read: 101 and then a close code in place of a status, which no browser shows to
 * the script that has opened a WebSocket (contract §1 `websocket: {refuse: close}`).
 *
 * Only for pages of the origin that is asked, and only in place of a refusal: nobody is let in by it. 401 is
 * 4401, 403 is 4403, 502, 503 and 504 are 4503; every other status stays one. */
#pragma once

#include "http/exchange.h"

struct refusals; /* one per gate: the connections that have been told and are about to close */

/* `on_fewer` fires, from the loop, when the last of them has closed. */
struct refusals *refusals_new(struct loop *loop, void (*on_fewer)(void *owner), void *owner);
/* Cuts what is left. */
void refusals_free(struct refusals **refusals);
size_t refusals_count(const struct refusals *refusals);

/* Has the exchange be refused in this way, if it opens a WebSocket for a page of our own. */
void refusals_offer(struct refusals *refusals, struct exchange *exchange);
