#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <uthash.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/sessions.h"

#include "keep/journal.h"
#include "keep/sessions.h"

enum { SESSIONS_ID_BYTES = 16 };

struct sessions_entry {
    char id[SESSIONS_ID_SIZE];
    char *user;
    char *address;
    char stamp[USERS_STAMP_SIZE];
    int64_t created_ms, expires_ms; /* wall clock */
    int64_t used_ms;                /* boottime */
    bool revoked;
    UT_hash_handle hh; /* in the order in which they were made */
};

struct sessions {
    struct sessions_settings settings;
    struct sessions_entry *entries;
};

static int64_t sessions_wall_ms(const struct sessions *sessions)
{
    return sessions->settings.clock->wall_ms(sessions->settings.clock);
}

static int64_t sessions_boottime_ms(const struct sessions *sessions)
{
    return sessions->settings.clock->boottime_ms(sessions->settings.clock);
}

static struct sessions_entry *sessions_find(const struct sessions *sessions, const char *id)
{
    struct sessions_entry *entry = NULL;
    HASH_FIND_STR(sessions->entries, id, entry);
    return entry;
}

/* One that lives. */
static struct sessions_entry *sessions_find_live(const struct sessions *sessions, const char *id)
{
    struct sessions_entry *entry = id ? sessions_find(sessions, id) : NULL;
    bool lives = entry && !entry->revoked && entry->expires_ms > sessions_wall_ms(sessions);
    return lives ? entry : NULL;
}

static void sessions_forget(struct sessions *sessions, struct sessions_entry *entry)
{
    HASH_DEL(sessions->entries, entry);
    free(entry->user);
    free(entry->address);
    free(entry);
}

/* --- what was there --------------------------------------------------------------------------------------
 */

