#include "../support.h"

#include "screen/clusters.h"

static void test_kept_once(void **state)
{
    (void)state;
    struct clusters clusters = {0};
    const uint32_t one[] = {'e', 0x301}, other[] = {'e', 0x301, 0x302};
    int32_t first = clusters_add(&clusters, one, 2), second = clusters_add(&clusters, other, 3);
    assert_int_not_equal(first, second);
    assert_int_equal(clusters_add(&clusters, one, 2), first);
    assert_int_equal(clusters_get(&clusters, (uint32_t)second)->codes[2], 0x302);
    clusters_free(&clusters);
}

/* When it is full, those that are not marked make room; the marked ones keep their numbers. */
static void test_full(void **state)
{
    (void)state;
    struct clusters clusters = {0};
    for (uint32_t i = 0; i < CLUSTERS_MOST; i++) {
        uint32_t codes[] = {0x4000 + i, 0x301};
        assert_int_equal(clusters_add(&clusters, codes, 2), i);
    }
    const uint32_t more[] = {'x', 0x301}, kept[] = {0x4000 + 77, 0x301};
    assert_int_equal(clusters_add(&clusters, more, 2), -1);
    clusters_mark(&clusters, 77);
    clusters_sweep(&clusters);
    assert_int_equal(clusters_add(&clusters, kept, 2), 77);
    assert_true(clusters_add(&clusters, more, 2) >= 0);
    assert_int_equal(clusters.free, CLUSTERS_MOST - 2);
    clusters_free(&clusters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_once),
        cmocka_unit_test(test_full),
    };
    return run_group(tests);
}
