/* Numbers, and a round of ends in which everything changes. */
#include "../support.h"

#include "route/pending.h"

enum { COUNT = 4 };

static struct pendings all;
static struct pending ones[COUNT];
static int ended;

static int set_up(void **state)
{
    struct loop *loop = loop_new(&clock_system);
    ended = 0;
    memset(ones, 0, sizeof ones);
    pending_begin(&all, loop);
    for (int i = 0; i < COUNT; i++)
        pending_add(&all, &ones[i]);
    *state = loop;
    return 0;
}

static int tear_down(void **state)
{
    struct loop *loop = *state;
    for (int i = 0; i < COUNT; i++)
        pending_end(&ones[i]);
    assert_int_equal(pending_count(&all), 0);
    loop_free(&loop);
    return 0;
}

static void test_an_answer_finds_its_question_or_nothing(void **state)
{
    (void)state;
    uint32_t id = ones[1].id;
    assert_ptr_equal(pending_find(&all, id), &ones[1]);
    assert_null(pending_find(&all, 0));
    assert_true(pending_end(&ones[1]));
    assert_false(pending_end(&ones[1]));
    assert_null(pending_find(&all, id));
    all.last_id = UINT32_MAX; /* 0 is no number */
    pending_add(&all, &ones[1]);
    assert_int_equal(ones[1].id, 1);
}

/* A connection that is told of one end may take other questions of its own with it, and ask anew. */
static void end_and_change(struct pending *one)
{
    ended++;
    pending_end(one);
    if (one != &ones[0])
        return;
    pending_end(&ones[1]);
    pending_end(&ones[2]);
    pending_add(&all, &ones[0]);
}

static void test_a_round_of_ends_survives_what_they_do(void **state)
{
    (void)state;
    pending_each(&all, end_and_change);
    assert_int_equal(ended, 2); /* the first and the last */
    assert_int_equal(pending_count(&all), 1);
    assert_ptr_equal(pending_find(&all, ones[0].id), &ones[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer_finds_its_question_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_round_of_ends_survives_what_they_do, set_up, tear_down),
    };
    return run_group(tests);
}
