/* No look at any target here: who checks /health wants to know of reeve alone. */
#include <stdlib.h>

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

static void health_age_object(json_t *object, int64_t more_ms)
{
    json_t *age = json_object_get(object, "age_ms");
    if (json_is_integer(age))
        json_integer_set(age, json_integer_value(age) + more_ms);
}

/* Time has gone on since the keeper wrote them: objects have ages, and lists of them. */
static void health_age(json_t *details, int64_t more_ms)
{
    const char *name;
    json_t *value;
    json_object_foreach(details, name, value)
    {
        health_age_object(value, more_ms);
        for (size_t i = 0; i < json_array_size(value); i++)
            health_age_object(json_array_get(value, i), more_ms);
    }
}

static void health_show(struct exchange *exchange, const struct exchange_field *fields,
                        const struct health_facts *facts)
{
    json_t *details = json_deep_copy(facts->details);
    int64_t as_of_ms = json_integer_value(json_object_get(details, "as_of_ms"));
    health_age(details, facts->now_ms > as_of_ms ? facts->now_ms - as_of_ms : 0);
    json_object_set_new(details, "keeper_age_ms", json_integer(facts->keeper_age_ms));
    char *text = json_dumps(details, JSON_COMPACT);
    json_decref(details);
    exchange_reply(exchange, 200, fields, 2, slice_of_text(text ? text : "{}"));
    free(text);
}

void health_answer(struct exchange *exchange, enum health_page page, const struct health_facts *facts)
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
    else if (page == HEALTH_LIVE && facts->details)
        health_show(exchange, fields, facts);
    else if (page == HEALTH_LIVE)
        exchange_reply(exchange, 200, fields, 2, SLICE("{\"status\":\"ok\"}"));
    else if (facts->ready)
        exchange_reply(exchange, 200, fields, 2, SLICE("{\"status\":\"ready\"}"));
    else
        exchange_reply(exchange, 503, fields, 3, SLICE("{\"status\":\"not ready\"}"));
}
