/* /health and /ready (contract §2): constants and one flag, so that they answer whatever else is wrong. */
#pragma once

#include "http/exchange.h"

enum health_page { HEALTH_NONE, HEALTH_LIVE, HEALTH_READY };

/* Which page a path is: "/health", "/ready" (a user's route for these wins), and with *reserved set
 * "/_reeve/health" and "/_reeve/ready". */
enum health_page health_find(struct slice path, bool *reserved);
/* HEALTH_LIVE: 200 {"status":"ok"}, exactly. HEALTH_READY: 200, or 503 while something that shall be up is
 * not ready. */
void health_answer(struct exchange *exchange, enum health_page page, bool ready);
