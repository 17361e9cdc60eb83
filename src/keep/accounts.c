#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/memfd.h"

#include "keep/accounts.h"
#include "keep/roster.h"
#include "keep/signkeys.h"

enum { ACCOUNTS_LOOK_MS = 1000 };

struct accounts {
    struct accounts_settings settings;
    enum config_auth_method method;
    char *cookie; /* name */
    struct config_session times;
    struct roster roster; /* without a path: nobody signs in */
    struct signkeys keys;
    struct sessions *sessions;
    json_t *tokens; /* rows of the database */
    int memfd;      /* what gates were told last; -1: nothing yet */
    struct loop_timer look;
};

static int64_t accounts_wall_ms(const struct accounts *accounts)
{
    const struct clock *clock = loop_clock(accounts->settings.loop);
    return clock->wall_ms(clock);
}

/* --- telling gates -----------------------------------------------------------------------------------------
 */

static json_t *accounts_data(const struct accounts *accounts)
{
    bool password = accounts->method == CONFIG_AUTH_PASSWORD;
    return json_pack("{s:s, s:o, s:O, s:o, s:s, s:{s:I, s:I}}", "method", password ? "password" : "none",
                     "keys", password ? signkeys_encode(&accounts->keys) : json_array(), "tokens",
                     accounts->tokens, "revoked",
                     password ? sessions_revoked(accounts->sessions) : json_array(), "cookie",
                     accounts->cookie, "session", "lifetime_ms", (json_int_t)accounts->times.lifetime_ms,
                     "idle_ms", (json_int_t)accounts->times.idle_ms);
}

void accounts_tell(struct accounts *accounts, unsigned slot)
{
    if (accounts->memfd >= 0)
        gates_send(accounts->settings.gates, slot,
                   &(struct gates_message){
                       .type = MESSAGE_GATE_ADMISSION, .descriptors = &accounts->memfd, .count = 1});
}

static void accounts_publish(struct accounts *accounts)
{
    json_t *data = accounts_data(accounts);
    char *text = json_dumps(data, JSON_COMPACT);
    int memfd = memfd_seal("reeve-admission", slice_of_text(text));
    seal_wipe(text, text ? strlen(text) : 0);
    free(text);
    json_decref(data);
    if (memfd < 0) {
        log_error(accounts->settings.log, "gates could not be told who may pass",
                  LOG_TEXT("error", strerror(-memfd)));
        return;
    }
    if (accounts->memfd >= 0)
        close(accounts->memfd);
    accounts->memfd = memfd;
    accounts_tell(accounts, GATES_ALL);
}

/* --- once a second
 * --------------------------------------------------------------------------------------------
 */

static bool accounts_look_at_users(struct accounts *accounts)
{
    struct error error;
    switch (roster_look(&accounts->roster, &error)) {
    case ROSTER_SAME:
        return false;
    case ROSTER_BROKEN:
        log_error(accounts->settings.log, "nobody can sign in: the users file cannot be used",
                  LOG_TEXT("error", error.text));
        journal_note(accounts->settings.journal, "users-unusable", json_pack("{s:s}", "error", error.text));
        return false;
    case ROSTER_CHANGED:
        break;
    }
    size_t count = accounts->roster.users->count;
    log_info(accounts->settings.log, "the users file has changed", LOG_NUMBER("users", (int64_t)count));
    journal_note(accounts->settings.journal, "users-changed", json_pack("{s:I}", "users", (json_int_t)count));
    return sessions_check(accounts->sessions, accounts->roster.users) > 0;
}

static bool accounts_token_is_over(const struct accounts *accounts)
{
    int64_t now_ms = accounts_wall_ms(accounts);
    for (size_t i = 0; i < json_array_size(accounts->tokens); i++) {
        const json_t *expires = json_object_get(json_array_get(accounts->tokens, i), "expires");
        if (json_is_integer(expires) && json_integer_value(expires) <= now_ms)
            return true;
    }
    return false;
}

/* The last rows stay when the database fails; those that are over go in any case. */
static void accounts_read_tokens(struct accounts *accounts)
{
    int64_t now_ms = accounts_wall_ms(accounts);
    json_t *rows = tokens_read(accounts->settings.journal->store, now_ms);
    if (rows) {
        json_decref(accounts->tokens);
        accounts->tokens = rows;
    }
    for (size_t i = json_array_size(accounts->tokens); i-- > 0;) {
        const json_t *expires = json_object_get(json_array_get(accounts->tokens, i), "expires");
        if (json_is_integer(expires) && json_integer_value(expires) <= now_ms)
            json_array_remove(accounts->tokens, i);
    }
}

