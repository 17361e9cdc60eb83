#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "keep/attempts.h"

enum { SECOND = 1000, START = 1000000000 };

static void test_the_waits(void **state)
{
    (void)state;
    static const struct {
        unsigned failures;
        int64_t user_ms, address_ms;
    } rows[] = {
        {0, 0, 0},
        {4, 0, 0},
        {5, 1000, 0},
        {6, 2000, 0},
        {7, 4000, 0},
        {10, 32000, 0},
        {11, 60000, 0},
        {19, 60000, 0},
        {20, 60000, 1000},
        {21, 60000, 2000},
        {28, 60000, 256000},
        {29, 60000, 300000},
        {1000, 60000, 300000},
        {UINT32_MAX, 60000, 300000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(attempts_wait(&attempts_for_user, rows[i].failures), rows[i].user_ms);
        assert_int_equal(attempts_wait(&attempts_for_address, rows[i].failures), rows[i].address_ms);
    }
}

/* One step of a history: time passes, somebody tries, an answer is expected. */
struct step {
    int64_t after_ms;
    const char *user, *address;
    enum attempts_limit limit;
    int64_t wait_ms;
    enum { FAILS, SUCCEEDS, COMES_TO_NOTHING, LEAVES } end;
};

static void play(const struct step *steps, size_t count)
{
    struct attempts *attempts = attempts_new();
    int64_t now_ms = START;
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        now_ms += step->after_ms;
        struct attempts_answer answer = attempts_begin(attempts, step->user, step->address, now_ms);
        if (answer.limit != step->limit || answer.wait_ms != step->wait_ms)
            fail_msg("step %zu: limit %d, wait %lld", i, (int)answer.limit, (long long)answer.wait_ms);
        if (answer.limit == ATTEMPTS_NONE && step->end == SUCCEEDS)
            attempts_succeed(attempts, step->user, step->address);
        else if (answer.limit == ATTEMPTS_NONE && step->end == COMES_TO_NOTHING)
            attempts_take_back(attempts, step->user, step->address);
        else if (answer.limit == ATTEMPTS_NONE && step->end == LEAVES)
            attempts_leave(attempts, step->user);
    }
    attempts_free(&attempts);
    assert_null(attempts);
}

#define PLAY(steps) play((steps), sizeof(steps) / sizeof(steps)[0])

static void test_a_name_waits_wherever_it_is_tried_from(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},    {0, "ann", "2", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "3", ATTEMPTS_NONE, 0, FAILS},    {0, "ann", "4", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "5", ATTEMPTS_NONE, 0, FAILS},    {0, "ann", "6", ATTEMPTS_USER, 1000, FAILS},
        {0, "bob", "6", ATTEMPTS_NONE, 0, FAILS},    {400, "ann", "1", ATTEMPTS_USER, 600, FAILS},
        {600, "ann", "1", ATTEMPTS_NONE, 0, FAILS}, /* what had to wait was not counted */
        {0, "ann", "1", ATTEMPTS_USER, 2000, FAILS}, {2000, "ann", "1", ATTEMPTS_NONE, 0, SUCCEEDS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS}, /* afresh */
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
    };
    PLAY(steps);
}

static void test_what_came_to_nothing_does_not_count(void **state)
{
    (void)state;
    struct step steps[30];
    for (size_t i = 0; i < 30; i++)
        steps[i] = (struct step){0, "ann", "1", ATTEMPTS_NONE, 0, COMES_TO_NOTHING};
    PLAY(steps);
}

/* Not against whom it tries, but against where it comes from. */
static void test_who_leaves_before_the_answer_is_counted(void **state)
{
    (void)state;
    struct step steps[22];
    for (size_t i = 0; i < 20; i++)
        steps[i] = (struct step){0, "ann", "1", ATTEMPTS_NONE, 0, LEAVES};
    steps[20] = (struct step){0, "ann", "1", ATTEMPTS_ADDRESS, 1000, LEAVES};
    steps[21] = (struct step){0, "ann", "2", ATTEMPTS_NONE, 0, FAILS};
    PLAY(steps);
}

