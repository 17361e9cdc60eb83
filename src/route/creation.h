/* `create: request` (contract §1): the first visit of an instance that is not there yet creates it. Admission
 * has let the visit pass; whether this one may create is the keeper's to say, by the template's `allow`. */
#pragma once

#include "http/exchange.h"

#include "route/asker.h"

/* Not for what another site's page has put into its own, such as an image: only its links count. */
bool creation_may(const struct http1_head *head);

/* Asks the keeper for the instance `target` ("shell/a1") in the name of the exchange's principal. When it is
 * there go(owner, exchange) answers, from the loop; else the exchange is answered here. `owner` lives as long
 * as the exchange; a client that leaves is forgotten, and the instance stays. */
void creation_begin(struct asker *asker, struct exchange *exchange, struct slice target,
                    void (*go)(void *owner, struct exchange *exchange), void *owner);
