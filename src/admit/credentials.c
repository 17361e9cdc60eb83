/* Tokens are known by their digests alone. A secret that was found good is looked up again without digests
 * (admit/verified.h); every new message of the keeper empties that memory. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/session.h"

#include "admit/bearer.h"
#include "admit/cookies.h"
#include "admit/credentials.h"
#include "admit/verified.h"

enum {
    USAGE_INTERVAL_MS = 60000,
    USAGE_PARTS = 4, /* reports in an idle time-out at least */
    PARSE_MOST = 16 * 1024,
    COOKIE_TRIES = 4, /* cookies of one name that are looked at: a neighbouring host may have set some */
};

struct token {
    uint8_t digest[SEAL_SIZE];
    char *id;
    char *name;
    int64_t expires_ms; /* 0: never */
};

struct credentials {
    bool sign_in;
    struct session_key keys[SESSION_KEYS_MOST];
    size_t key_count;
    struct token *tokens; /* by digest */
    size_t token_count;
    char **revoked; /* by text */
    size_t revoked_count;
    char *cookie; /* "reeve-NAME" */
    int64_t idle_ms;
    struct verified *verified;
};

/* --- reading the keeper's message ------------------------------------------------------------------ */

static bool wrong(struct error *error, const char *member)
{
    return error_set(error, "admission data: \"%s\" is malformed", member);
}

/* A name becomes the value of a header field, where it must not add another. */
static bool is_name(const char *name)
{
    return name && *name && fields_value_is_valid(slice_of_text(name)) && !strpbrk(name, ",\t");
}

static bool read_method(struct credentials *credentials, const json_t *data, struct error *error)
{
    const char *method = json_string_value(json_object_get(data, "method"));
    if (!method || (strcmp(method, "none") != 0 && strcmp(method, "password") != 0))
        return wrong(error, "method");
    credentials->sign_in = strcmp(method, "none") != 0;
    return true;
}

static bool read_key(struct session_key *key, const json_t *object)
{
    struct slice text = slice_of_text(json_string_value(json_object_get(object, "key")));
    json_int_t id = json_integer_value(json_object_get(object, "id"));
    size_t size;
    if (id <= 0 || id > UINT32_MAX || text.size != SEAL_TEXT_SIZE(SEAL_SIZE))
        return false;
    key->id = (unsigned)id;
    return seal_decode(text, key->bytes, &size);
}

static bool read_keys(struct credentials *credentials, const json_t *data, struct error *error)
{
    const json_t *keys = json_object_get(data, "keys");
    credentials->key_count = json_array_size(keys);
    if (!json_is_array(keys) || credentials->key_count > SESSION_KEYS_MOST)
        return wrong(error, "keys");
    for (size_t i = 0; i < credentials->key_count; i++)
        if (!read_key(&credentials->keys[i], json_array_get(keys, i)))
            return wrong(error, "keys");
    return true;
}

static bool read_token(struct token *token, const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id")),
               *name = json_string_value(json_object_get(object, "name"));
    const json_t *expires = json_object_get(object, "expires");
    struct slice digest = slice_of_text(json_string_value(json_object_get(object, "sha256")));
    if (!id || !*id || !is_name(name) || !seal_from_hex(digest, token->digest))
        return false;
    if (expires && !json_is_null(expires) && !(json_integer_value(expires) > 0))
        return false;
    token->id = memory_text(id);
    token->name = memory_text(name);
    token->expires_ms = json_integer_value(expires);
    return true;
}

static int token_order(const void *a, const void *b)
{
    return memcmp(((const struct token *)a)->digest, ((const struct token *)b)->digest, SEAL_SIZE);
}

static bool read_tokens(struct credentials *credentials, const json_t *data, struct error *error)
{
    const json_t *tokens = json_object_get(data, "tokens");
    if (!json_is_array(tokens))
        return wrong(error, "tokens");
    credentials->tokens = MEMORY_ARRAY(struct token, json_array_size(tokens) + 1);
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        if (!read_token(&credentials->tokens[i], json_array_get(tokens, i)))
            return wrong(error, "tokens");
        credentials->token_count++;
    }
    qsort(credentials->tokens, credentials->token_count, sizeof *credentials->tokens, token_order);
    return true;
}

