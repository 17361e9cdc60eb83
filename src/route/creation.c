/* However many visits come at once, the keeper answers all but the first that there is one like it. */
#include <string.h>

#include "route/creation.h"
#include "route/problem.h"

struct creation {
    struct asking asking;
    struct exchange *exchange;
    void (*go)(void *owner, struct exchange *exchange);
    void *owner;
};

bool creation_may(const struct http1_head *head)
{
    struct slice site = fields_get(&head->fields, FIELD_SEC_FETCH_SITE);
    struct slice mode = fields_get(&head->fields, FIELD_SEC_FETCH_MODE);
    struct slice to = fields_get(&head->fields, FIELD_SEC_FETCH_DEST);
    return !slice_equal(site, SLICE("cross-site")) ||
           (slice_equal(mode, SLICE("navigate")) && slice_equal(to, SLICE("document")));
}

static void on_gone(void *owner)
{
    struct creation *creation = owner;
    asking_cancel(&creation->asking);
}

static void on_nothing(void *owner)
{
    (void)owner; /* the body stays unread until somebody answers */
}

static const struct exchange_events creation_events = {
    .on_body = on_nothing,
    .on_room = on_nothing,
    .on_gone = on_gone,
};

/* What a visitor is told: the program is not there, is not for them, or not now. */
static void refuse(struct exchange *exchange, int status, const char *text)
{
    const struct problem full = {
        .status = 429, .type = "too-many-instances", .title = "Too many instances", .detail = text};
    switch (status) {
    case 429:
        problem_reply(exchange, &full);
        return;
    case 403:
    case 503:
        problem_reply_status(exchange, status,
                             text ? text : "reeve's keeper is away: nothing is created now");
        return;
    case 409: /* it is being removed right now */
        problem_reply_status(exchange, 503, text);
        return;
    default:
        problem_reply_status(exchange, 404, text);
    }
}

static void on_answer(struct asking *asking, int status, const json_t *body)
{
    struct creation *creation = LIST_ENTRY(asking, struct creation, asking);
    if (status == 200 || status == 201)
        creation->go(creation->owner, creation->exchange);
    else
        refuse(creation->exchange, status, json_string_value(json_object_get(body, "text")));
}

void creation_begin(struct asker *asker, struct exchange *exchange, struct slice target,
                    void (*go)(void *owner, struct exchange *exchange), void *owner)
{
    size_t slash = slice_find(target, '/');
    struct slice template = slice_between(target, 0, slash), id = slice_from(target, slash + 1);
    struct creation *creation = arena_new(exchange_arena(exchange), sizeof *creation);
    if (!creation) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *creation = (struct creation){.exchange = exchange, .go = go, .owner = owner};
    creation->asking.on_answer = on_answer;
    exchange_set_events(exchange, &creation_events, creation);
    asker_ask(asker, &creation->asking, "create", exchange_principal(exchange),
              json_pack("{s:s%, s:s%}", "template", template.data, template.size, "id", id.data, id.size));
}
