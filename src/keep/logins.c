#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/attempts.h"
#include "keep/helper.h"
#include "keep/logins.h"

enum {
    LOGINS_USER_MOST = 256,
    LOGINS_ADDRESS_MOST = 128,
    LOGINS_RETRY_S = 1,    /* when all helpers are busy */
    LOGINS_BROKEN_S = 5,   /* when something of ours does not work */
    LOGINS_NEWS_MS = 1000, /* failures go into the journal at most this often, with a count of the others */
};

/* One helper's place: a question of a gate until it has its verdict, then only a process that ends. */
struct logins_place {
    struct logins *logins;
    struct helper *helper; /* NULL: free */
    bool waits;            /* the gate does, for the verdict */
    unsigned slot;
    uint32_t id;
    char *user, *address;
};

struct logins {
    struct accounts_settings settings;
    struct accounts *accounts;
    struct attempts *attempts;
    struct logins_place places[LOGINS_HELPERS_MOST];
    int64_t news_ms;     /* when the last failure was written down */
    unsigned unreported; /* failures since then */
};

/* --- answers ----------------------------------------------------------------------------------------------
 */

static void logins_answer(struct logins *logins, unsigned slot, uint32_t id, json_t *body)
{
    gates_send(logins->settings.gates, slot,
               &(struct gates_message){.type = MESSAGE_GATE_LOGIN_ANSWER, .id = id, .body = body});
}

struct logins_refusal {
    int status;
    int64_t retry_after_s;
    const char *text;
};

static void logins_refuse(struct logins *logins, unsigned slot, uint32_t id,
                          const struct logins_refusal *refusal)
{
    logins_answer(logins, slot, id,
                  json_pack("{s:i, s:I, s:s}", "status", refusal->status, "retry_after_s",
                            (json_int_t)refusal->retry_after_s, "text", refusal->text));
}

/* A name that nobody has may be a password in the wrong field: it is written down nowhere. */
static void logins_write_down(struct logins *logins, const char *event, const struct logins_place *place,
                              const char *why)
{
    int64_t now_ms = loop_now_ms(logins->settings.loop);
    if (logins->news_ms && now_ms - logins->news_ms < LOGINS_NEWS_MS) {
        logins->unreported++;
        return;
    }
    bool known = accounts_knows(logins->accounts, place->user);
    journal_note(logins->settings.journal, event,
                 json_pack("{s:s*, s:s, s:s, s:i}", "user", known ? place->user : NULL, "address",
                           place->address, "why", why, "others_before", (int)logins->unreported));
    log_warning(logins->settings.log, "a sign-in was refused",
                LOG_TEXT("user", known ? place->user : "(unknown)"), LOG_TEXT("address", place->address),
                LOG_TEXT("why", why));
    logins->news_ms = now_ms;
    logins->unreported = 0;
}

/* --- the verdict -------------------------------------------------------------------------------------------
 */

static void logins_let_in(struct logins_place *place, const char *stamp)
{
    struct logins *logins = place->logins;
    struct user claim = {.name = place->user};
    struct accounts_session session;
    struct error error = {0};
    attempts_succeed(logins->attempts, place->user, place->address);
    int status = 503;
    if (strlen(stamp) < sizeof claim.stamp) {
        memcpy(claim.stamp, stamp, strlen(stamp));
        status = accounts_sign_in(logins->accounts, &claim, place->address, &session, &error);
    }
    if (status != 200) {
        logins_write_down(logins, "sign-in-failed", place, error.text);
        logins_refuse(logins, place->slot, place->id,
                      &(struct logins_refusal){status, LOGINS_BROKEN_S, error.text});
        return;
    }
    log_info(logins->settings.log, "signed in", LOG_TEXT("user", place->user),
             LOG_TEXT("address", place->address));
    journal_note(
        logins->settings.journal, "signed-in",
        json_pack("{s:s, s:s, s:s}", "user", place->user, "address", place->address, "session", session.id));
    logins_answer(logins, place->slot, place->id,
                  json_pack("{s:i, s:s, s:I}", "status", 200, "cookie", session.cookie, "max_age_s",
                            (json_int_t)session.max_age_s));
    seal_wipe(session.cookie, strlen(session.cookie));
    free(session.cookie);
}

static void logins_keep_out(struct logins_place *place, const char *why)
{
    struct logins *logins = place->logins;
    if (why)
        logins_write_down(logins, "sign-in-failed", place, why);
    else
        attempts_leave(logins->attempts, place->user);
    logins_answer(logins, place->slot, place->id, json_pack("{s:i}", "status", 401));
}

static void logins_give_up(struct logins_place *place, const char *text)
{
    struct logins *logins = place->logins;
    attempts_take_back(logins->attempts, place->user, place->address);
    log_error(logins->settings.log, "a password could not be checked", LOG_TEXT("error", text));
    journal_note(logins->settings.journal, "sign-in-broken",
                 json_pack("{s:s, s:s}", "address", place->address, "error", text));
    logins_refuse(logins, place->slot, place->id,
                  &(struct logins_refusal){503, LOGINS_BROKEN_S, "the password could not be checked"});
}