static int text_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_revoked(struct credentials *credentials, const json_t *data, struct error *error)
{
    const json_t *revoked = json_object_get(data, "revoked");
    if (!json_is_array(revoked))
        return wrong(error, "revoked");
    credentials->revoked = MEMORY_ARRAY(char *, json_array_size(revoked) + 1);
    for (size_t i = 0; i < json_array_size(revoked); i++) {
        const char *id = json_string_value(json_array_get(revoked, i));
        if (!id)
            return wrong(error, "revoked");
        credentials->revoked[credentials->revoked_count++] = memory_text(id);
    }
    qsort(credentials->revoked, credentials->revoked_count, sizeof *credentials->revoked, text_order);
    return true;
}

static bool read_cookie(struct credentials *credentials, const json_t *data, struct error *error)
{
    const char *cookie = json_string_value(json_object_get(data, "cookie"));
    const json_t *idle = json_object_get(json_object_get(data, "session"), "idle_ms");
    if (!cookie || !fields_name_is_valid(slice_of_text(cookie)))
        return wrong(error, "cookie");
    if (idle && (!json_is_integer(idle) || json_integer_value(idle) < 0))
        return wrong(error, "session");
    credentials->cookie = memory_text(cookie);
    credentials->idle_ms = json_integer_value(idle);
    return true;
}

struct credentials *credentials_new(const json_t *data, struct error *error)
{
    struct credentials *credentials = MEMORY_NEW(struct credentials);
    credentials->verified = verified_new();
    if (read_method(credentials, data, error) && read_keys(credentials, data, error) &&
        read_tokens(credentials, data, error) && read_revoked(credentials, data, error) &&
        read_cookie(credentials, data, error))
        return credentials;
    credentials_free(&credentials);
    return NULL;
}

struct credentials *credentials_none(void)
{
    json_t *nothing = json_pack("{s:s, s:[], s:[], s:[], s:s}", "method", "none", "keys", "tokens", "revoked",
                                "cookie", "reeve");
    struct credentials *credentials = credentials_new(nothing, NULL);
    CHECK(credentials);
    json_decref(nothing);
    return credentials;
}

void credentials_free(struct credentials **owned)
{
    struct credentials *credentials = *owned;
    if (!credentials)
        return;
    for (size_t i = 0; i < credentials->token_count; i++) {
        free(credentials->tokens[i].id);
        free(credentials->tokens[i].name);
    }
    for (size_t i = 0; i < credentials->revoked_count; i++)
        free(credentials->revoked[i]);
    free(credentials->tokens);
    free(credentials->revoked);
    free(credentials->cookie);
    verified_free(&credentials->verified);
    seal_wipe(credentials->keys, sizeof credentials->keys);
    free(credentials);
    *owned = NULL;
}

bool credentials_sign_in(const struct credentials *credentials)
{
    return credentials->sign_in;
}

int64_t credentials_usage_interval_ms(const struct credentials *credentials)
{
    int64_t part = credentials->idle_ms / USAGE_PARTS;
    return part > 0 && part < USAGE_INTERVAL_MS ? part : USAGE_INTERVAL_MS;
}

/* --- looking at one that is not known yet ----------------------------------------------------------- */

static bool is_revoked(const struct credentials *credentials, const char *session)
{
    return bsearch(&session, credentials->revoked, credentials->revoked_count, sizeof *credentials->revoked,
                   text_order) != NULL;
}

/* Where a digest is found says nothing about another token: digests cannot be steered. */
static bool check_token(const struct credentials *credentials, struct slice secret,
                        struct principal *principal)
{
    struct token wanted = {0};
    seal_digest(secret, wanted.digest);
    const struct token *token = bsearch(&wanted, credentials->tokens, credentials->token_count,
                                        sizeof *credentials->tokens, token_order);
    if (!token || !seal_equal(token->digest, wanted.digest, SEAL_SIZE))
        return false;
    *principal = (struct principal){.kind = PRINCIPAL_TOKEN,
                                    .user = token->name,
                                    .credential = token->id,
                                    .expires_ms = token->expires_ms};
    return true;
}