static void accounts_on_look(struct loop_timer *timer)
{
    struct accounts *accounts = LIST_ENTRY(timer, struct accounts, look);
    struct store *store = accounts->settings.journal->store;
    bool news = false;
    if (accounts->method == CONFIG_AUTH_PASSWORD) {
        news |= accounts_look_at_users(accounts);
        news |= sessions_sweep(accounts->sessions) > 0;
        news |=
            signkeys_rotate(&accounts->keys, store, accounts_wall_ms(accounts), accounts->times.lifetime_ms);
    }
    if (accounts_token_is_over(accounts)) {
        accounts_read_tokens(accounts);
        news = true;
    }
    if (news)
        accounts_publish(accounts);
    loop_timer_start(accounts->settings.loop, timer, ACCOUNTS_LOOK_MS, accounts_on_look);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------
 */

static bool accounts_place(const struct config *config, struct error *error)
{
    struct config_place at = config_place_of(&config->item, "auth.users");
    if (!config_is_set(&config->item, "auth.users"))
        at = config_place_of(&config->item, "auth.method");
    char place[512];
    return error_prefix(error, "%s: auth.users", config_place_text(&at, place, sizeof place));
}

bool accounts_check(const struct config *config, struct error *error)
{
    struct roster roster;
    if (config->auth.method != CONFIG_AUTH_PASSWORD)
        return true;
    bool good = roster_open(&roster, config->auth.users, error);
    roster_close(&roster);
    return good || accounts_place(config, error);
}

static void accounts_apply(struct accounts *accounts, const struct config *config)
{
    struct error error;
    accounts->method = config->auth.method;
    accounts->times = config->auth.session;
    free(accounts->cookie);
    accounts->cookie = memory_format("reeve-%s", config->name);
    roster_close(&accounts->roster);
    if (accounts->method == CONFIG_AUTH_PASSWORD &&
        !roster_open(&accounts->roster, config->auth.users, &error))
        log_error(accounts->settings.log, "nobody can sign in: the users file cannot be used",
                  LOG_TEXT("error", error.text));
    if (accounts->method == CONFIG_AUTH_PASSWORD && accounts->keys.count == 0)
        signkeys_load(&accounts->keys, accounts->settings.journal->store, accounts_wall_ms(accounts));
}

void accounts_reload(struct accounts *accounts, const struct config *config)
{
    accounts->settings.config = config;
    accounts_apply(accounts, config);
    sessions_reload(accounts->sessions, &accounts->times);
    if (accounts->roster.users)
        sessions_check(accounts->sessions, accounts->roster.users);
    accounts_publish(accounts);
}

struct accounts *accounts_new(const struct accounts_settings *settings, struct error *error)
{
    if (!accounts_check(settings->config, error))
        return NULL;
    struct accounts *accounts = MEMORY_NEW(struct accounts);
    *accounts = (struct accounts){.settings = *settings, .memfd = -1, .tokens = json_array()};
    accounts_apply(accounts, settings->config);
    const struct sessions_settings sessions = {
        .clock = loop_clock(settings->loop), .journal = settings->journal, .times = accounts->times};
    accounts->sessions = sessions_new(&sessions);
    if (accounts->roster.users)
        sessions_check(accounts->sessions, accounts->roster.users); /* the file may be another one by now */
    accounts_read_tokens(accounts);
    accounts_publish(accounts);
    loop_timer_start(settings->loop, &accounts->look, ACCOUNTS_LOOK_MS, accounts_on_look);
    return accounts;
}

void accounts_free(struct accounts **owned)
{
    struct accounts *accounts = *owned;
    if (!accounts)
        return;
    loop_timer_stop(&accounts->look);
    if (accounts->memfd >= 0)
        close(accounts->memfd);
    signkeys_wipe(&accounts->keys);
    sessions_free(&accounts->sessions);
    json_decref(accounts->tokens);
    roster_close(&accounts->roster);
    free(accounts->cookie);
    free(accounts);
    *owned = NULL;
}

/* --- signing in
 * -----------------------------------------------------------------------------------------------
 */

int accounts_descriptor(const struct accounts *accounts)
{
    return accounts->roster.path ? roster_descriptor(&accounts->roster) : -ENOENT;
}

bool accounts_knows(const struct accounts *accounts, const char *user)
{
    return roster_find(&accounts->roster, user) != NULL;
}

/* What the helper read may be newer than what we did. */
static const struct user *accounts_claimed(struct accounts *accounts, const struct user *claim)
{
    const struct user *user = roster_find(&accounts->roster, claim->name);
    if ((!user || strcmp(user->stamp, claim->stamp) != 0) && accounts->roster.path) {
        if (accounts_look_at_users(accounts))
            accounts_publish(accounts);
        user = roster_find(&accounts->roster, claim->name);
    }
    return user && strcmp(user->stamp, claim->stamp) == 0 ? user : NULL;
}

static char *accounts_seal(const struct accounts *accounts, const struct user *user,
                           const struct sessions_new *made)
{
    const struct session session = {
        .id = made->id,
        .user = user->name,
        .groups = user->groups,
        .group_count = user->group_count,
        .issued_ms = made->issued_ms,
        .expires_ms = made->expires_ms,
    };
    return session_seal(&session, &accounts->keys.keys[0]);
}

int accounts_sign_in(struct accounts *accounts, const struct user *claim, const char *address,
                     struct accounts_session *session, struct error *error)
{
    const struct user *user = accounts_claimed(accounts, claim);
    struct sessions_new made;
    *session = (struct accounts_session){0};
    if (!user) {
        error_set(error, "the users file has just changed");
        return 503;
    }
    switch (sessions_add(accounts->sessions, user, address, &made)) {
    case SESSIONS_FULL:
        error_set(error, "too many sessions are open, or were of late; signing out ends one");
        return 429;
    case SESSIONS_FAILED:
        error_set(error, "the database does not take a new session");
        return 503;
    case SESSIONS_ADDED:
        break;
    }
    session->cookie = accounts_seal(accounts, user, &made);
    memcpy(session->id, made.id, sizeof session->id);
    session->max_age_s = (made.expires_ms - made.issued_ms) / 1000;
    if (session->cookie)
        return 200;
    accounts_session_revoke(accounts, made.id, NULL);
    error_set(error, "the cookie would be too long");
    return 503;
}

/* --- operations
 * -----------------------------------------------------------------------------------------------
 */

json_t *accounts_users(const struct accounts *accounts)
{
    const struct users *users = accounts->roster.users;
    json_t *rows = json_array();
    for (size_t i = 0; users && i < users->count; i++) {
        const struct user *user = &users->items[i];
        json_t *groups = json_array();
        for (size_t g = 0; g < user->group_count; g++)
            json_array_append_new(groups, json_string(user->groups[g]));
        json_array_append_new(
            rows, json_pack("{s:s, s:o, s:b}", "name", user->name, "groups", groups, "locked", user->locked));
    }
    return rows;
}

json_t *accounts_sessions(const struct accounts *accounts)
{
    return accounts->method == CONFIG_AUTH_PASSWORD ? sessions_describe(accounts->sessions) : json_array();
}

json_t *accounts_tokens(const struct accounts *accounts)
{
    return tokens_describe(accounts->tokens);
}

const char *accounts_session_user(const struct accounts *accounts, const char *id)
{
    return sessions_user(accounts->sessions, id);
}

bool accounts_session_use(struct accounts *accounts, const char *id)
{
    return sessions_use(accounts->sessions, id);
}

bool accounts_session_revoke(struct accounts *accounts, const char *id, const char *by)
{
    bool ended = sessions_revoke(accounts->sessions, id, by, "taken back");
    if (ended)
        accounts_publish(accounts);
    return ended;
}

int accounts_token_create(struct accounts *accounts, struct accounts_token *wanted, const char *by,
                          struct tokens_made *made, struct error *error)
{
    int64_t now_ms = accounts_wall_ms(accounts);
    const struct tokens_new token = {
        .name = wanted->name, .now_ms = now_ms, .life_ms = wanted->expires_in_ms};
    int status = tokens_create(accounts->settings.journal->store, &token, made, error);
    if (status != 201)
        return status;
    wanted->expires_ms = made->expires_ms;
    journal_note(accounts->settings.journal, "token-created",
                 json_pack("{s:s, s:s, s:I, s:s}", "token", made->id, "name", wanted->name, "expires",
                           (json_int_t)wanted->expires_ms, "by", by));
    accounts_read_tokens(accounts);
    accounts_publish(accounts);
    return status;
}

static void accounts_drop_token(struct accounts *accounts, const char *name_or_id)
{
    for (size_t i = json_array_size(accounts->tokens); i-- > 0;) {
        const json_t *row = json_array_get(accounts->tokens, i);
        if (strcmp(json_string_value(json_object_get(row, "name")), name_or_id) == 0 ||
            strcmp(json_string_value(json_object_get(row, "id")), name_or_id) == 0)
            json_array_remove(accounts->tokens, i);
    }
}

int accounts_token_revoke(struct accounts *accounts, const char *name_or_id, const char *by,
                          struct error *error)
{
    int status = tokens_revoke(accounts->settings.journal->store, name_or_id, error);
    if (status == 404)
        return status;
    journal_note(accounts->settings.journal, "token-revoked",
                 json_pack("{s:s, s:s}", "token", name_or_id, "by", by));
    accounts_drop_token(accounts, name_or_id);
    accounts_publish(accounts);
    return status;
}
