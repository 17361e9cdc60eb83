#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/views.h"

enum { VIEWS_WHO = 64 * 1024 };

struct views {
    struct viewings *viewings;
    struct gates *gates;
    struct list open;
    int counts[GATES_MOST]; /* of `open`, by slot */
};

struct view {
    struct list link;
    struct views *views;
    unsigned slot;
    uint32_t id;
};

static void view_free(struct view *view)
{
    view->views->counts[view->slot]--;
    list_remove(&view->link);
    free(view);
}

static void views_answer(struct views *views, unsigned slot, uint32_t id, const struct viewing_answer *answer)
{
    json_t *body = json_pack("{s:i}", "status", answer->status);
    if (answer->text)
        json_object_set_new(body, "text", json_string(answer->text));
    const struct gates_message message = {.type = MESSAGE_GATE_ATTACH_ANSWER,
                                          .id = id,
                                          .body = body,
                                          .descriptors = &answer->link,
                                          .count = answer->link >= 0};
    gates_send(views->gates, slot, &message);
}

static void views_on_done(void *owner, const struct viewing_answer *answer)
{
    struct view *view = owner;
    views_answer(view->views, view->slot, view->id, answer);
    view_free(view);
}

static void views_refuse(struct views *views, unsigned slot, uint32_t id, int status, const char *text)
{
    const struct viewing_answer answer = {.status = status, .link = -1, .text = text};
    views_answer(views, slot, id, &answer);
}

void views_ask(struct views *views, unsigned slot, const struct channel_message *message)
{
    struct arena arena = ARENA(VIEWS_WHO);
    struct principal who = {0};
    CHECK(slot < GATES_MOST);
    if (!principal_decode(json_object_get(message->body, "who"), &arena, &who)) {
        views_refuse(views, slot, message->id, 400, "malformed");
    } else if (who.kind == PRINCIPAL_OPERATOR) {
        views_refuse(views, slot, message->id, 403, "no gate speaks for the operator");
    } else if (views->counts[slot] >= VIEWS_MOST) {
        views_refuse(views, slot, message->id, 503, "too many questions are open");
    } else {
        struct view *view = MEMORY_NEW(struct view);
        *view = (struct view){.views = views, .slot = slot, .id = message->id};
        list_append(&views->open, &view->link);
        views->counts[slot]++;
        viewings_attach(views->viewings, message->body, &who, views_on_done, view);
    }
    arena_free(&arena);
}

struct views *views_new(struct viewings *viewings, struct gates *gates)
{
    struct views *views = MEMORY_NEW(struct views);
    views->viewings = viewings;
    views->gates = gates;
    list_init(&views->open);
    return views;
}

void views_forget(struct views *views, unsigned slot)
{
    LIST_FOR_EACH(link, &views->open)
    {
        struct view *view = LIST_ENTRY(link, struct view, link);
        if (view->slot != slot)
            continue;
        viewings_forget(views->viewings, view);
        view_free(view);
    }
}

void views_free(struct views **where)
{
    if (!*where)
        return;
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        views_forget(*where, slot);
    free(*where);
    *where = NULL;
}
