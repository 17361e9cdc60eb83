/* A timer while somebody waits; none before and after. */
#include "route/farewell.h"

int64_t farewell_due(size_t waiting, int64_t passed_us, int64_t left_us)
{
    const int64_t most_us = FAREWELL_CATCH_UP_MS * (int64_t)1000, all = (int64_t)waiting * FAREWELL_PARTS;
    int64_t counted_us = passed_us < most_us ? passed_us : most_us;
    return left_us <= 0 ? all : all * counted_us / (counted_us + left_us);
}

static void on_step(struct loop_timer *timer)
{
    struct farewell *farewell = LIST_ENTRY(timer, struct farewell, step);
    int64_t now_us = loop_now_us(farewell->loop);
    farewell->owed +=
        farewell_due(farewell->waiting, now_us - farewell->looked_us, farewell->until_us - now_us);
    farewell->looked_us = now_us;
    for (; farewell->owed >= FAREWELL_PARTS && farewell->waiting > 0; farewell->owed -= FAREWELL_PARTS)
        farewell->tell_next(farewell);
    if (farewell->waiting > 0)
        loop_timer_start(farewell->loop, timer, FAREWELL_STEP_MS, on_step);
}

void farewell_begin(struct farewell *farewell, struct loop *loop, int64_t spread_ms,
                    void (*tell_next)(struct farewell *farewell))
{
    bool few = farewell->waiting <= FAREWELL_AT_ONCE;
    farewell->loop = loop;
    farewell->tell_next = tell_next;
    farewell->looked_us = loop_now_us(loop);
    farewell->until_us = farewell->looked_us + (few ? 0 : spread_ms * 1000);
    farewell->owed = 0;
    if (farewell->waiting > 0)
        loop_timer_start(loop, &farewell->step, 0, on_step);
}

void farewell_stop(struct farewell *farewell)
{
    loop_timer_stop(&farewell->step);
}
