/* Sign-ins that live, and those that were taken back and whose cookies would not have expired yet.
 *
 * What is in memory decides; the database is written first where something new begins, and after a restart
 * what it has is read back. Times on the outside are of the wall clock; idle time is counted by
 * CLOCK_BOOTTIME. */
#pragma once

#include <jansson.h>

#include "admit/users.h"
#include "base/clock.h"
#include "config/config.h"

struct journal;
struct sessions;

enum {
    SESSIONS_MOST = 20000,
    SESSIONS_OF_USER_MOST = 1000,
    SESSIONS_OF_USER_KEPT_MOST = 2000, /* with those taken back: one user does not use up SESSIONS_MOST */
    SESSIONS_ID_SIZE = 23,             /* 128 random bits in base64url, and a NUL */
};

struct sessions_settings {
    const struct clock *clock;
    struct journal *journal; /* with the database */
    struct config_session times;
};

struct sessions *sessions_new(const struct sessions_settings *settings); /* and reads what was there */
void sessions_free(struct sessions **sessions);
void sessions_reload(struct sessions *sessions, const struct config_session *times);

enum sessions_outcome {
    SESSIONS_ADDED,
    SESSIONS_FULL,   /* too many, of this user or of all */
    SESSIONS_FAILED, /* the database does not take it */
};

struct sessions_new {
    char id[SESSIONS_ID_SIZE];
    int64_t issued_ms, expires_ms;
};
/* Row first: only what is in the database is a session. */
enum sessions_outcome sessions_add(struct sessions *sessions, const struct user *user, const char *address,
                                   struct sessions_new *made);
/* It was just used. False: there is none, or it was taken back. */
bool sessions_use(struct sessions *sessions, const char *id);
/* Takes it back; `by` and `why` are for the journal. False: there is none that lives. */
bool sessions_revoke(struct sessions *sessions, const char *id, const char *by, const char *why);
/* Takes back those whose user has gone or has another password or other groups now. How many. */
size_t sessions_check(struct sessions *sessions, const struct users *users);
/* Forgets what has expired, takes back what is idle. How many were taken back. */
size_t sessions_sweep(struct sessions *sessions);

/* Whose it is; NULL: there is none that lives. Valid until the next call that changes something. */
const char *sessions_user(const struct sessions *sessions, const char *id);
/* Ids of those taken back; a new reference. */
json_t *sessions_revoked(const struct sessions *sessions);
/* Those that live: [{id, user, address, created, used, expires}], times as RFC 3339; a new reference. */
json_t *sessions_describe(const struct sessions *sessions);
