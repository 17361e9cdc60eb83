#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"

#include "keep/viewing.h"
#include "keep/visits.h"

struct viewing {
    struct loop *loop;
    struct viewing_events events;
    struct visits *visits;
    struct list asks;
    size_t asked; /* of them */
    bool mute;    /* its hold has left a question without an answer, and has said nothing since */
    uint32_t last_id;
    struct hold_terminal_news now; /* columns 0: nothing is known */
};

/* One question to the hold. */
struct viewing_request {
    struct list link;
    struct viewing *viewing;
    uint32_t id;
    int view; /* the viewer's end */
    struct hold_terminal_attach attach;
    struct loop_timer limit;
    viewing_done_fn *done;
    void *owner;
};

static void viewing_request_free(struct viewing_request *request)
{
    if (request->view >= 0)
        close(request->view);
    loop_timer_stop(&request->limit);
    list_remove(&request->link);
    request->viewing->asked--;
    loop_free_later(request->viewing->loop, request, free);
}

static void viewing_answer(struct viewing_request *request, int status, const char *text)
{
    const struct viewing_answer answer = {
        .status = status, .link = status == 200 ? request->view : -1, .text = text};
    request->done(request->owner, &answer);
    viewing_request_free(request);
}

static void viewing_on_limit(struct loop_timer *timer)
{
    struct viewing_request *request = LIST_ENTRY(timer, struct viewing_request, limit);
    request->viewing->mute = true;
    viewing_answer(request, 504, "its hold does not answer");
}

static struct viewing_request *viewing_find(struct viewing *viewing, uint32_t id)
{
    LIST_FOR_EACH(link, &viewing->asks)
    {
        struct viewing_request *request = LIST_ENTRY(link, struct viewing_request, link);
        if (request->id == id)
            return request;
    }
    return NULL;
}

/* --- the journal --------------------------------------------------------------------------------------- */

static void viewing_journal_attach(struct viewing *viewing, const struct viewing_request *request,
                                   int64_t number)
{
    const struct visit visit = {.action = request->attach.view ? VISIT_WATCH : VISIT_ATTACH,
                                .user = request->attach.user,
                                .viewer = number};
    visits_add(viewing->visits, &visit);
}

static int64_t viewing_wall_ms(const struct viewing *viewing, int64_t boottime_ms)
{
    const struct clock *clock = loop_clock(viewing->loop);
    int64_t wall_ms = clock->wall_ms(clock) - (clock->boottime_ms(clock) - boottime_ms);
    return wall_ms > 0 ? wall_ms : 0;
}

static void viewing_journal_news(struct viewing *viewing, struct hold_terminal_news *news)
{
    const struct visit visit = {.action = news->action == HOLD_TERMINAL_INPUT ? VISIT_INPUT : VISIT_DETACH,
                                .user = utf8_clean(news->user),
                                .viewer = news->viewer,
                                .bytes = news->bytes,
                                .first_ms = viewing_wall_ms(viewing, news->first_ms),
                                .last_ms = viewing_wall_ms(viewing, news->last_ms)};
    visits_add(viewing->visits, &visit);
}

void viewing_tell(struct viewing *viewing)
{
    visits_tell(viewing->visits);
}

/* --- what the hold says ----------------------------------------------------------------------------------
 */

static void viewing_on_news(struct viewing *viewing, const json_t *body)
{
    struct hold_terminal_news news;
    struct error error = {0};
    if (!hold_terminal_news_decode(body, &news, &error))
        return;
    const struct hold_terminal_news before = viewing->now;
    viewing->now = news;
    if (news.columns != before.columns || news.rows != before.rows || news.viewers != before.viewers)
        viewing->events.on_change(viewing->events.owner, &viewing->now);
    if (news.action != HOLD_TERMINAL_NOTHING)
        viewing_journal_news(viewing, &news);
}

