/* An answer that comes too late closes its link, which ends the viewing in the hold. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/attaches.h"

enum { PATIENCE_MS = 10000 /* the keeper gives up on a hold sooner */ };

struct attaches {
    struct loop *loop;
    attaches_send_fn *send;
    void *owner;
    struct list open;
    uint32_t last_id;
};

struct attaches *attaches_new(struct loop *loop, attaches_send_fn *send, void *owner)
{
    struct attaches *attaches = MEMORY_NEW(struct attaches);
    attaches->loop = loop;
    attaches->send = send;
    attaches->owner = owner;
    list_init(&attaches->open);
    return attaches;
}

void attaches_free(struct attaches **attaches)
{
    if (!*attaches)
        return;
    CHECK(list_empty(&(*attaches)->open));
    free(*attaches);
    *attaches = NULL;
}

void attaches_cancel(struct attach *attach)
{
    if (!attach->id)
        return;
    attach->id = 0;
    list_remove(&attach->link);
    loop_timer_stop(&attach->patience);
}

static void settle(struct attach *attach, const struct attach_result *result)
{
    attaches_cancel(attach);
    attach->on_end(attach, result);
}

static void on_impatience(struct loop_timer *timer)
{
    settle(LIST_ENTRY(timer, struct attach, patience),
           &(struct attach_result){.status = 504, .text = "reeve's keeper does not answer", .link = -1});
}

static void fail(struct attach *attach)
{
    settle(attach,
           &(struct attach_result){.status = 503,
                                   .text = "reeve's keeper is away: terminals are opened when it is back",
                                   .link = -1});
}

/* From the loop, so that on_end never fires inside attaches_ask(). */
static void on_nobody(struct loop_timer *timer)
{
    fail(LIST_ENTRY(timer, struct attach, patience));
}

void attaches_ask(struct attaches *attaches, struct attach *attach, const struct attach_question *question)
{
    CHECK(!attach->id);
    attaches->last_id = attaches->last_id == UINT32_MAX ? 1 : attaches->last_id + 1;
    attach->id = attaches->last_id;
    list_append(&attaches->open, &attach->link);
    json_t *body =
        json_pack("{s:s%, s:b, s:b, s:o}", "target", question->target.data, question->target.size, "view",
                  question->view, "api", question->api, "who", principal_encode(question->who));
    bool sent = attaches->send(attaches->owner, attach->id, body);
    loop_timer_start(attaches->loop, &attach->patience, sent ? PATIENCE_MS : 0,
                     sent ? on_impatience : on_nobody);
}

static struct attach *find(struct attaches *attaches, uint32_t id)
{
    LIST_FOR_EACH(link, &attaches->open)
    {
        struct attach *attach = LIST_ENTRY(link, struct attach, link);
        if (attach->id == id)
            return attach;
    }
    return NULL;
}

static bool make_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool attaches_told(struct attaches *attaches, uint32_t id, const json_t *body, int link)
{
    const json_t *status = json_object_get(body, "status");
    struct attach_result result = {
        .status = (int)json_integer_value(status),
        .text = json_string_value(json_object_get(body, "text")),
        .link = link,
    };
    bool fine = json_is_integer(status) && (result.status == 200) == (link >= 0) &&
                (link < 0 || make_non_blocking(link));
    struct attach *attach = fine ? find(attaches, id) : NULL;
    if (attach)
        settle(attach, &result);
    else if (link >= 0)
        close(link);
    return fine;
}

void attaches_keeper_away(struct attaches *attaches)
{
    LIST_FOR_EACH(link, &attaches->open)
    fail(LIST_ENTRY(link, struct attach, link));
}