static bool check_session(const struct credentials *credentials, struct slice secret, struct arena *arena,
                          struct principal *principal)
{
    struct session session;
    if (!session_open(secret, credentials->keys, credentials->key_count, arena, &session) ||
        session.expires_ms <= 0 || !is_name(session.user) || is_revoked(credentials, session.id))
        return false;
    for (size_t i = 0; i < session.group_count; i++)
        if (!is_name(session.groups[i]))
            return false;
    *principal = (struct principal){.kind = PRINCIPAL_SESSION,
                                    .user = session.user,
                                    .groups = session.groups,
                                    .group_count = session.group_count,
                                    .credential = session.id,
                                    .expires_ms = session.expires_ms};
    return true;
}

/* --- finding --------------------------------------------------------------------------------------- */

/* A token in a cookie is no session, and the other way round, known or not. */
static const struct principal *look_up(struct credentials *credentials, struct slice secret, bool token)
{
    const struct principal *known = verified_find(credentials->verified, secret);
    struct arena arena = ARENA(PARSE_MOST);
    struct principal found;
    if (known)
        return (known->kind == PRINCIPAL_TOKEN) == token ? known : NULL;
    if (token ? check_token(credentials, secret, &found) : check_session(credentials, secret, &arena, &found))
        verified_keep(credentials->verified, secret, &found);
    arena_free(&arena);
    return verified_find(credentials->verified, secret);
}

/* NULL: it does not count. */
static const struct principal *find_one(struct credentials *credentials, struct slice secret, bool token,
                                        const struct credentials_shown *shown, struct arena *arena)
{
    const struct principal *found = look_up(credentials, secret, token);
    if (!found || (found->expires_ms > 0 && found->expires_ms <= shown->wall_ms))
        return NULL;
    return principal_keep(found, arena);
}

static const struct principal *find_session(struct credentials *credentials,
                                            const struct credentials_shown *shown, struct arena *arena)
{
    struct slice cookies, name, value, own = slice_of_text(credentials->cookie);
    size_t place = 0, tries = 0;
    while (fields_each(shown->fields, FIELD_COOKIE, &place, &cookies)) {
        while (tries < COOKIE_TRIES && cookies_next(&cookies, &name, &value)) {
            if (!cookies_counts(name, own, shown->secure))
                continue;
            const struct principal *found = find_one(credentials, value, false, shown, arena);
            if (found)
                return found;
            tries++;
        }
    }
    return NULL;
}

const struct principal *credentials_find(struct credentials *credentials,
                                         const struct credentials_shown *shown, struct arena *arena)
{
    const struct principal *found = NULL;
    if (fields_has(shown->fields, FIELD_AUTHORIZATION)) {
        struct slice token = bearer_token(fields_get(shown->fields, FIELD_AUTHORIZATION));
        found = token.data ? find_one(credentials, token, true, shown, arena) : NULL;
    }
    if (!found && credentials->sign_in && fields_has(shown->fields, FIELD_COOKIE))
        found = find_session(credentials, shown, arena);
    return found ? found : &principal_nobody;
}

void credentials_revoke(struct credentials *credentials, const char *session)
{
    size_t count = credentials->revoked_count + 1;
    credentials->revoked = memory_resize(credentials->revoked, count * sizeof *credentials->revoked);
    credentials->revoked[credentials->revoked_count] = memory_text(session);
    credentials->revoked_count = count;
    qsort(credentials->revoked, count, sizeof *credentials->revoked, text_order);
    verified_clear(credentials->verified);
}

bool credentials_stand(const struct credentials *credentials, const struct principal *principal)
{
    if (principal->kind == PRINCIPAL_SESSION)
        return credentials->sign_in && !is_revoked(credentials, principal->credential);
    if (principal->kind != PRINCIPAL_TOKEN)
        return true;
    for (size_t i = 0; i < credentials->token_count; i++)
        if (strcmp(credentials->tokens[i].id, principal->credential) == 0)
            return true;
    return false;
}
