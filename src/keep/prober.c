/* One object per open question, with a timer of its own: whatever becomes of the gate, there is an answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"

#include "keep/prober.h"

enum { PROBER_ANSWER_SIZE = 32 };

struct prober {
    struct loop *loop;
    struct list open;
    uint32_t last; /* id */
};

struct prober_asked {
    struct list link;
    struct prober *prober;
    uint32_t id;
    unsigned slot;
    bool sent;
    struct loop_timer late;
    prober_done_fn *on_done;
    void *owner;
    uint32_t tag;
};

struct prober_question prober_about(const struct target_row *row, int socket)
{
    return (struct prober_question){
        .target = row->name,
        .generation = row->generation,
        .address = row->address_count ? row->addresses[0] : NULL,
        .tls = row->tls,
        .socket = row->socket ? socket : -1,
    };
}

struct prober *prober_new(struct loop *loop)
{
    struct prober *prober = MEMORY_NEW(struct prober);
    prober->loop = loop;
    list_init(&prober->open);
    return prober;
}

static void prober_drop(struct prober_asked *asked)
{
    list_remove(&asked->link);
    loop_timer_stop(&asked->late);
    loop_free_later(asked->prober->loop, asked, free);
}

static void prober_done(struct prober_asked *asked, bool ok, const char *text)
{
    prober_drop(asked);
    asked->on_done(asked->owner, asked->tag, ok, text);
}

static void prober_on_late(struct loop_timer *timer)
{
    struct prober_asked *asked = LIST_ENTRY(timer, struct prober_asked, late);
    prober_done(asked, false, asked->sent ? "the gate that asked did not answer" : "no gate could ask");
}

static void prober_send(struct prober_asked *asked, const struct prober_question *question,
                        struct channel *channel)
{
    bool through = question->socket >= 0;
    const char *tls = question->tls && question->tls[0] ? question->tls : NULL;
    json_t *body = json_pack("{s:s, s:I, s:I, s:s*, s:s*, s:s*, s:s*}", "target", question->target,
                             "generation", (json_int_t)question->generation, "timeout_ms",
                             (json_int_t)question->timeout_ms, "path", question->path, "method",
                             question->method, "address", through ? NULL : question->address, "tls", tls);
    channel_send(channel, MESSAGE_GATE_PROBE, asked->id, body, &question->socket, through ? 1 : 0);
}

void prober_ask(struct prober *prober, const struct prober_question *question, unsigned slot,
                struct channel *channel)
{
    struct prober_asked *asked = MEMORY_NEW(struct prober_asked);
    prober->last = prober->last == UINT32_MAX ? 1 : prober->last + 1;
    *asked = (struct prober_asked){.prober = prober,
                                   .id = prober->last,
                                   .slot = slot,
                                   .sent = channel != NULL,
                                   .on_done = question->on_done,
                                   .owner = question->owner,
                                   .tag = question->tag};
    list_append(&prober->open, &asked->link);
    loop_timer_start(prober->loop, &asked->late, channel ? question->timeout_ms + PROBER_SLACK_MS : 0,
                     prober_on_late);
    if (channel)
        prober_send(asked, question, channel);
}

void prober_answered(struct prober *prober, unsigned slot, uint32_t id, const json_t *body)
{
    LIST_FOR_EACH(link, &prober->open)
    {
        struct prober_asked *asked = LIST_ENTRY(link, struct prober_asked, link);
        if (!asked->sent || asked->id != id || asked->slot != slot)
            continue;
        const char *text = json_string_value(json_object_get(body, "error"));
        char answer[PROBER_ANSWER_SIZE];
        snprintf(answer, sizeof answer, "it answered %d",
                 (int)json_integer_value(json_object_get(body, "status")));
        prober_done(asked, json_is_true(json_object_get(body, "ok")), text ? text : answer);
        return;
    }
}

void prober_slot_gone(struct prober *prober, unsigned slot)
{
    LIST_FOR_EACH(link, &prober->open)
    {
        struct prober_asked *asked = LIST_ENTRY(link, struct prober_asked, link);
        if (asked->sent && asked->slot == slot)
            loop_timer_start(prober->loop, &asked->late, 0, prober_on_late);
    }
}

void prober_free(struct prober **where)
{
    struct prober *prober = *where;
    if (!prober)
        return;
    LIST_FOR_EACH(link, &prober->open)
    prober_drop(LIST_ENTRY(link, struct prober_asked, link));
    free(prober);
    *where = NULL;
}
