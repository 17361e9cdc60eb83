/* Listening sockets from the surviving gates of a dead keeper (design §3 "Crash"): nobody is refused
 * meanwhile.
 *
 * Each gate serves a hand-over socket in the runtime directory that its keeper bound for it. Blocking, with
 * limits: it runs before the loop does. */
#pragma once

#include "keep/listeners.h"

enum { HANDOVER_MOST = 64 };

struct handover {
    int connections[HANDOVER_MOST]; /* to gates that answered */
    int connected;
    struct identity
        survivors[HANDOVER_MOST]; /* from gates.json: processes of the dead keeper that still live */
    int survivor_count;
};

/* Reads state/gates.json, asks every hand-over socket for listeners (within 3 s for all together, and at
 * least 500 ms for each). Survivors that do not answer are killed through a pidfd; `journal` is told. */
void handover_take(struct handover *handover, const char *state_directory, const char *runtime_directory,
                   struct listeners *listeners, const struct listeners_settings *settings);
bool handover_is_survivor(const struct handover *handover, const struct identity *identity);
/* Our own gates serve now: the old ones end what is open within `timeout_ms`. Closes the connections. */
void handover_drain(struct handover *handover, int64_t timeout_ms);
