/* /health and /ready (contract §2): constants, one flag and what the keeper has told before, so that they
 * answer whatever else is wrong. */
#pragma once

#include <jansson.h>

#include "http/exchange.h"

enum health_page { HEALTH_NONE, HEALTH_LIVE, HEALTH_READY };

/* Which page a path is: "/health", "/ready" (a user's route for these wins), and with *reserved set
 * "/_reeve/health" and "/_reeve/ready". */
enum health_page health_find(struct slice path, bool *reserved);
/* What the pages tell. */
struct health_facts {
    bool ready;
    /* As the keeper gave them, for who may see them; NULL: nobody may, or none have come. Ages in them
     * (members "age_ms") are of "as_of_ms". */
    const json_t *details;
    int64_t now_ms;        /* CLOCK_BOOTTIME */
    int64_t keeper_age_ms; /* since the keeper's loop has turned last */
};
/* HEALTH_LIVE: 200 {"status":"ok"}, exactly, or the details with ages of now. HEALTH_READY: 200, or 503 while
 * something that shall be up is not ready. */
void health_answer(struct exchange *exchange, enum health_page page, const struct health_facts *facts);
