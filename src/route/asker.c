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
    struct loop *loop;
    asker_send_fn *send;
    void *owner;
    struct list open;
    uint32_t last_id;
};

struct asker *asker_new(struct loop *loop, asker_send_fn *send, void *owner)
{
    struct asker *asker = MEMORY_NEW(struct asker);
    asker->loop = loop;
    asker->send = send;
    asker->owner = owner;
    list_init(&asker->open);
    return asker;
}

void asker_free(struct asker **asker)
{
    if (!*asker)
        return;
    CHECK(list_empty(&(*asker)->open));
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
    settle(LIST_ENTRY(timer, struct asking, patience), 503, NULL);
}

static size_t count_open(const struct asker *asker)
{
    size_t count = 0;
    for (const struct list *link = asker->open.next; link != &asker->open; link = link->next)
        count++;
    return count;
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
    CHECK(!asking->id);
    bool full = count_open(asker) >= ASKER_MOST;
    asker->last_id = asker->last_id == UINT32_MAX ? 1 : asker->last_id + 1;
    asking->id = asker->last_id;
    list_append(&asker->open, &asking->link);
    arguments = arguments ? arguments : json_object();
    json_t *body = json_pack("{s:s, s:o}", "operation", operation, "who", principal_encode(who));
    bool sent = false;
    if (full)
        json_decref(body);
    else
        sent = send_question(asker, asking->id, body, arguments);
    json_decref(arguments);
    loop_timer_start(asker->loop, &asking->patience, sent ? ASKER_PATIENCE_MS : 0, on_impatience);
}

void asker_answer(struct asker *asker, uint32_t id, int status, const json_t *body)
{
    LIST_FOR_EACH(link, &asker->open)
    {
        struct asking *asking = LIST_ENTRY(link, struct asking, link);
        if (asking->id != id)
            continue;
        settle(asking, status, body);
        return;
    }
}

void asker_keeper_away(struct asker *asker)
{
    for (size_t i = count_open(asker); i > 0 && !list_empty(&asker->open); i--)
        settle(LIST_ENTRY(asker->open.next, struct asking, link), 503, NULL);
}
