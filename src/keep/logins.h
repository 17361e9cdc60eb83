/* Signing in, as gates ask for it (MESSAGE_GATE_LOGIN): how often, by which helper, and what comes of it.
 *
 * A gate may have been taken over: it says who tries and from where, and is believed no more than that. */
#pragma once

#include "keep/accounts.h"

enum { LOGINS_HELPERS_MOST = 4 };

struct logins;

/* Everything outlives it. */
struct logins *logins_new(const struct accounts_settings *settings, struct accounts *accounts);
/* Kills the helpers. */
void logins_free(struct logins **logins);
/* One MESSAGE_GATE_LOGIN of the gate in `slot`. It is answered, once or twice, unless that gate goes. */
void logins_ask(struct logins *logins, unsigned slot, const struct channel_message *message);
/* The gate of that slot has gone: nobody is there to be let in. */
void logins_forget(struct logins *logins, unsigned slot);
/* Helpers that have not gone, the ones that only end included: LOGINS_HELPERS_MOST at most. */
size_t logins_count(const struct logins *logins);
/* Whether this process is a helper of ours: it may not come to the control socket. */
bool logins_has(const struct logins *logins, pid_t pid);
