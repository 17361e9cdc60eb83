/* The keeper's half of admission (design §6): who has an account, who has signed in, which tokens and keys
 * count. What gates must know of it is pushed to them whole, at their start and at once when it changes.
 *
 * A database that fails stops no gate and no session: only nobody new gets in. */
#pragma once

#include "config/config.h"
#include "loop/loop.h"

#include "keep/gates.h"
#include "keep/journal.h"
#include "keep/sessions.h"
#include "keep/tokens.h"

struct accounts;

struct accounts_settings {
    struct loop *loop;
    const struct log *log;
    const struct config *config;
    struct journal *journal; /* open */
    struct gates *gates;
    struct snapshot_user user; /* what password helpers become */
};

/* Whether the users file can be used, where the configuration asks for one. False with the place and what to
 * do. */
bool accounts_check(const struct config *config, struct error *error);
/* NULL with the text of accounts_check(). Everything outlives it. */
struct accounts *accounts_new(const struct accounts_settings *settings, struct error *error);
void accounts_free(struct accounts **accounts); /* wipes the keys */
/* Another configuration, which accounts_check() has found good. */
void accounts_reload(struct accounts *accounts, const struct config *config);

/* A new gate learns who may pass. */
void accounts_tell(struct accounts *accounts, unsigned slot);

/* --- signing in, for keep/logins.c
 * --------------------------------------------------------------------------- */

/* A descriptor of the users file for a helper; -errno, -ENOENT also when nobody signs in here. */
int accounts_descriptor(const struct accounts *accounts);
/* Whether there is such a user. */
bool accounts_knows(const struct accounts *accounts, const char *user);

struct accounts_session {
    char id[SESSIONS_ID_SIZE];
    char *cookie; /* its value; free() */
    int64_t max_age_s;
};
/* A helper has found the password right in the line with this stamp: makes the session. 200, or 429, 503 with
 * the text. */
int accounts_sign_in(struct accounts *accounts, const struct user *claim, const char *address,
                     struct accounts_session *session, struct error *error);

/* --- for keep/operate_accounts.c
 * ------------------------------------------------------------------------------ */

json_t *accounts_users(const struct accounts *accounts);    /* [{name, groups, locked}] */
json_t *accounts_sessions(const struct accounts *accounts); /* as sessions_describe() */
json_t *accounts_tokens(const struct accounts *accounts);   /* as tokens_describe() */
/* Whose it is; NULL: there is none that lives. */
const char *accounts_session_user(const struct accounts *accounts, const char *id);
bool accounts_session_use(struct accounts *accounts, const char *id);
/* `by` is for the journal. False: there is none that lives. */
bool accounts_session_revoke(struct accounts *accounts, const char *id, const char *by);
/* As tokens_create() and tokens_revoke(), and gates know at once. A token that the database keeps against our
 * will is taken back all the same, until the next start (503). `expires_in_ms` 0: never. */
struct accounts_token {
    const char *name;
    int64_t expires_in_ms;
    int64_t expires_ms; /* filled in */
};
int accounts_token_create(struct accounts *accounts, struct accounts_token *wanted, const char *by,
                          struct tokens_made *made, struct error *error);
int accounts_token_revoke(struct accounts *accounts, const char *name_or_id, const char *by,
                          struct error *error);