static void logins_on_verdict(void *owner, const struct helper_verdict *verdict)
{
    struct logins_place *place = owner;
    bool other = verdict->user && strcmp(verdict->user, place->user) != 0;
    place->waits = false;
    if (other) /* the gate has asked for one name and tried another */
        logins_keep_out(place, "two names in one question");
    else if (verdict->kind == HELPER_FITS)
        logins_let_in(place, verdict->stamp);
    else if (verdict->kind == HELPER_WRONG)
        logins_keep_out(place, "wrong user or password");
    else if (verdict->kind == HELPER_NOTHING)
        logins_keep_out(place, NULL);
    else
        logins_give_up(place, verdict->text);
}

static void logins_clear(struct logins_place *place)
{
    free(place->user);
    free(place->address);
    *place = (struct logins_place){.logins = place->logins};
}

static void logins_on_gone(void *owner)
{
    logins_clear(owner);
}

static const struct helper_events logins_helper_events = {
    .on_verdict = logins_on_verdict,
    .on_gone = logins_on_gone,
};

/* --- the question ------------------------------------------------------------------------------------------
 */

static struct logins_place *logins_free_place(struct logins *logins)
{
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++)
        if (!logins->places[i].helper)
            return &logins->places[i];
    return NULL;
}

/* 0, or -errno: a helper is on its way and the gate has its socket. */
static int logins_start(struct logins *logins, struct logins_place *place)
{
    const struct accounts_settings *settings = &logins->settings;
    int users = accounts_descriptor(logins->accounts), socket = -1, error = 0;
    if (users < 0)
        return users;
    const struct helper_start start = {
        .loop = settings->loop,
        .log = settings->log,
        .journal = settings->journal,
        .user = settings->user,
        .users = users,
        .events = &logins_helper_events,
        .owner = place,
        .place = place,
    };
    place->helper = helper_start(&start, &socket, &error);
    close(users);
    if (!place->helper)
        return error;
    place->waits = true;
    gates_send(settings->gates, place->slot,
               &(struct gates_message){.type = MESSAGE_GATE_LOGIN_ANSWER,
                                       .id = place->id,
                                       .body = json_pack("{s:i}", "status", 100),
                                       .descriptors = &socket,
                                       .count = 1});
    close(socket);
    return 0;
}

/* False: it has to wait, and was told so. */
static bool logins_may_try(struct logins *logins, const struct logins_place *place)
{
    static const char *const texts[] = {
        [ATTEMPTS_USER] = "too many failures for this name",
        [ATTEMPTS_ADDRESS] = "too many failures from this address",
        [ATTEMPTS_ALL] = "too many sign-ins at once",
    };
    const struct clock *clock = loop_clock(logins->settings.loop);
    struct attempts_answer answer =
        attempts_begin(logins->attempts, place->user, place->address, clock->boottime_ms(clock));
    if (answer.limit == ATTEMPTS_NONE)
        return true;
    logins_write_down(logins, "sign-in-refused", place, texts[answer.limit]);
    logins_refuse(logins, place->slot, place->id,
                  &(struct logins_refusal){answer.limit == ATTEMPTS_ALL ? 503 : 429,
                                           (answer.wait_ms + 999) / 1000, texts[answer.limit]});
    return false;
}

static void logins_try(struct logins *logins, struct logins_place *place)
{
    int error = logins_may_try(logins, place) ? logins_start(logins, place) : 0;
    if (error)
        logins_give_up(place, strerror(-error));
    if (!place->helper)
        logins_clear(place);
}

void logins_ask(struct logins *logins, unsigned slot, const struct channel_message *message)
{
    const char *user = json_string_value(json_object_get(message->body, "user"));
    const char *address = json_string_value(json_object_get(message->body, "address"));
    struct logins_place *place = logins_free_place(logins);
    if (!user || !address || strlen(user) > LOGINS_USER_MOST || strlen(address) > LOGINS_ADDRESS_MOST) {
        logins_answer(logins, slot, message->id, json_pack("{s:i}", "status", 401));
    } else if (!place) {
        logins_refuse(logins, slot, message->id,
                      &(struct logins_refusal){503, LOGINS_RETRY_S, "too many sign-ins at once"});
    } else {
        place->slot = slot;
        place->id = message->id;
        place->user = memory_text(user);
        place->address = memory_text(address);
        logins_try(logins, place);
    }
}

void logins_forget(struct logins *logins, unsigned slot)
{
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++) {
        struct logins_place *place = &logins->places[i];
        if (!place->helper || !place->waits || place->slot != slot)
            continue;
        place->waits = false;
        attempts_take_back(logins->attempts, place->user, place->address);
        helper_drop(place->helper);
    }
}

size_t logins_count(const struct logins *logins)
{
    size_t count = 0;
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++)
        count += logins->places[i].helper != NULL;
    return count;
}

bool logins_has(const struct logins *logins, pid_t pid)
{
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++)
        if (logins->places[i].helper && helper_pid(logins->places[i].helper) == pid)
            return true;
    return false;
}

struct logins *logins_new(const struct accounts_settings *settings, struct accounts *accounts)
{
    struct logins *logins = MEMORY_NEW(struct logins);
    logins->settings = *settings;
    logins->accounts = accounts;
    logins->attempts = attempts_new();
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++)
        logins->places[i].logins = logins;
    return logins;
}

void logins_free(struct logins **owned)
{
    struct logins *logins = *owned;
    if (!logins)
        return;
    for (size_t i = 0; i < LOGINS_HELPERS_MOST; i++) {
        helper_free(&logins->places[i].helper);
        logins_clear(&logins->places[i]);
    }
    attempts_free(&logins->attempts);
    free(logins);
    *owned = NULL;
}
