/* The heap against a plain array: random sets, moves and removals; the earliest must always agree. */
#include "../support.h"

#include "loop/timer_heap.h"

enum { TIMERS = 200, STEPS = 20000 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int64_t earliest(const struct loop_timer *timers)
{
    int64_t due = INT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        if (timers[i].place && timers[i].due_us < due)
            due = timers[i].due_us;
    }
    return due;
}

static void agrees_with_an_array(void **state)
{
    (void)state;
    struct timer_heap heap = {0};
    static struct loop_timer timers[TIMERS];
    uint64_t seed = 7;
    for (int step = 0; step < STEPS; step++) {
        struct loop_timer *timer = &timers[next_random(&seed) % TIMERS];
        if (next_random(&seed) % 3 == 0 && timer->place)
            timer_heap_remove(&heap, timer);
        else
            timer_heap_set(&heap, timer, (int64_t)(next_random(&seed) % 1000));
        struct loop_timer *first = timer_heap_first(&heap);
        assert_int_equal(first ? first->due_us : INT64_MAX, earliest(timers));
    }
    for (struct loop_timer *first; (first = timer_heap_first(&heap));) {
        assert_int_equal(first->due_us, earliest(timers));
        timer_heap_remove(&heap, first);
    }
    assert_int_equal(earliest(timers), INT64_MAX);
    timer_heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
    };
    return run_group(tests);
}
