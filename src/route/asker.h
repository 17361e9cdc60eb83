/* What routes ask of the keeper (MESSAGE_GATE_ASK; keep/operations.h says what may be asked): one place that
 * counts the questions, waits for the answers and gives up. */
#pragma once

#include <jansson.h>

#include "wire/principal.h"

#include "route/pending.h"

enum { ASKER_MOST = 256 /* open questions */, ASKER_PATIENCE_MS = 60000 };

struct asker;

/* One question, inside its owner's object; all zero: not asked. */
struct asking {
    struct pending pending;
    /* Once, from the loop, unless it is cancelled: an HTTP status and an object, which on an error has a
     * member "text". 503 and NULL: the keeper is away or does not answer, or too many questions are open.
     * May ask again and may free its owner. */
    void (*on_answer)(struct asking *asking, int status, const json_t *body);
};

/* Sends a question; {operation, who, arguments}, or with `descriptor` (borrowed; else -1) for the arguments.
 * Takes the reference to `body`. False: nobody is there. */
typedef bool asker_send_fn(void *owner, uint32_t id, json_t *body, int descriptor);

struct asker *asker_new(struct loop *loop, asker_send_fn *send, void *owner);
void asker_free(struct asker **asker); /* CHECKs that nothing is under way */

/* Asks, with asking->on_answer set. Takes the reference to `arguments` (NULL: {}). */
void asker_ask(struct asker *asker, struct asking *asking, const char *operation, const struct principal *who,
               json_t *arguments);
/* The answer to question `id` has come; one that nobody waits for is dropped. `body` is borrowed. */
void asker_answer(struct asker *asker, uint32_t id, int status, const json_t *body);
/* The keeper has gone: everybody is told. */
void asker_keeper_away(struct asker *asker);

/* Its answer is not wanted any more. Does nothing when it is not under way. */
static inline void asking_cancel(struct asking *asking)
{
    pending_end(&asking->pending);
}
