#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list link;
};

/* The numbers in order as one decimal number: 1, 2, 3 gives 123. */
static int digits(struct list *head)
{
    int number = 0;
    LIST_FOR_EACH(link, head)
    {
        number = number * 10 + LIST_ENTRY(link, struct item, link)->number;
    }
    return number;
}

static void test_keeps_the_order_of_insertion(void **state)
{
    (void)state;
    struct list head = LIST_INIT(head);
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    assert_true(list_empty(&head));
    assert_int_equal(digits(&head), 0);
    list_append(&head, &items[1].link);
    list_append(&head, &items[3].link);
    list_prepend(&head, &items[0].link);
    list_insert_before(&items[3].link, &items[2].link);
    assert_false(list_empty(&head));
    assert_int_equal(digits(&head), 1234);
}

static void test_removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list head = LIST_INIT(head);
    struct item items[2] = {{.number = 1}, {.number = 2}};
    list_append(&head, &items[0].link);
    list_append(&head, &items[1].link);
    list_remove(&items[0].link);
    list_remove(&items[0].link);
    assert_int_equal(digits(&head), 2);
    list_append(&head, &items[0].link);
    assert_int_equal(digits(&head), 21);
}

static void test_an_entry_may_be_removed_in_the_loop(void **state)
{
    (void)state;
    struct list head = LIST_INIT(head);
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    for (size_t i = 0; i < 3; i++)
        list_append(&head, &items[i].link);
    int seen = 0;
    LIST_FOR_EACH(link, &head)
    {
        seen = seen * 10 + LIST_ENTRY(link, struct item, link)->number;
        list_remove(link);
    }
    assert_int_equal(seen, 123);
    assert_true(list_empty(&head));
}

static void test_append_all(void **state)
{
    (void)state;
    struct list from = LIST_INIT(from), to = LIST_INIT(to);
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_append_all(&to, &from);
    assert_true(list_empty(&to));
    list_append(&from, &items[0].link);
    list_append(&from, &items[1].link);
    list_append_all(&to, &from);
    assert_true(list_empty(&from));
    assert_int_equal(digits(&to), 12);
    list_append(&from, &items[2].link);
    list_append_all(&to, &from);
    list_append(&to, &items[3].link);
    assert_int_equal(digits(&to), 1234);
    list_remove(&items[1].link);
    assert_int_equal(digits(&to), 134);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_order_of_insertion),
        cmocka_unit_test(test_removing_twice_is_harmless),
        cmocka_unit_test(test_an_entry_may_be_removed_in_the_loop),
        cmocka_unit_test(test_append_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
