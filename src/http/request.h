/* Private to src/http: a head as the routes look at it. */
#pragma once

#include <stdbool.h>

struct exchange;

/* Splits it, and fills the exchange's request; head and framing are there. False: the target or the authority
 * is malformed, or the memory of a request is used up. */
bool request_describe(struct exchange *exchange);
