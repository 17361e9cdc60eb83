/* An answer that comes too late closes its link, which ends the viewing in the hold. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/attaches.h"

enum { PATIENCE_MS = 10000 /* the keeper gives up on a hold sooner */ };

struct attaches {
    attaches_send_fn *send;
    void *owner;
    struct pendings pendings;
};

struct attaches *attaches_new(struct loop *loop, attaches_send_fn *send, void *owner)
{
    struct attaches *attaches = MEMORY_NEW(struct attaches);
    attaches->send = send;
    attaches->owner = owner;
    pending_begin(&attaches->pendings, loop);
    return attaches;
}

void attaches_free(struct attaches **attaches)
{
    if (!*attaches)
        return;
    CHECK(pending_count(&(*attaches)->pendings) == 0);
    free(*attaches);
    *attaches = NULL;
}

void attaches_cancel(struct attach *attach)
{
    pending_end(&attach->pending);
}

static void settle(struct attach *attach, const struct attach_result *result)
{
    attaches_cancel(attach);
    attach->on_end(attach, result);
}

static void on_impatience(struct loop_timer *timer)
{
    settle(LIST_ENTRY(timer, struct attach, pending.patience),
           &(struct attach_result){.status = 504, .text = "reeve's keeper does not answer", .link = -1});
}

static void fail(struct pending *pending)
{
    settle(LIST_ENTRY(pending, struct attach, pending),
           &(struct attach_result){.status = 503,
                                   .text = "reeve's keeper is away: terminals are opened when it is back",
                                   .link = -1});
}

/* From the loop, so that on_end never fires inside attaches_ask(). */
static void on_nobody(struct loop_timer *timer)
{
    fail(LIST_ENTRY(timer, struct pending, patience));
}

void attaches_ask(struct attaches *attaches, struct attach *attach, const struct attach_question *question)
{
    pending_add(&attaches->pendings, &attach->pending);
    json_t *body =
        json_pack("{s:s%, s:b, s:b, s:o}", "target", question->target.data, question->target.size, "view",
                  question->view, "api", question->api, "who", principal_encode(question->who));
    bool sent = attaches->send(attaches->owner, attach->pending.id, body);
    pending_wait(&attaches->pendings, &attach->pending, sent ? PATIENCE_MS : 0,
                 sent ? on_impatience : on_nobody);
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
    struct pending *pending = fine ? pending_find(&attaches->pendings, id) : NULL;
    if (pending)
        settle(LIST_ENTRY(pending, struct attach, pending), &result);
    else if (link >= 0)
        close(link);
    return fine;
}

void attaches_keeper_away(struct attaches *attaches)
{
    pending_each(&attaches->pendings, fail);
}
