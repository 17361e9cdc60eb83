#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/principal.h"

static const char *const groups_of_ann[] = {"ops", "mentors"};
static const struct principal ann = {.kind = PRINCIPAL_SESSION,
                                     .user = "ann",
                                     .groups = groups_of_ann,
                                     .group_count = 2,
                                     .credential = "s1",
                                     .expires_ms = 77};
static const struct principal robot = {.kind = PRINCIPAL_TOKEN, .user = "ops", .credential = "t1"};
static const struct principal operator_of_machine = {.kind = PRINCIPAL_OPERATOR};

struct row {
    const char *rule;
    bool nobody, ann, robot;
};

static const struct row rows[] = {
    {"anyone", true, true, true},
    {"signed-in", false, true, true},
    {"user:ann", false, true, false},
    {"user:Ann", false, false, false},
    {"user:an", false, false, false},
    {"user:anna", false, false, false},
    {"user:ops", false, false, true},
    {"group:ops", false, true, false},
    {"group:mentors", false, true, false},
    {"group:mentor", false, false, false},
    {"group:", false, false, false},
    {"user:", false, false, false},
    {"", false, false, false},
    {"ann", false, false, false},
    {"everyone", false, false, false},
    {"Anyone", false, false, false},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const rule[] = {rows[i].rule};
        assert_int_equal(principal_passes(&principal_nobody, rule, 1), rows[i].nobody);
        assert_int_equal(principal_passes(&ann, rule, 1), rows[i].ann);
        assert_int_equal(principal_passes(&robot, rule, 1), rows[i].robot);
        assert_true(principal_passes(&operator_of_machine, rule, 1));
    }
}

static void test_several_rules(void **state)
{
    (void)state;
    const char *const rules[] = {"user:bob", "group:ops"};
    assert_true(principal_passes(&ann, rules, 2));
    assert_false(principal_passes(&ann, rules, 1));
    assert_false(principal_passes(&ann, NULL, 0));
    assert_true(principal_passes(&operator_of_machine, NULL, 0));
}

static void check_equal(const struct principal *a, const struct principal *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->group_count, b->group_count);
    assert_int_equal(a->user == NULL, b->user == NULL);
    if (a->user) {
        assert_string_equal(a->user, b->user);
        assert_string_equal(a->credential, b->credential);
    }
    for (size_t i = 0; i < a->group_count; i++)
        assert_string_equal(a->groups[i], b->groups[i]);
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct principal *all[] = {&principal_nobody, &ann, &robot, &operator_of_machine};
    for (size_t i = 0; i < 4; i++) {
        struct arena arena = ARENA(4096);
        struct principal read;
        json_t *object = principal_encode(all[i]);
        assert_true(principal_decode(object, &arena, &read));
        check_equal(&read, all[i]);
        json_decref(object);
        arena_free(&arena);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    const char *texts[] = {
        "[]",
        "{}",
        "{\"kind\":\"session\"}",
        "{\"kind\":\"king\",\"user\":null,\"groups\":[],\"credential\":null}",
        "{\"kind\":\"nobody\",\"user\":\"ann\",\"groups\":[],\"credential\":null}",
        "{\"kind\":\"nobody\",\"user\":null,\"groups\":[\"ops\"],\"credential\":null}",
        "{\"kind\":\"session\",\"user\":null,\"groups\":[],\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"\",\"groups\":[],\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"ann\",\"groups\":[],\"credential\":null}",
        "{\"kind\":\"session\",\"user\":\"ann\",\"groups\":null,\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"ann\",\"groups\":[1],\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"ann\",\"groups\":[null],\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"a\\u0000b\",\"groups\":[],\"credential\":\"s\"}",
        "{\"kind\":\"session\",\"user\":\"ann\",\"groups\":[],\"credential\":\"s\",\"more\":1}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena arena = ARENA(4096);
        struct principal read;
        json_t *object = json_loads(texts[i], JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        if (principal_decode(object, &arena, &read))
            fail_msg("accepted: %s", texts[i]);
        json_decref(object);
        arena_free(&arena);
    }
}

static void test_copy(void **state)
{
    (void)state;
    struct principal *copy = principal_copy(&ann);
    check_equal(copy, &ann);
    assert_int_equal(copy->expires_ms, 77);
    assert_ptr_not_equal(copy->user, ann.user);
    assert_ptr_not_equal(copy->groups[1], ann.groups[1]);
    free(copy);
    copy = principal_copy(&principal_nobody);
    check_equal(copy, &principal_nobody);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_several_rules),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
