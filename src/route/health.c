/* No look at any target here: who checks /health wants to know of reeve alone. */
#include "route/health.h"
#include "route/problem.h"

enum health_page health_find(struct slice path, bool *reserved)
{
    struct slice own = SLICE("/_reeve");
    *reserved = slice_starts_with(path, SLICE("/_reeve/"));
    if (*reserved)
        path = slice_from(path, own.size);
    if (slice_equal(path, SLICE("/health")))
        return HEALTH_LIVE;
    return slice_equal(path, SLICE("/ready")) ? HEALTH_READY : HEALTH_NONE;
}

void health_answer(struct exchange *exchange, enum health_page page, bool ready)
{
    const struct exchange_field fields[] = {
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Cache-Control"), SLICE("no-store")},
        {SLICE("Retry-After"), SLICE("1")},
    };
    enum http1_method method = exchange_request(exchange)->head->method;
    if (method != HTTP1_GET && method != HTTP1_HEAD)
        problem_reply(exchange, &(struct problem){.status = 405,
                                                  .type = "method-not-allowed",
                                                  .title = "Method not allowed",
                                                  .allow = "GET, HEAD"});
    else if (page == HEALTH_LIVE)
        exchange_reply(exchange, 200, fields, 2, SLICE("{\"status\":\"ok\"}"));
    else if (ready)
        exchange_reply(exchange, 200, fields, 2, SLICE("{\"status\":\"ready\"}"));
    else
        exchange_reply(exchange, 503, fields, 3, SLICE("{\"status\":\"not ready\"}"));
}
