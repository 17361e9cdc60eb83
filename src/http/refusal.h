/* Private to src/http: the answer to a request that no route ever sees, as problem+json (RFC 9457, contract
 * §2). */
#pragma once

#include "http/exchange.h"

/* Answers and ends the exchange; its connection is closed. `detail` says what was found. */
void refusal_reply(struct exchange *exchange, int status, const char *detail);
