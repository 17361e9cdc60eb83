/* The door of one snapshot: its hosts, origins and trusted proxies. Every request goes through it before
 * anything is started, connected or opened for it (design §6). */
#pragma once

#include "admit/admit.h"

#include "gate/admission.h"

struct door;

/* Reads "hosts", "origins" and "trusted_proxies" of the snapshot. NULL with the reason. */
struct door *door_new(const json_t *snapshot, struct error *error);
void door_free(struct door **door);

struct door_question {
    enum admit_door door;
    bool routed;
    bool hostless; /* HTTP/1.0 may come without a Host (RFC 9112 §3.2): nothing depends on it there */
    const char *const *allow;
    size_t allow_count;
};

/* Finds out who asks (exchange_principal() says it from then on). */
void door_recognise(const struct door *door, struct admission *admission, struct exchange *exchange);
/* Whether the request may pass; one that may not has its answer. */
bool door_admits(const struct door *door, const struct admission *admission, struct exchange *exchange,
                 const struct door_question *question);
