#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "store/keys.h"

#include "keep/signkeys.h"

enum { SIGNKEYS_TEXT_SIZE = SEAL_TEXT_SIZE(SEAL_SIZE) + 1 };

static void signkeys_text(const struct session_key *key, char text[SIGNKEYS_TEXT_SIZE])
{
    text[seal_encode(slice_of(key->bytes, SEAL_SIZE), text)] = '\0';
}

/* In front of the others; the oldest goes. */
static void signkeys_add(struct signkeys *signkeys, const struct session_key *key, int64_t created_ms)
{
    memmove(signkeys->keys + 1, signkeys->keys, sizeof signkeys->keys - sizeof signkeys->keys[0]);
    signkeys->keys[0] = *key;
    signkeys->count += signkeys->count < SESSION_KEYS_MOST;
    signkeys->created_ms = created_ms;
}

/* False: the database does not take it. */
static bool signkeys_make(struct signkeys *signkeys, struct store *store, int64_t now_ms)
{
    struct session_key key = {.id = signkeys->count ? signkeys->keys[0].id + 1 : 1};
    char text[SIGNKEYS_TEXT_SIZE];
    CHECK(getrandom(key.bytes, sizeof key.bytes, 0) == sizeof key.bytes);
    signkeys_text(&key, text);
    int64_t id = store_keys_add(store, text, now_ms);
    bool stored = id > 0 && id <= UINT32_MAX;
    if (stored)
        key.id = (unsigned)id;
    if (stored && !signkeys->stored)
        signkeys->count = 0; /* its number may be the same, and it has sealed nothing that counts */
    if (stored || signkeys->count == 0) {
        signkeys_add(signkeys, &key, now_ms);
        signkeys->stored = stored;
    }
    seal_wipe(&key, sizeof key);
    seal_wipe(text, sizeof text);
    return stored;
}

static bool signkeys_read_row(const json_t *row, struct session_key *key)
{
    const char *text = json_string_value(json_object_get(row, "key"));
    size_t size = 0;
    key->id = (unsigned)json_integer_value(json_object_get(row, "id"));
    return text && strlen(text) + 1 == SIGNKEYS_TEXT_SIZE &&
           seal_decode(slice_of_text(text), key->bytes, &size) && size == SEAL_SIZE;
}

void signkeys_load(struct signkeys *signkeys, struct store *store, int64_t now_ms)
{
    *signkeys = (struct signkeys){0};
    json_t *rows = store_keys_read(store);
    for (size_t i = json_array_size(rows); i-- > 0;) {
        struct session_key key;
        const json_t *row = json_array_get(rows, i);
        if (signkeys_read_row(row, &key))
            signkeys_add(signkeys, &key, json_integer_value(json_object_get(row, "created")));
        seal_wipe(&key, sizeof key);
    }
    json_decref(rows);
    signkeys->stored = signkeys->count > 0;
    if (signkeys->count == 0)
        signkeys_make(signkeys, store, now_ms);
}

bool signkeys_rotate(struct signkeys *signkeys, struct store *store, int64_t now_ms, int64_t lifetime_ms)
{
    bool old = now_ms - signkeys->created_ms >= lifetime_ms;
    bool from_the_future = now_ms < signkeys->created_ms; /* somebody has set the clock back */
    if (signkeys->stored && !old && !from_the_future)
        return false;
    return signkeys_make(signkeys, store, now_ms);
}

json_t *signkeys_encode(const struct signkeys *signkeys)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < signkeys->count; i++) {
        char text[SIGNKEYS_TEXT_SIZE];
        signkeys_text(&signkeys->keys[i], text);
        json_array_append_new(keys,
                              json_pack("{s:I, s:s}", "id", (json_int_t)signkeys->keys[i].id, "key", text));
        seal_wipe(text, sizeof text);
    }
    return keys;
}

void signkeys_wipe(struct signkeys *signkeys)
{
    seal_wipe(signkeys, sizeof *signkeys);
}
