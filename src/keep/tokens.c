#include <string.h>
#include <sys/random.h>

#include "admit/users.h"
#include "base/check.h"
#include "base/clock.h"
#include "store/tokens.h"

#include "keep/tokens.h"

enum { TOKENS_ID_BYTES = 16 };

static void tokens_random(char *text, size_t size)
{
    uint8_t random[TOKENS_SECRET_BYTES];
    CHECK(size <= sizeof random && getrandom(random, size, 0) == (ssize_t)size);
    text[seal_encode(slice_of(random, size), text)] = '\0';
    seal_wipe(random, sizeof random);
}

static bool tokens_has(const json_t *rows, const char *name)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(rows, i), "name")), name) == 0)
            return true;
    return false;
}

/* 0: it may be made. */
static int tokens_check(struct store *store, const struct tokens_new *wanted, struct error *error)
{
    int status = 0;
    if (!users_check_name(slice_of_text(wanted->name), error))
        return 422;
    if (wanted->life_ms < 0 || wanted->life_ms > TOKENS_LIFE_MOST_MS) {
        error_set(error, "a token lives at most 100 years; without a time it lives for ever");
        return 422;
    }
    json_t *rows = tokens_read(store, wanted->now_ms);
    if (!rows) {
        error_set(error, "the database cannot be read");
        status = 503;
    } else if (tokens_has(rows, wanted->name)) {
        error_set(error, "there is a token %s already; `reeve token revoke %s` takes it back", wanted->name,
                  wanted->name);
        status = 409;
    } else if (json_array_size(rows) >= TOKENS_MOST) {
        error_set(error, "there are %d tokens already", TOKENS_MOST);
        status = 429;
    }
    json_decref(rows);
    return status;
}

int tokens_create(struct store *store, const struct tokens_new *wanted, struct tokens_made *made,
                  struct error *error)
{
    int status = tokens_check(store, wanted, error);
    if (status)
        return status;
    uint8_t digest[SEAL_SIZE];
    char sha256[SEAL_HEX_SIZE + 1];
    made->expires_ms = wanted->life_ms ? wanted->now_ms + wanted->life_ms : 0;
    tokens_random(made->id, TOKENS_ID_BYTES);
    memcpy(made->text, TOKENS_PREFIX, sizeof TOKENS_PREFIX);
    tokens_random(made->text + sizeof TOKENS_PREFIX - 1, TOKENS_SECRET_BYTES);
    seal_digest(slice_of_text(made->text), digest);
    seal_to_hex(digest, sha256);
    const struct store_token row = {
        .id = made->id,
        .name = wanted->name,
        .sha256 = sha256,
        .created_ms = wanted->now_ms,
        .expires_ms = made->expires_ms,
    };
    if (store_tokens_add(store, &row))
        return 201;
    seal_wipe(made, sizeof *made);
    error_set(error, "the database does not take it");
    return 503;
}

int tokens_revoke(struct store *store, const char *name_or_id, struct error *error)
{
    int removed = store_tokens_remove(store, name_or_id);
    if (removed > 0)
        return 200;
    if (removed < 0)
        error_set(error, "the database does not take it");
    else
        error_set(error, "there is no token %s; `reeve token list` shows them", name_or_id);
    return removed < 0 ? 503 : 404;
}

json_t *tokens_read(struct store *store, int64_t now_ms)
{
    store_tokens_prune(store, now_ms);
    return store_tokens_read(store);
}

json_t *tokens_describe(const json_t *rows)
{
    json_t *described = json_array();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
        const json_t *row = json_array_get(rows, i), *end = json_object_get(row, "expires");
        clock_format(json_integer_value(json_object_get(row, "created")), created);
        json_array_append_new(described,
                              json_pack("{s:O, s:O, s:s, s:o}", "id", json_object_get(row, "id"), "name",
                                        json_object_get(row, "name"), "created", created, "expires",
                                        json_is_integer(end)
                                            ? json_string(clock_format(json_integer_value(end), expires))
                                            : json_null()));
    }
    return described;
}
