/* What a stranger shows as a credential: a Cookie value, a line, an Authorization value. Nobody gets in, what
 * is passed on has no cookie of ours, and the rest of it is what it was. */
#include <stdlib.h>

#include "admit/bearer.h"
#include "admit/cookies.h"
#include "admit/credentials.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct credentials *credentials_of_tests(void)
{
    json_t *data =
        json_pack("{s:s, s:[{s:i, s:s}], s:[], s:[], s:s}", "method", "password", "keys", "id", 1, "key",
                  "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", "tokens", "revoked", "cookie", "reeve-app");
    struct credentials *credentials = credentials_new(data, NULL);
    CHECK(credentials);
    json_decref(data);
    return credentials;
}

static void show(struct slice cookie, struct slice authorization, bool secure)
{
    static struct credentials *credentials;
    struct arena arena = ARENA(256 * 1024);
    struct field storage[2];
    struct fields fields;
    if (!credentials)
        credentials = credentials_of_tests();
    fields_init(&fields, storage, 2);
    fields_add(&fields, SLICE("Cookie"), cookie);
    fields_add(&fields, SLICE("Authorization"), authorization);
    const struct credentials_shown shown = {.fields = &fields, .secure = secure, .wall_ms = 1};
    CHECK(credentials_find(credentials, &shown, &arena)->kind == PRINCIPAL_NOBODY);
    arena_free(&arena);
}

static void take_out(struct slice cookie)
{
    struct arena arena = ARENA(256 * 1024);
    struct slice own = SLICE("reeve-app"), left = cookies_without(cookie, own, &arena), rest = left, name,
                 value;
    CHECK(left.size <= cookie.size);
    while (cookies_next(&rest, &name, &value))
        CHECK(!cookies_is_own(name, own));
    CHECK(slice_equal(cookies_without(left, own, &arena), left));
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size), cookie = {0}, authorization = {0};
    if (size == 0 || size > 32 * 1024)
        return 0;
    slice_next(&rest, '\n', &cookie);
    slice_next(&rest, '\n', &authorization);
    take_out(cookie);
    show(cookie, authorization, false);
    show(cookie, authorization, true);
    struct slice token = bearer_token(authorization);
    CHECK(!token.data || bearer_length(token) == token.size);
    return 0;
}
