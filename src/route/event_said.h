/* What reeve itself says in an event stream, put together before it is sent (docs/events.md). Every event has
 * a name that no line of a file can take (wire/event_name.h). */
#pragma once

#include <jansson.h>

#include "wire/chunks.h"
#include "wire/sse.h"

enum { EVENT_SAID_MOST = 8192 };

struct event_said {
    struct buffer bytes; /* with room for EVENT_SAID_MOST */
};

struct event_said event_said_new(void);
void event_said_drop(struct event_said *said);
/* How long a client shall wait before it comes back. */
void event_said_retry(struct event_said *said);
/* `id` NULL: none. Takes the reference to `data`. */
void event_said_event(struct event_said *said, const char *name, const struct event_id *id, json_t *data);
/* `reset` with where the client was, its own words as they are (as far as they can stand in JSON), and why.
 */
json_t *event_said_reset(struct slice from, const char *reason);
/* `auth`: the credential has ended, `reason` is how. */
void event_said_auth(struct event_said *said, const char *reason);
/* `retry:` and `bye`: the stream ends, and the client shall come back then, not all of them at the same time.
 */
void event_said_bye(struct event_said *said);
/* What was said as one piece, which points into it; empty: nothing was. */
struct chunks_piece event_said_piece(struct event_said *said);
