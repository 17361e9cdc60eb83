#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "admit/credentials.h"
#include "base/memory.h"
#include "wire/session.h"

#define TOKEN   "reeve_0123456789012345678901234567890123456789012"
#define SHORT   "reeve_short-lived"
#define NOW_MS  1000000
#define LATE_MS 2000000

static const struct session_key keys[] = {{.id = 2, .bytes = "new"}, {.id = 1, .bytes = "old"}};
static const struct session_key foreign_key = {.id = 2, .bytes = "of another reeve"};
static const char *const groups[] = {"ops"};

static json_t *key_object(const struct session_key *key)
{
    char text[SEAL_TEXT_SIZE(SEAL_SIZE) + 1] = "";
    seal_encode(slice_of(key->bytes, SEAL_SIZE), text);
    return json_pack("{s:i, s:s}", "id", (int)key->id, "key", text);
}

static json_t *token_object(const char *id, const char *name, const char *secret, json_t *expires)
{
    uint8_t digest[SEAL_SIZE];
    char hex[SEAL_HEX_SIZE + 1];
    seal_digest(slice_of_text(secret), digest);
    seal_to_hex(digest, hex);
    return json_pack("{s:s, s:s, s:s, s:o}", "id", id, "name", name, "sha256", hex, "expires", expires);
}

static json_t *data_of_tests(void)
{
    return json_pack("{s:s, s:[o, o], s:[o, o], s:[s], s:s, s:{s:i, s:i}}", "method", "password", "keys",
                     key_object(&keys[0]), key_object(&keys[1]), "tokens",
                     token_object("t1", "robot", TOKEN, json_null()),
                     token_object("t2", "guest", SHORT, json_integer(LATE_MS)), "revoked", "s9", "cookie",
                     "reeve-app", "session", "lifetime_ms", 3600000, "idle_ms", 120000);
}

static struct credentials *credentials_of(json_t *data)
{
    struct error error;
    struct credentials *credentials = credentials_new(data, &error);
    json_decref(data);
    if (!credentials)
        fail_msg("%s", error.text);
    return credentials;
}

static char *cookie_of(const char *id, const char *user, int64_t expires_ms, const struct session_key *key)
{
    const struct session session = {
        .id = id, .user = user, .groups = groups, .group_count = 1, .issued_ms = 1, .expires_ms = expires_ms};
    return session_seal(&session, key);
}

/* Who it is: the credential's id, or NULL. The text is valid until the next call. */
static const char *who(struct credentials *credentials, const char *authorization, const char *cookie,
                       bool secure, int64_t now_ms)
{
    static char id[32];
    struct field storage[4];
    struct fields fields;
    struct arena arena = ARENA(16384);
    fields_init(&fields, storage, 4);
    if (authorization)
        fields_add(&fields, SLICE("Authorization"), slice_of_text(authorization));
    if (cookie)
        fields_add(&fields, SLICE("Cookie"), slice_of_text(cookie));
    const struct credentials_shown shown = {.fields = &fields, .secure = secure, .wall_ms = now_ms};
    const struct principal *principal = credentials_find(credentials, &shown, &arena);
    bool known = principal->kind != PRINCIPAL_NOBODY;
    snprintf(id, sizeof id, "%s", known ? principal->credential : "");
    arena_free(&arena);
    return known ? id : NULL;
}

#define IS(expected, ...)                                                                                    \
    do { /* twice: found by digests, then remembered */                                                      \
        for (int i = 0; i < 2; i++) {                                                                        \
            const char *found = who(__VA_ARGS__);                                                            \
            assert_true((expected) == NULL ? found == NULL : found && strcmp(found, (expected)) == 0);       \
        }                                                                                                    \
    } while (0)

static void test_tokens(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    const char *none = NULL;
    IS("t1", credentials, "Bearer " TOKEN, NULL, false, NOW_MS);
    IS("t1", credentials, "Bearer " TOKEN, NULL, true, LATE_MS);
    IS(none, credentials, "Bearer " TOKEN "x", NULL, false, NOW_MS);
    IS(none, credentials, "Basic " TOKEN, NULL, false, NOW_MS);
    IS(none, credentials, "Bearer reeve_x", NULL, false, NOW_MS);
    IS("t2", credentials, "Bearer " SHORT, NULL, false, LATE_MS - 1);
    IS(none, credentials, "Bearer " SHORT, NULL, false, LATE_MS);
    IS(none, credentials, NULL, "reeve-app=" TOKEN, false, NOW_MS); /* a token is no session */
    credentials_free(&credentials);
}

