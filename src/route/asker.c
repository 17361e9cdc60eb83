/* A question without an answer ends by its own timer, whatever became of it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "link/memfd.h"
#include "wire/message.h"

#include "route/asker.h"

enum { INLINE = MESSAGE_BODY_LARGEST / 2 };

struct asker {
    asker_send_fn *send;
    void *owner;
    struct pendings pendings;
};

struct asker *asker_new(struct loop *loop, asker_send_fn *send, void *owner)
{
    struct asker *asker = MEMORY_NEW(struct asker);
    asker->send = send;
    asker->owner = owner;
    pending_begin(&asker->pendings, loop);
    return asker;
}

void asker_free(struct asker **asker)
{
    if (!*asker)
        return;
    CHECK(pending_count(&(*asker)->pendings) == 0);
    free(*asker);
    *asker = NULL;
}

static void settle(struct asking *asking, int status, const json_t *body)
{
    asking_cancel(asking);
    asking->on_answer(asking, status, body);
}

static void on_impatience(struct loop_timer *timer)
{
    settle(LIST_ENTRY(timer, struct asking, pending.patience), 503, NULL);
}

/* Small arguments go with the question, large ones beside it. */
static bool send_question(struct asker *asker, uint32_t id, json_t *body, const json_t *arguments)
{
    char *text = json_dumps(arguments, JSON_COMPACT);
    int memfd = -1;
    CHECK(text);
    if (strlen(text) <= INLINE)
        json_object_set(body, "arguments", (json_t *)(uintptr_t)arguments);
    else
        memfd = memfd_seal("reeve-question", slice_of_text(text));
    free(text);
    bool sent = asker->send(asker->owner, id, body, memfd);
    if (memfd >= 0)
        close(memfd);
    return sent;
}

void asker_ask(struct asker *asker, struct asking *asking, const char *operation, const struct principal *who,
               json_t *arguments)
{
    bool full = pending_count(&asker->pendings) >= ASKER_MOST;
    pending_add(&asker->pendings, &asking->pending);
    arguments = arguments ? arguments : json_object();
    json_t *body = json_pack("{s:s, s:o}", "operation", operation, "who", principal_encode(who));
    bool sent = false;
    if (full)
        json_decref(body);
    else
        sent = send_question(asker, asking->pending.id, body, arguments);
    json_decref(arguments);
    pending_wait(&asker->pendings, &asking->pending, sent ? ASKER_PATIENCE_MS : 0, on_impatience);
}

void asker_answer(struct asker *asker, uint32_t id, int status, const json_t *body)
{
    struct pending *pending = pending_find(&asker->pendings, id);
    if (pending)
        settle(LIST_ENTRY(pending, struct asking, pending), status, body);
}

static void give_up(struct pending *pending)
{
    settle(LIST_ENTRY(pending, struct asking, pending), 503, NULL);
}

void asker_keeper_away(struct asker *asker)
{
    pending_each(&asker->pendings, give_up);
}