static int64_t sessions_number(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static const char *sessions_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void sessions_take_row(struct sessions *sessions, const json_t *row)
{
    const char *id = sessions_text(row, "id"), *stamp = sessions_text(row, "stamp");
    int64_t idle_ms = sessions_wall_ms(sessions) - sessions_number(row, "used");
    if (strlen(id) + 1 != SESSIONS_ID_SIZE || strlen(stamp) + 1 != USERS_STAMP_SIZE ||
        sessions_find(sessions, id) || HASH_COUNT(sessions->entries) >= SESSIONS_MOST)
        return;
    struct sessions_entry *entry = MEMORY_NEW(struct sessions_entry);
    *entry = (struct sessions_entry){
        .user = memory_text(sessions_text(row, "user")),
        .address = memory_text(sessions_text(row, "address")),
        .created_ms = sessions_number(row, "created"),
        .expires_ms = sessions_number(row, "expires"),
        .used_ms = sessions_boottime_ms(sessions) - (idle_ms > 0 ? idle_ms : 0),
        .revoked = json_is_integer(json_object_get(row, "revoked")),
    };
    memcpy(entry->id, id, SESSIONS_ID_SIZE);
    memcpy(entry->stamp, stamp, USERS_STAMP_SIZE);
    HASH_ADD_STR(sessions->entries, id, entry);
}

struct sessions *sessions_new(const struct sessions_settings *settings)
{
    struct sessions *sessions = MEMORY_NEW(struct sessions);
    sessions->settings = *settings;
    store_sessions_prune(settings->journal->store, sessions_wall_ms(sessions));
    json_t *rows = store_sessions_read(settings->journal->store);
    for (size_t i = 0; i < json_array_size(rows); i++)
        sessions_take_row(sessions, json_array_get(rows, i));
    json_decref(rows);
    return sessions;
}

void sessions_free(struct sessions **owned)
{
    struct sessions *sessions = *owned;
    while (sessions && sessions->entries)
        sessions_forget(sessions, sessions->entries);
    free(sessions);
    *owned = NULL;
}

void sessions_reload(struct sessions *sessions, const struct config_session *times)
{
    sessions->settings.times = *times;
}

/* --- life
 * ---------------------------------------------------------------------------------------------------
 */

static bool sessions_has_room(const struct sessions *sessions, const char *user)
{
    size_t live = 0, kept = 0;
    for (const struct sessions_entry *entry = sessions->entries; entry; entry = entry->hh.next) {
        bool of_user = strcmp(entry->user, user) == 0;
        live += of_user && !entry->revoked;
        kept += of_user;
    }
    return live < SESSIONS_OF_USER_MOST && kept < SESSIONS_OF_USER_KEPT_MOST &&
           HASH_COUNT(sessions->entries) < SESSIONS_MOST;
}

enum sessions_outcome sessions_add(struct sessions *sessions, const struct user *user, const char *address,
                                   struct sessions_new *made)
{
    uint8_t random[SESSIONS_ID_BYTES];
    if (!sessions_has_room(sessions, user->name))
        return SESSIONS_FULL;
    CHECK(getrandom(random, sizeof random, 0) == sizeof random);
    *made = (struct sessions_new){.issued_ms = sessions_wall_ms(sessions)};
    made->id[seal_encode(slice_of(random, sizeof random), made->id)] = '\0';
    made->expires_ms = made->issued_ms + sessions->settings.times.lifetime_ms;
    const struct store_session row = {
        .id = made->id,
        .user = user->name,
        .stamp = user->stamp,
        .address = address,
        .created_ms = made->issued_ms,
        .expires_ms = made->expires_ms,
    };
    if (!store_sessions_add(sessions->settings.journal->store, &row))
        return SESSIONS_FAILED;
    struct sessions_entry *entry = MEMORY_NEW(struct sessions_entry);
    *entry = (struct sessions_entry){
        .user = memory_text(user->name),
        .address = memory_text(address),
        .created_ms = made->issued_ms,
        .expires_ms = made->expires_ms,
        .used_ms = sessions_boottime_ms(sessions),
    };
    memcpy(entry->id, made->id, SESSIONS_ID_SIZE);
    memcpy(entry->stamp, user->stamp, USERS_STAMP_SIZE);
    HASH_ADD_STR(sessions->entries, id, entry);
    return SESSIONS_ADDED;
}

bool sessions_use(struct sessions *sessions, const char *id)
{
    struct sessions_entry *entry = sessions_find_live(sessions, id);
    if (!entry)
        return false;
    entry->used_ms = sessions_boottime_ms(sessions);
    store_sessions_use(sessions->settings.journal->store, id, sessions_wall_ms(sessions));
    return true;
}

/* A database that fails does not keep anybody signed in. */
static void sessions_end(struct sessions *sessions, struct sessions_entry *entry, const char *by,
                         const char *why)
{
    struct journal *journal = sessions->settings.journal;
    journal_note(
        journal, "signed-out",
        json_pack("{s:s, s:s, s:s*, s:s}", "session", entry->id, "user", entry->user, "by", by, "why", why));
    if (!store_sessions_revoke(journal->store, entry->id, sessions_wall_ms(sessions)))
        log_warning(journal->log, "the end of a session could not be recorded",
                    LOG_TEXT("user", entry->user));
    entry->revoked = true;
}

bool sessions_revoke(struct sessions *sessions, const char *id, const char *by, const char *why)
{
    struct sessions_entry *entry = sessions_find_live(sessions, id);
    if (entry)
        sessions_end(sessions, entry, by, why);
    return entry != NULL;
}

size_t sessions_check(struct sessions *sessions, const struct users *users)
{
    size_t ended = 0;
    for (struct sessions_entry *entry = sessions->entries; entry; entry = entry->hh.next) {
        const struct user *user = users_find(users, entry->user);
        bool same = user && strcmp(user->stamp, entry->stamp) == 0;
        if (entry->revoked || same)
            continue;
        sessions_end(sessions, entry, NULL,
                     user ? "password or groups of the user have changed" : "the user was removed");
        ended++;
    }
    return ended;
}

size_t sessions_sweep(struct sessions *sessions)
{
    size_t ended = 0, expired = 0;
    int64_t wall_ms = sessions_wall_ms(sessions), boottime_ms = sessions_boottime_ms(sessions);
    struct sessions_entry *entry, *next;
    HASH_ITER(hh, sessions->entries, entry, next)
    {
        if (entry->expires_ms <= wall_ms) {
            sessions_forget(sessions, entry);
            expired++;
        } else if (!entry->revoked && boottime_ms - entry->used_ms >= sessions->settings.times.idle_ms) {
            sessions_end(sessions, entry, NULL, "idle");
            ended++;
        }
    }
    if (expired)
        store_sessions_prune(sessions->settings.journal->store, wall_ms);
    return ended;
}

/* --- looking
 * -------------------------------------------------------------------------------------------------
 */

const char *sessions_user(const struct sessions *sessions, const char *id)
{
    const struct sessions_entry *entry = sessions_find_live(sessions, id);
    return entry ? entry->user : NULL;
}

json_t *sessions_revoked(const struct sessions *sessions)
{
    json_t *ids = json_array();
    for (const struct sessions_entry *entry = sessions->entries; entry; entry = entry->hh.next)
        if (entry->revoked)
            json_array_append_new(ids, json_string(entry->id));
    return ids;
}

json_t *sessions_describe(const struct sessions *sessions)
{
    json_t *rows = json_array();
    int64_t wall_ms = sessions_wall_ms(sessions), boottime_ms = sessions_boottime_ms(sessions);
    for (const struct sessions_entry *entry = sessions->entries; entry; entry = entry->hh.next) {
        char created[CLOCK_TEXT_SIZE], used[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
        if (entry->revoked || entry->expires_ms <= wall_ms)
            continue;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", entry->id, "user",
                                              entry->user, "address", entry->address, "created",
                                              clock_format(entry->created_ms, created), "used",
                                              clock_format(wall_ms - (boottime_ms - entry->used_ms), used),
                                              "expires", clock_format(entry->expires_ms, expires)));
    }
    return rows;
}