static void test_sessions(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    const char *none = NULL;
    char *value = cookie_of("s1", "ann", LATE_MS, &keys[0]), *old = cookie_of("s2", "ann", LATE_MS, &keys[1]),
         *theirs = cookie_of("s3", "ann", LATE_MS, &foreign_key),
         *revoked = cookie_of("s9", "ann", LATE_MS, &keys[0]);
    char *cookie = memory_format("a=1; reeve-app=%s; b=2", value),
         *host = memory_format("__Host-reeve-app=%s", value),
         *old_cookie = memory_format("reeve-app=%s", old), *other = memory_format("reeve-other=%s", value),
         *forged = memory_format("reeve-app=%sA", value), *foreign = memory_format("reeve-app=%s", theirs),
         *gone = memory_format("reeve-app=%s", revoked),
         *both = memory_format("reeve-app=junk; reeve-app=%s", value),
         *bearer = memory_format("Bearer %s", value);
    IS("s1", credentials, NULL, cookie, false, NOW_MS);
    IS("s2", credentials, NULL, old_cookie, false, NOW_MS);
    IS("s1", credentials, NULL, both, false, NOW_MS);
    IS(none, credentials, NULL, cookie, false, LATE_MS); /* expired */
    IS(none, credentials, NULL, cookie, true, NOW_MS);   /* over TLS only the other name counts */
    IS("s1", credentials, NULL, host, true, NOW_MS);
    IS(none, credentials, NULL, host, false, NOW_MS);
    IS(none, credentials, NULL, other, false, NOW_MS);
    IS(none, credentials, NULL, forged, false, NOW_MS);
    IS(none, credentials, NULL, foreign, false, NOW_MS);
    IS(none, credentials, NULL, gone, false, NOW_MS);
    IS(none, credentials, bearer, NULL, false, NOW_MS);
    IS("t1", credentials, "Bearer " TOKEN, cookie, false, NOW_MS); /* a token goes first */
    IS("s1", credentials, "Bearer reeve_wrong", cookie, false, NOW_MS);
    IS("s1", credentials, "Basic YTpi", cookie, false, NOW_MS);
    credentials_revoke(credentials, "s1");
    IS(none, credentials, NULL, cookie, false, NOW_MS);
    IS("s2", credentials, NULL, old_cookie, false, NOW_MS);
    char *all[] = {value, old,    theirs,  revoked, cookie, host,  old_cookie,
                   other, forged, foreign, gone,    both,   bearer};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    credentials_free(&credentials);
}

/* A neighbouring host can set many cookies of our name: only a few are looked at. */
static void test_tries(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    char *value = cookie_of("s1", "ann", LATE_MS, &keys[0]);
    char *cookie = memory_format("reeve-app=1; reeve-app=2; reeve-app=3; reeve-app=4; reeve-app=%s", value);
    assert_null(who(credentials, NULL, cookie, false, NOW_MS));
    free(cookie);
    free(value);
    credentials_free(&credentials);
}

/* A name that would break a header field is nobody's. */
static void test_names(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    const char *users[] = {"a\r\nX: y", "a,b"};
    for (size_t i = 0; i < 2; i++) {
        char *value = cookie_of("s1", users[i], LATE_MS, &keys[0]),
             *cookie = memory_format("reeve-app=%s", value);
        assert_null(who(credentials, NULL, cookie, false, NOW_MS));
        free(cookie);
        free(value);
    }
    credentials_free(&credentials);
}

static void test_none_signs_in(void **state)
{
    (void)state;
    json_t *data = data_of_tests();
    json_object_set_new(data, "method", json_string("none"));
    struct credentials *credentials = credentials_of(data);
    char *value = cookie_of("s1", "ann", LATE_MS, &keys[0]), *cookie = memory_format("reeve-app=%s", value);
    assert_false(credentials_sign_in(credentials));
    assert_null(who(credentials, NULL, cookie, false, NOW_MS));
    assert_string_equal(who(credentials, "Bearer " TOKEN, NULL, false, NOW_MS),
                        "t1"); /* tokens work with each */
    free(cookie);
    free(value);
    credentials_free(&credentials);
    credentials = credentials_none();
    assert_null(who(credentials, "Bearer " TOKEN, "reeve=x", false, NOW_MS));
    credentials_free(&credentials);
}

static void test_who_still_counts(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    const struct principal live = {.kind = PRINCIPAL_SESSION, .user = "a", .credential = "s1"},
                           revoked = {.kind = PRINCIPAL_SESSION, .user = "a", .credential = "s9"},
                           token = {.kind = PRINCIPAL_TOKEN, .user = "robot", .credential = "t1"},
                           lost = {.kind = PRINCIPAL_TOKEN, .user = "robot", .credential = "t7"};
    assert_true(credentials_stand(credentials, &principal_nobody));
    assert_true(credentials_stand(credentials, &live));
    assert_false(credentials_stand(credentials, &revoked));
    assert_true(credentials_stand(credentials, &token));
    assert_false(credentials_stand(credentials, &lost));
    credentials_free(&credentials);
}

static void test_interval(void **state)
{
    (void)state;
    struct credentials *credentials = credentials_of(data_of_tests());
    assert_int_equal(credentials_usage_interval_ms(credentials), 30000);
    credentials_free(&credentials);
    json_t *data = data_of_tests();
    json_object_set_new(json_object_get(data, "session"), "idle_ms", json_integer(7200000));
    credentials = credentials_of(data);
    assert_int_equal(credentials_usage_interval_ms(credentials), 60000);
    credentials_free(&credentials);
}

static void test_malformed(void **state)
{
    (void)state;
    const char *members[][2] = {
        {"method", "\"pam\""},
        {"method", "null"},
        {"keys", "{}"},
        {"keys", "[{}]"},
        {"keys", "[{\"id\":1,\"key\":\"short\"}]"},
        {"keys", "[1,2,3]"},
        {"tokens", "null"},
        {"tokens", "[{\"id\":\"t\",\"name\":\"n\",\"sha256\":\"00\",\"expires\":null}]"},
        {"tokens", "[{\"id\":\"\"}]"},
        {"revoked", "[1]"},
        {"revoked", "\"s1\""},
        {"cookie", "\"a b\""},
        {"cookie", "null"},
        {"session", "{\"idle_ms\":-1}"},
        {"session", "{\"idle_ms\":\"x\"}"},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *data = data_of_tests();
        struct error error = {0};
        json_object_set_new(data, members[i][0], json_loads(members[i][1], JSON_DECODE_ANY, NULL));
        if (credentials_new(data, &error))
            fail_msg("accepted: %s %s", members[i][0], members[i][1]);
        assert_non_null(strstr(error.text, members[i][0]));
        json_decref(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_tries),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_none_signs_in), cmocka_unit_test(test_who_still_counts),
        cmocka_unit_test(test_interval),      cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
