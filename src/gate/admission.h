/* Who asks, for every request of a gate: what the keeper has told about credentials, the last use of
 * sessions, and the streams of those whose credential ends. What they may is admit's to say. */
#pragma once

#include "admit/credentials.h"
#include "admit/trusted.h"
#include "http/exchange.h"
#include "route/asker.h"
#include "route/streams.h"

struct admission;

/* Both outlive it. Nobody is known before the keeper has told. */
struct admission *admission_new(struct loop *loop, struct streams *streams, struct asker *asker);
void admission_free(struct admission **admission);

/* The keeper's word (MESSAGE_GATE_ADMISSION): takes the place of the last one at once, and ends the streams
 * of the credentials that count no more. False with the reason: malformed, nothing changed. */
bool admission_tell(struct admission *admission, const json_t *data, struct error *error);
/* People can sign in. */
bool admission_signs_in(const struct admission *admission);
/* Finds out who asks and whether by TLS, and writes both into the exchange. */
void admission_recognise(struct admission *admission, const struct trusted *trusted,
                         struct exchange *exchange);
/* Whether what somebody has shown still counts, but for its expiry; nobody has shown nothing. */
bool admission_stands(const struct admission *admission, const struct principal *principal);
/* Once a second: ends the streams of sessions that are over, and reports those in use. */
void admission_tick(struct admission *admission);
/* A session has been signed out here; the keeper's word on it follows. */
void admission_forget(struct admission *admission, const char *session);
