/* The record is written by hand: a JSON library would leave copies of the password behind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "route/signins.h"

enum {
    PATIENCE_MS = 15000, /* the keeper answers within 12 s */
    RETRY_AFTER_MOST = 3600,
};

struct signins {
    signins_send_fn *send;
    void *owner;
    struct pendings pendings;
};

struct signins *signins_new(struct loop *loop, signins_send_fn *send, void *owner)
{
    struct signins *signins = MEMORY_NEW(struct signins);
    signins->send = send;
    signins->owner = owner;
    pending_begin(&signins->pendings, loop);
    return signins;
}

void signins_free(struct signins **signins)
{
    if (!*signins)
        return;
    CHECK(pending_count(&(*signins)->pendings) == 0);
    free(*signins);
    *signins = NULL;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void wipe(struct signin *signin)
{
    if (signin->record)
        explicit_bzero(signin->record, SIGNIN_RECORD_MOST);
    free(signin->record);
    signin->record = NULL;
}

void signins_cancel(struct signin *signin)
{
    if (!pending_end(&signin->pending))
        return;
    wipe(signin);
    if (signin->helper >= 0)
        close(signin->helper);
    signin->helper = -1;
}

static void end(struct signin *signin, const struct signin_result *result)
{
    signins_cancel(signin);
    signin->on_end(signin, result);
}

static void fail(struct signin *signin)
{
    end(signin, &(struct signin_result){.status = 503, .retry_after_s = 1});
}

static void on_impatient(struct loop_timer *timer)
{
    fail(LIST_ENTRY(timer, struct signin, pending.patience));
}

/* From the loop, so that on_end never fires inside signins_start(). */
static void on_refused(struct loop_timer *timer)
{
    end(LIST_ENTRY(timer, struct signin, pending.patience), &(struct signin_result){.status = 401});
}

/* --- the record -------------------------------------------------------------------------------------- */

/* Room for "\u0000" and what follows is kept. */
static bool put_text(struct signin *signin, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    char *at = signin->record;
    size_t size = signin->record_size;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (size + 16 > SIGNIN_RECORD_MOST)
            return false;
        if (byte == '"' || byte == '\\')
            at[size++] = '\\';
        if (byte < 0x20) {
            memcpy(at + size, "\\u00", 4);
            at[size + 4] = hex[byte >> 4];
            at[size + 5] = hex[byte & 15];
            size += 6;
        } else {
            at[size++] = (char)byte;
        }
    }
    signin->record_size = size;
    return true;
}

static void put(struct signin *signin, struct slice text)
{
    memcpy(signin->record + signin->record_size, text.data, text.size);
    signin->record_size += text.size;
}

static bool is_sound(struct slice text)
{
    return utf8_valid(text) && slice_find(text, '\0') == text.size;
}

/* {"user": ..., "password": ...} */
static bool write_record(struct signin *signin, struct slice user, struct slice password)
{
    signin->record = memory_new(SIGNIN_RECORD_MOST);
    signin->record_size = 0;
    put(signin, SLICE("{\"user\":\""));
    if (user.size == 0 || !is_sound(user) || !is_sound(password) || !put_text(signin, user) ||
        signin->record_size + 32 > SIGNIN_RECORD_MOST)
        return false;
    put(signin, SLICE("\",\"password\":\""));
    if (!put_text(signin, password))
        return false;
    put(signin, SLICE("\"}"));
    return true;
}

/* --- the conversation -------------------------------------------------------------------------------- */

void signins_start(struct signins *signins, struct signin *signin, struct slice user, struct slice password,
                   const char *address)
{
    CHECK(signin->on_end);
    signin->signins = signins;
    signin->helper = -1;
    pending_add(&signins->pendings, &signin->pending);
    pending_wait(&signins->pendings, &signin->pending, PATIENCE_MS, on_impatient);
    if (!write_record(signin, user, password)) {
        wipe(signin);
        pending_wait(&signins->pendings, &signin->pending, 0, on_refused);
        return;
    }
    json_t *body = json_pack("{s:s%, s:s}", "user", user.data, user.size, "address", address);
    CHECK(body);
    if (!signins->send(signins->owner, signin->pending.id, body))
        pending_wait(&signins->pendings, &signin->pending, 0, on_impatient);
}

static struct signin *find(const struct signins *signins, uint32_t id)
{
    struct pending *pending = pending_find(&signins->pendings, id);
    return pending ? LIST_ENTRY(pending, struct signin, pending) : NULL;
}

/* A helper is there: it gets its one record. The socket is fresh, so there is room. */
static void tell_helper(struct signin *signin, int helper)
{
    signin->helper = helper;
    ssize_t sent = send(helper, signin->record, signin->record_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    bool whole = sent == (ssize_t)signin->record_size;
    wipe(signin);
    if (!whole)
        fail(signin);
}

static bool tell_result(struct signin *signin, int status, const json_t *body)
{
    json_int_t retry_after_s = json_integer_value(json_object_get(body, "retry_after_s"));
    const struct signin_result result = {
        .status = status,
        .cookie = json_string_value(json_object_get(body, "cookie")),
        .max_age_s = json_integer_value(json_object_get(body, "max_age_s")),
        .retry_after_s = retry_after_s > 0 && retry_after_s <= RETRY_AFTER_MOST ? retry_after_s : 0,
    };
    if ((status != 200 && status != 401 && status != 429 && status != 503) ||
        (status == 200 && (!result.cookie || result.max_age_s <= 0)))
        return false;
    end(signin, &result);
    return true;
}

bool signins_told(struct signins *signins, uint32_t id, const json_t *body, int helper)
{
    struct signin *signin = find(signins, id);
    int status = (int)json_integer_value(json_object_get(body, "status"));
    bool begins = status == 100 && helper >= 0, wanted = begins && signin && signin->record;
    if (wanted)
        tell_helper(signin, helper);
    else if (helper >= 0)
        close(helper);
    if (begins)
        return true; /* its owner may have left meanwhile */
    return signin ? tell_result(signin, status, body) : status >= 200;
}

static void on_away(struct pending *pending)
{
    fail(LIST_ENTRY(pending, struct signin, pending));
}

void signins_keeper_away(struct signins *signins)
{
    pending_each(&signins->pendings, on_away);
}
