/* What counts as a credential (design §6), as the keeper has told it: live keys, tokens, revoked sessions.
 * Replaced as a whole; asked for every request that shows something. The only I/O is the keeper's message. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "wire/fields.h"
#include "wire/principal.h"

struct credentials;

/* Reads the JSON of MESSAGE_GATE_ADMISSION (wire/message.h), strictly: NULL with the reason. */
struct credentials *credentials_new(const json_t *data, struct error *error);
/* Nobody can sign in and no token is known: before the keeper has told anything. */
struct credentials *credentials_none(void);
void credentials_free(struct credentials **credentials);

/* People can sign in: `auth.method` is not none. */
bool credentials_sign_in(const struct credentials *credentials);
/* How often the use of a session is to be reported: a minute, or less when it ends soon without use. */
int64_t credentials_usage_interval_ms(const struct credentials *credentials);

struct credentials_shown {
    const struct fields *fields; /* of the request: Authorization and Cookie are read */
    bool secure;                 /* it came over TLS: which cookie counts */
    int64_t wall_ms;
};

/* Whoever shows a token or a session that counts; a token goes before a cookie. &principal_nobody when there
 * is none, or when it is malformed, forged, expired, revoked or another reeve's. It is in `arena`. */
const struct principal *credentials_find(struct credentials *credentials,
                                         const struct credentials_shown *shown, struct arena *arena);
/* That session counts no more, until the keeper's next word. */
void credentials_revoke(struct credentials *credentials, const char *session);
/* Whether somebody's credential still counts, but for its expiry. */
bool credentials_stand(const struct credentials *credentials, const struct principal *principal);
