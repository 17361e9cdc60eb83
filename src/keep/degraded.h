/* What is not as it should be while reeve goes on, each with its reason and since when (design §5): shown in
 * the status and in the details of /health until it has healed. */
#pragma once

#include <jansson.h>

#include "base/clock.h"

struct degraded;

struct degraded_settings {
    const struct clock *clock;
    /* `reason` NULL: it has healed, after `after_ms`. Not for another reason of what is degraded already. */
    void (*on_change)(void *owner, const char *what, const char *reason, int64_t after_ms);
    /* What degraded_describe() says has changed. */
    void (*on_news)(void *owner);
    void *owner;
};

struct degraded *degraded_new(const struct degraded_settings *settings);
/* `what` names it for people: "loop reconcile", "service nas", "access log". Said again, the reason is the
 * new one and the time stays. What comes beyond DEGRADED_MOST things is left out. */
void degraded_set(struct degraded *degraded, const char *what, const char *reason);
/* It is well again; nothing happens when it was not degraded. */
void degraded_clear(struct degraded *degraded, const char *what);
enum { DEGRADED_MOST = 200 };
/* [{what, reason, since, age_ms}], the longest first; a new reference. */
json_t *degraded_describe(const struct degraded *degraded);
void degraded_free(struct degraded **degraded);
