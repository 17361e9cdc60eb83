/* Counts by key in a page: added, removed, seen by a reader, full. */
#include "../support.h"

#include "link/page_slots.h"

static struct page *make_page(int *fd)
{
    *fd = page_create("reeve-test");
    struct page *page = page_map(*fd, 1);
    assert_non_null(page);
    return page;
}

static void what_is_added_is_counted_until_removed(void **state)
{
    (void)state;
    int fd;
    struct page *own = make_page(&fd);
    struct page *seen = page_map(fd, 0);
    const uint64_t keys[] = {1, 1u << 20, UINT64_MAX, 0xdeadbeefcafe};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k <= i; k++)
            assert_true(page_slots_add(own, keys[i]));
    for (int i = 0; i < 4; i++)
        assert_int_equal(page_slots_count(seen, keys[i]), i + 1);
    page_slots_remove(own, keys[0]);
    page_slots_remove(own, keys[3]);
    assert_int_equal(page_slots_count(seen, keys[0]), 0);
    assert_int_equal(page_slots_count(seen, keys[3]), 3);
    assert_int_equal(page_slots_count(seen, 77), 0);
    page_slots_clear(own);
    assert_int_equal(page_slots_count(seen, keys[2]), 0);
    page_unmap(&own), page_unmap(&seen), close(fd);
}

/* Keys whose places are the same ones: each has its own count, over gaps that others leave. */
static void neighbours_do_not_mix(void **state)
{
    (void)state;
    int fd;
    struct page *page = make_page(&fd);
    for (uint64_t i = 1; i <= 64; i++)
        assert_true(page_slots_add(page, i << 20 | 5));
    assert_false(page_slots_add(page, 65u << 20 | 5)); /* no place is left near it */
    assert_true(page_slots_add(page, 64u << 20 | 5));
    for (uint64_t i = 1; i <= 32; i++)
        page_slots_remove(page, i << 20 | 5);
    assert_int_equal(page_slots_count(page, 64u << 20 | 5), 2);
    assert_true(page_slots_add(page, 65u << 20 | 5));
    assert_int_equal(page_slots_count(page, 65u << 20 | 5), 1);
    assert_int_equal(page_slots_count(page, 33u << 20 | 5), 1);
    page_unmap(&page), close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_counted_until_removed),
        cmocka_unit_test(neighbours_do_not_mix),
    };
    return run_group(tests);
}
