/* What a gate serves: one snapshot made into routes (wire/SNAPSHOT.md). Immutable once built.
 *
 * A newer one replaces it at once for new requests; it lives until the last exchange that it answers is over,
 * which serving_left() counts. */
#pragma once

#include <jansson.h>

#include "base/log.h"
#include "route/events.h"
#include "route/health.h"
#include "route/limits.h"
#include "route/login.h"
#include "route/proxy.h"
#include "route/terminals.h"
#include "route/refusals.h"

#include "gate/access.h"
#include "gate/admission.h"
#include "gate/console.h"
#include "gate/descriptors.h"
#include "gate/entrance.h"

struct serving;

enum serving_access { SERVING_ACCESS_NONE, SERVING_ACCESS_STDOUT, SERVING_ACCESS_DESCRIPTOR };

/* What is not for single requests. */
struct serving_settings {
    enum serving_access access;
    enum access_format access_format;
    int access_fd; /* SERVING_ACCESS_DESCRIPTOR: the taker's; else -1 */
    enum log_level log_level;
    int64_t drain_ms;
    size_t listener_count;
    int listeners[ENTRANCE_MOST]; /* the taker's */
    const char *addresses[ENTRANCE_MOST];
    bool is_console[ENTRANCE_MOST]; /* the listener of the console alone */
};

/* What answers with: one each for the whole gate, all of which outlive the serving. */
struct serving_means {
    struct proxy *proxy;
    struct asker *asker;
    struct events *events;
    struct topics *topics;
    struct admission *admission;
    struct login *login;
    struct terminals *terminals;
    /* What /health and /ready tell; the details go only to those who may see them. */
    struct health_facts (*health)(void *owner);
    void *owner;
    struct limits *limits;
    struct refusals *refusals;
};

/* Checks every member's type and takes the descriptors that it names. The snapshot's JSON is borrowed until
 * the end of the call. NULL with the text, which names the row's place. */
struct serving *serving_new(const json_t *snapshot, struct descriptors *descriptors,
                            const struct serving_means *means, struct error *error);
/* Whoever takes descriptors sets their places to -1; the rest are closed with the serving. */
struct serving_settings *serving_settings(struct serving *serving);

/* Whether one of its routes has this id (exchange_set_route()). */
bool serving_has_route(const struct serving *serving, uint64_t id);
/* Where that one stands ("reeve.yaml:12:5"); NULL: none has it. */
const char *serving_place(const struct serving *serving, uint64_t id);

/* Whether a stream that was let in once would be let in now, by the same door. False with what to tell it:
 * who may not come in any more, and STREAMS_MOVED for one whose door is not there any more, or who would have
 * less there. What is left of its route is streams_leave_moved()'s. */
bool serving_still_admits(const struct serving *serving, const struct stream_member *member,
                          enum streams_reason *reason);

/* Admission, route, answer. Sets the exchange's context to the serving: call serving_left() with it when its
 * record comes. */
void serving_answer(struct serving *serving, struct exchange *exchange);
/* Details of /health are for the console's listener, and for tokens (contract §2). */
bool serving_shows_details(const struct serving *serving, const struct exchange *exchange);
void serving_left(struct serving *serving);
/* No new requests come: frees it as soon as nothing of it is open. Sets *serving to NULL. */
void serving_retire(struct serving **serving);