static void viewing_on_refusal(struct viewing_request *request, const json_t *body)
{
    const char *said = json_string_value(json_object_get(body, "text"));
    int status = (int)json_integer_value(json_object_get(body, "status"));
    char *text = memory_text(said ? said : "its hold refused without saying why");
    if (status == 0) { /* of a version that knows no terminals */
        free(text);
        text = memory_text("its hold is of a version without terminals; restart it");
    }
    viewing_answer(request, status == 429 || status == 503 ? status : 409, utf8_clean(text));
    free(text);
}

static void viewing_on_answer(struct viewing *viewing, const struct channel_message *message)
{
    struct viewing_request *request = message->id ? viewing_find(viewing, message->id) : NULL;
    int64_t number = json_integer_value(json_object_get(message->body, "viewer"));
    if (!request)
        return;
    if (message->type == MESSAGE_ERROR) {
        viewing_on_refusal(request, message->body);
        return;
    }
    viewing_journal_attach(viewing, request, number);
    viewing_answer(request, 200, NULL);
}

bool viewing_hear(struct viewing *viewing, const struct channel_message *message)
{
    switch ((int)message->type) {
    case MESSAGE_HOLD_TERMINAL:
        viewing->mute = false;
        viewing_on_news(viewing, message->body);
        return true;
    case MESSAGE_HOLD_ATTACH:
    case MESSAGE_ERROR:
        viewing->mute = false;
        viewing_on_answer(viewing, message);
        return true;
    default:
        return false;
    }
}

/* --- from outside ----------------------------------------------------------------------------------------
 */

static uint32_t viewing_next_id(struct viewing *viewing)
{
    do
        viewing->last_id++;
    while (viewing->last_id == 0 || viewing_find(viewing, viewing->last_id));
    return viewing->last_id;
}

void viewing_ask(struct viewing *viewing, struct channel *channel, const struct hold_terminal_attach *attach,
                 viewing_done_fn *done, void *owner)
{
    struct viewing_request *request = MEMORY_NEW(struct viewing_request);
    int pair[2];
    *request = (struct viewing_request){.viewing = viewing,
                                        .view = -1,
                                        .id = viewing_next_id(viewing),
                                        .attach = *attach,
                                        .done = done,
                                        .owner = owner};
    viewing->asked++;
    utf8_clean(request->attach.user); /* it may have been cut, and goes into the journal */
    list_append(&viewing->asks, &request->link);
    if (viewing->asked > (viewing->mute ? VIEWING_MUTE_MOST : VIEWING_MOST)) {
        viewing_answer(request, 503,
                       viewing->mute ? "its hold does not answer" : "many ask for it at once; try again");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) {
        viewing_answer(request, 503, strerror(errno));
        return;
    }
    request->view = pair[0];
    int failed = !channel ? -EPIPE
                          : channel_send(channel, MESSAGE_HOLD_ATTACH, request->id,
                                         hold_terminal_attach_encode(&request->attach), &pair[1], 1);
    close(pair[1]);
    if (failed)
        viewing_answer(request, 503, "its run has just begun or is just ending; try again");
    else
        loop_timer_start(viewing->loop, &request->limit, VIEWING_ANSWER_MS, viewing_on_limit);
}

struct viewing *viewing_new(struct loop *loop, const struct viewing_events *events)
{
    struct viewing *viewing = MEMORY_NEW(struct viewing);
    viewing->loop = loop;
    viewing->events = *events;
    viewing->visits = visits_new(loop, events->on_journal, events->owner);
    list_init(&viewing->asks);
    return viewing;
}

void viewing_free(struct viewing **where)
{
    struct viewing *viewing = *where;
    if (!viewing)
        return;
    LIST_FOR_EACH(link, &viewing->asks)
    viewing_answer(LIST_ENTRY(link, struct viewing_request, link), 503, "it has ended");
    visits_free(&viewing->visits);
    free(viewing);
    *where = NULL;
}
