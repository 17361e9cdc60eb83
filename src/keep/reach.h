/* Whether what somebody else keeps can be reached: each address of a service is connected to now and then, by
 * a gate, and nothing is sent (design §5). Requests go there whatever is found; it is only shown. */
#pragma once

#include "config/config.h"

#include "keep/prober.h"

struct reach;

struct reach_settings {
    struct loop *loop;
    const struct config *config; /* read by reach_new() only */
    void (*on_ask)(void *owner, const struct prober_question *question);
    /* `text` NULL: it can be reached (again). */
    void (*on_result)(void *owner, const char *service, const char *address, const char *text);
    /* It still cannot be, but now for another reason: told at most every REACH_WELL_MS. */
    void (*on_reason)(void *owner, const char *service, const char *address, const char *text);
    void *owner;
};

enum { REACH_WELL_MS = 10000, REACH_RETRY_MS = 2000 };

/* Nothing is asked yet. Who answers questions is freed in the same turn of the loop at the latest. */
struct reach *reach_new(const struct reach_settings *settings);
void reach_start(struct reach *reach);
/* Another configuration is in force: nothing points into the old one afterwards. What is no longer there is
 * told as reached. */
void reach_reload(struct reach *reach, const struct config *config);
void reach_free(struct reach **reach);
