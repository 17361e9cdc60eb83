#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "keep/degraded.h"

static int64_t now_ms;

static int64_t read_clock(const struct clock *clock)
{
    (void)clock;
    return now_ms;
}

struct told {
    char last[256];
    int changes, news;
    int64_t after_ms;
};

static void on_change(void *owner, const char *what, const char *reason, int64_t after_ms)
{
    struct told *told = owner;
    snprintf(told->last, sizeof told->last, "%s: %s", what, reason ? reason : "well");
    told->changes++;
    told->after_ms = after_ms;
}

static void on_news(void *owner)
{
    ((struct told *)owner)->news++;
}

static struct degraded *start(struct told *told)
{
    static const struct clock clock = {.boottime_ms = read_clock, .wall_ms = read_clock};
    const struct degraded_settings settings = {
        .clock = &clock, .on_change = on_change, .on_news = on_news, .owner = told};
    *told = (struct told){0};
    now_ms = 1000;
    return degraded_new(&settings);
}

static void test_a_thing_degrades_and_heals(void **state)
{
    (void)state;
    struct told told;
    struct degraded *degraded = start(&told);
    degraded_clear(degraded, "service nas");
    assert_int_equal(told.changes + told.news, 0);
    degraded_set(degraded, "service nas", "refused");
    assert_string_equal(told.last, "service nas: refused");
    now_ms = 2500;
    degraded_set(degraded, "service nas", "refused");
    assert_int_equal(told.news, 1);
    degraded_set(degraded, "service nas", "timed out"); /* another reason, the same trouble */
    assert_int_equal(told.news, 2);
    assert_int_equal(told.changes, 1);
    json_t *rows = degraded_describe(degraded);
    const json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "reason")), "timed out");
    assert_string_equal(json_string_value(json_object_get(row, "since")), "1970-01-01T00:00:01.000Z");
    assert_int_equal(json_integer_value(json_object_get(row, "age_ms")), 1500);
    json_decref(rows);
    degraded_clear(degraded, "service nas");
    assert_string_equal(told.last, "service nas: well");
    assert_int_equal(told.after_ms, 1500);
    rows = degraded_describe(degraded);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    degraded_free(&degraded);
}

static void test_it_has_a_cap_and_bears_any_bytes(void **state)
{
    (void)state;
    struct told told;
    struct degraded *degraded = start(&told);
    char what[32];
    for (int i = 0; i < DEGRADED_MOST + 5; i++) {
        snprintf(what, sizeof what, "thing %d", i);
        degraded_set(degraded, what, "a \xff byte");
    }
    json_t *rows = degraded_describe(degraded);
    assert_int_equal(json_array_size(rows), DEGRADED_MOST);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "reason")), "a ? byte");
    json_decref(rows);
    degraded_free(&degraded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thing_degrades_and_heals),
        cmocka_unit_test(test_it_has_a_cap_and_bears_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