static void test_failures_are_forgotten(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_USER, 1000, FAILS},
        {900 * SECOND, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
        {0, "ann", "1", ATTEMPTS_NONE, 0, FAILS},
    };
    PLAY(steps);
}

static void try_names(struct attempts *attempts, const char *address, unsigned count,
                      enum attempts_limit then)
{
    for (unsigned i = 0; i <= count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%u", address, i);
        struct attempts_answer answer = attempts_begin(attempts, name, address, START);
        assert_int_equal(answer.limit, i < count ? ATTEMPTS_NONE : then);
    }
}

/* One who tries many names; of IPv6 from a network of their own. An account of one's own does not help. */
static void test_an_address_waits_whomever_it_tries(void **state)
{
    (void)state;
    struct attempts *attempts = attempts_new();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(attempts_begin(attempts, "mallory", "192.0.2.1", START).limit, ATTEMPTS_NONE);
        attempts_succeed(attempts, "mallory", "192.0.2.1");
    }
    try_names(attempts, "192.0.2.1", 20, ATTEMPTS_ADDRESS);
    assert_int_equal(attempts_begin(attempts, "ann", "192.0.2.2", START).limit, ATTEMPTS_NONE);
    attempts_free(&attempts);
    attempts = attempts_new();
    try_names(attempts, "2001:db8::1", 20, ATTEMPTS_ADDRESS);
    assert_int_equal(attempts_begin(attempts, "ann", "2001:db8:0:0:ffff::2", START).limit, ATTEMPTS_ADDRESS);
    assert_int_equal(attempts_begin(attempts, "ann", "2001:db8:0:1::2", START).limit, ATTEMPTS_NONE);
    attempts_free(&attempts);
}

static void test_all_together_have_a_rate(void **state)
{
    (void)state;
    struct attempts *attempts = attempts_new();
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(attempts_begin(attempts, name, name, START).limit, ATTEMPTS_NONE);
        attempts_succeed(attempts, name, name);
    }
    struct attempts_answer answer = attempts_begin(attempts, "ann", "1", START);
    assert_int_equal(answer.limit, ATTEMPTS_ALL);
    assert_int_equal(answer.wait_ms, 100);
    assert_int_equal(attempts_begin(attempts, "ann", "1", START + 100).limit, ATTEMPTS_NONE);
    assert_int_equal(attempts_begin(attempts, "ann", "1", START + 100).limit, ATTEMPTS_ALL);
    assert_int_equal(attempts_begin(attempts, "ann", "1", START + 3600000).limit, ATTEMPTS_NONE);
    attempts_free(&attempts);
}

/* More names than are remembered: the one that failed longest ago is forgotten, nothing grows. */
static void test_many_names(void **state)
{
    (void)state;
    struct attempts *attempts = attempts_new();
    int64_t now_ms = START;
    for (int i = 0; i < 5; i++)
        attempts_begin(attempts, "ann", "1", now_ms);
    for (int i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        now_ms += 100;
        assert_int_equal(attempts_begin(attempts, name, name, now_ms).limit, ATTEMPTS_NONE);
        if (i == 4000)
            assert_int_equal(attempts_begin(attempts, "ann", "2", now_ms + 100).limit, ATTEMPTS_NONE);
    }
    attempts_free(&attempts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_waits),
        cmocka_unit_test(test_a_name_waits_wherever_it_is_tried_from),
        cmocka_unit_test(test_what_came_to_nothing_does_not_count),
        cmocka_unit_test(test_who_leaves_before_the_answer_is_counted),
        cmocka_unit_test(test_failures_are_forgotten),
        cmocka_unit_test(test_an_address_waits_whomever_it_tries),
        cmocka_unit_test(test_all_together_have_a_rate),
        cmocka_unit_test(test_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
