#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/session.h"

static const struct session_key keys[] = {{.id = 7, .bytes = "new"}, {.id = 6, .bytes = "old"}};
static const struct session_key foreign = {.id = 7, .bytes = "theirs"};
static const char *const groups[] = {"ops", "größe"};
static const struct session ann = {
    .id = "s1", .user = "ann", .groups = groups, .group_count = 2, .issued_ms = 1000, .expires_ms = 2000};

static bool opens(const char *value, size_t key_count)
{
    struct arena arena = ARENA(16384);
    struct session session;
    bool fine = session_open(slice_of_text(value), keys, key_count, &arena, &session);
    arena_free(&arena);
    return fine;
}

static void test_round_trip(void **state)
{
    (void)state;
    char *value = session_seal(&ann, &keys[0]);
    struct arena arena = ARENA(16384);
    struct session read;
    assert_true(session_open(slice_of_text(value), keys, 2, &arena, &read));
    assert_string_equal(read.id, "s1");
    assert_string_equal(read.user, "ann");
    assert_int_equal(read.group_count, 2);
    assert_string_equal(read.groups[1], "größe");
    assert_int_equal(read.issued_ms, 1000);
    assert_int_equal(read.expires_ms, 2000);
    arena_free(&arena);
    free(value);
}

static void test_keys(void **state)
{
    (void)state;
    char *old = session_seal(&ann, &keys[1]), *other = session_seal(&ann, &foreign);
    assert_true(opens(old, 2));
    assert_false(opens(old, 1)); /* that key is retired */
    assert_false(opens(other, 2));
    assert_false(opens(old, 0));
    free(old);
    free(other);
}

/* Each character changed, each cut, and what may stand behind: none opens. */
static void test_forged(void **state)
{
    (void)state;
    char *value = session_seal(&ann, &keys[0]);
    size_t size = strlen(value);
    for (size_t i = 0; i < size; i++) {
        char kept = value[i];
        value[i] = kept == 'A' ? 'B' : 'A';
        if (opens(value, 2))
            fail_msg("opens with another character at %zu", i);
        value[i] = '\0';
        if (opens(value, 2))
            fail_msg("opens when cut at %zu", i);
        value[i] = kept;
    }
    assert_true(opens(value, 2));
    char *longer = memory_format("%sA", value),
         *twice = memory_format("%s.%s", value, strchr(value, '.') + 1);
    assert_false(opens(longer, 2));
    assert_false(opens(twice, 2));
    assert_false(opens("", 2));
    assert_false(opens(".", 2));
    assert_false(opens("e30.", 2));
    free(longer);
    free(twice);
    free(value);
}

/* A value that is sealed, but says something else than a session: a key that leaked elsewhere. */
static void check_sealed_payload(const char *payload)
{
    char value[512];
    uint8_t code[SEAL_SIZE];
    size_t at = seal_encode(slice_of_text(payload), value);
    seal_code(keys[0].bytes, slice_of(value, at), code);
    value[at++] = '.';
    at += seal_encode(slice_of(code, sizeof code), value + at);
    value[at] = '\0';
    if (opens(value, 2))
        fail_msg("opens: %s", payload);
}

static void test_sealed_nonsense(void **state)
{
    (void)state;
    check_sealed_payload("{}");
    check_sealed_payload("[");
    check_sealed_payload("{\"id\":\"s\",\"user\":\"a\",\"groups\":[],\"issued\":1,\"expires\":2,\"key\":6}");
    check_sealed_payload("{\"id\":\"s\",\"user\":\"\",\"groups\":[],\"issued\":1,\"expires\":2,\"key\":7}");
    check_sealed_payload("{\"id\":\"s\",\"user\":\"a\",\"groups\":[1],\"issued\":1,\"expires\":2,\"key\":7}");
    check_sealed_payload(
        "{\"id\":\"s\",\"user\":\"a\",\"groups\":[],\"issued\":\"1\",\"expires\":2,\"key\":7}");
    check_sealed_payload("{\"id\":\"s\",\"user\":\"a\",\"groups\":[],\"issued\":1,\"key\":7}");
}

static void test_too_long(void **state)
{
    (void)state;
    const char *many[200];
    for (size_t i = 0; i < 200; i++)
        many[i] = "a-group-with-a-long-name";
    struct session session = ann;
    session.groups = many;
    session.group_count = 200;
    assert_null(session_seal(&session, &keys[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_forged),     cmocka_unit_test(test_sealed_nonsense),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
