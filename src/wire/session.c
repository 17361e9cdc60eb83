/* The seal is checked, with each of the few keys, before a byte of the payload is parsed. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/session.h"

enum { SESSION_GROUPS_MOST = 256, SESSION_CODE_TEXT = SEAL_TEXT_SIZE(SEAL_SIZE) };

/* --- making ----------------------------------------------------------------------------------------- */

static json_t *session_object(const struct session *session, unsigned key)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < session->group_count; i++)
        json_array_append_new(groups, json_string(session->groups[i]));
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "id", session->id, "user", session->user, "groups",
                     groups, "issued", (json_int_t)session->issued_ms, "expires",
                     (json_int_t)session->expires_ms, "key", (json_int_t)key);
}

char *session_seal(const struct session *session, const struct session_key *key)
{
    json_t *object = session_object(session, key->id);
    CHECK(object);
    char *payload = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    CHECK(payload);
    struct slice bytes = slice_of_text(payload);
    size_t size = SEAL_TEXT_SIZE(bytes.size) + 1 + SESSION_CODE_TEXT;
    char *value = size <= SESSION_VALUE_MOST ? memory_new(size + 1) : NULL;
    if (value) {
        uint8_t code[SEAL_SIZE];
        size_t at = seal_encode(bytes, value);
        seal_code(key->bytes, slice_of(value, at), code);
        value[at++] = '.';
        at += seal_encode(slice_of(code, sizeof code), value + at);
        CHECK(at == size);
    }
    free(payload);
    return value;
}

/* --- checking --------------------------------------------------------------------------------------- */

/* The key that it is sealed with; NULL: none of them. */
static const struct session_key *session_find_key(struct slice payload, struct slice seal,
                                                  const struct session_key *keys, size_t count)
{
    uint8_t code[SEAL_SIZE], theirs[SEAL_SIZE];
    size_t size;
    if (seal.size != SESSION_CODE_TEXT || !seal_decode(seal, theirs, &size))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        seal_code(keys[i].bytes, payload, code);
        if (seal_equal(code, theirs, sizeof code))
            return &keys[i];
    }
    return NULL;
}

static const char *session_text(struct arena *arena, const json_t *value)
{
    size_t size = json_string_length(value);
    if (!json_is_string(value) || size == 0 || strlen(json_string_value(value)) != size)
        return NULL;
    return arena_copy(arena, slice_of(json_string_value(value), size)).data;
}

static bool session_read_groups(const json_t *values, struct arena *arena, struct session *session)
{
    size_t count = json_array_size(values);
    if (!json_is_array(values) || count > SESSION_GROUPS_MOST)
        return false;
    const char **groups = count > 0 ? arena_new(arena, count * sizeof *groups) : NULL;
    if (count > 0 && !groups)
        return false;
    for (size_t i = 0; i < count; i++) {
        groups[i] = session_text(arena, json_array_get(values, i));
        if (!groups[i])
            return false;
    }
    session->groups = groups;
    session->group_count = count;
    return true;
}

static bool session_read(const json_t *object, struct arena *arena, struct session *session)
{
    const json_t *issued = json_object_get(object, "issued"), *expires = json_object_get(object, "expires");
    if (!json_is_integer(issued) || !json_is_integer(expires))
        return false;
    *session = (struct session){
        .id = session_text(arena, json_object_get(object, "id")),
        .user = session_text(arena, json_object_get(object, "user")),
        .issued_ms = json_integer_value(issued),
        .expires_ms = json_integer_value(expires),
    };
    return session->id && session->user &&
           session_read_groups(json_object_get(object, "groups"), arena, session);
}

static json_t *session_parse(struct slice payload)
{
    uint8_t bytes[SESSION_VALUE_MOST];
    size_t size;
    if (!seal_decode(payload, bytes, &size))
        return NULL;
    return json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
}

bool session_open(struct slice value, const struct session_key *keys, size_t count, struct arena *arena,
                  struct session *session)
{
    size_t dot = slice_find(value, '.');
    if (value.size > SESSION_VALUE_MOST || dot == value.size)
        return false;
    struct slice payload = slice_between(value, 0, dot);
    const struct session_key *key = session_find_key(payload, slice_from(value, dot + 1), keys, count);
    if (!key)
        return false;
    json_t *object = session_parse(payload);
    bool fine =
        json_integer_value(json_object_get(object, "key")) == key->id && session_read(object, arena, session);
    json_decref(object);
    return fine;
}
