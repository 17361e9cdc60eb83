#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "keep/visits.h"

/* One user's doing of one thing. */
struct visits_sum {
    struct list link;
    enum visit_action action;
    char *user;                               /* NULL: of all for whom there was no place */
    int64_t until_ms;                         /* of the loop: when its time is over */
    int64_t told;                             /* rows within it */
    int64_t times;                            /* since then, and not told */
    int64_t viewer, bytes, first_ms, last_ms; /* of these */
};

struct visits {
    struct loop *loop;
    visits_row_fn *on_row;
    void *owner;
    struct list sums;
    size_t count;
    struct loop_timer period;
};

static const char *const visits_names[] = {
    [VISIT_ATTACH] = "attach", [VISIT_WATCH] = "attach", [VISIT_INPUT] = "input", [VISIT_DETACH] = "detach"};

static json_t *visits_evidence(enum visit_action action, const char *user, int64_t viewer)
{
    json_t *evidence = json_pack("{s:s, s:s?, s:I}", "action", visits_names[action], "user", user, "viewer",
                                 (json_int_t)viewer);
    if (action <= VISIT_WATCH)
        json_object_set_new(evidence, "view", json_boolean(action == VISIT_WATCH));
    return evidence;
}

static void visits_set(json_t *evidence, const char *name, int64_t value)
{
    json_object_set_new(evidence, name, json_integer(value));
}

static void visits_tell_one(const struct visits *visits, const struct visit *visit)
{
    json_t *evidence = visits_evidence(visit->action, visit->user, visit->viewer);
    if (visit->action == VISIT_INPUT) {
        visits_set(evidence, "bytes", visit->bytes);
        visits_set(evidence, "first_ms", visit->first_ms);
        visits_set(evidence, "last_ms", visit->last_ms);
    }
    visits->on_row(visits->owner, evidence);
}

static void visits_tell_sum(const struct visits *visits, struct visits_sum *sum)
{
    if (sum->times == 0)
        return;
    json_t *evidence = visits_evidence(sum->action, sum->user, sum->viewer);
    visits_set(evidence, "times", sum->times);
    if (sum->action == VISIT_INPUT)
        visits_set(evidence, "bytes", sum->bytes);
    visits_set(evidence, "first_ms", sum->first_ms);
    visits_set(evidence, "last_ms", sum->last_ms);
    sum->times = sum->bytes = 0;
    visits->on_row(visits->owner, evidence);
}

static void visits_drop(struct visits *visits, struct visits_sum *sum)
{
    list_remove(&sum->link);
    visits->count--;
    free(sum->user);
    free(sum);
}

static void visits_on_period(struct loop_timer *timer)
{
    struct visits *visits = LIST_ENTRY(timer, struct visits, period);
    int64_t now_ms = loop_now_ms(visits->loop), next_ms = INT64_MAX;
    LIST_FOR_EACH(link, &visits->sums)
    {
        struct visits_sum *sum = LIST_ENTRY(link, struct visits_sum, link);
        if (sum->until_ms <= now_ms) {
            visits_tell_sum(visits, sum);
            visits_drop(visits, sum);
        } else if (sum->until_ms < next_ms) {
            next_ms = sum->until_ms;
        }
    }
    if (next_ms != INT64_MAX)
        loop_timer_start(visits->loop, timer, next_ms - now_ms, visits_on_period);
}

static struct visits_sum *visits_find(const struct visits *visits, enum visit_action action, const char *user)
{
    LIST_FOR_EACH(link, &visits->sums)
    {
        struct visits_sum *sum = LIST_ENTRY(link, struct visits_sum, link);
        if (sum->action == action && (user ? sum->user && strcmp(sum->user, user) == 0 : !sum->user))
            return sum;
    }
    return NULL;
}

static struct visits_sum *visits_begin(struct visits *visits, enum visit_action action, const char *user)
{
    struct visits_sum *sum = MEMORY_NEW(struct visits_sum);
    sum->action = action;
    sum->user = user ? memory_text(user) : NULL;
    sum->until_ms = loop_now_ms(visits->loop) + VISITS_PERIOD_MS;
    list_append(&visits->sums, &sum->link);
    visits->count++;
    if (!loop_timer_armed(&visits->period))
        loop_timer_start(visits->loop, &visits->period, VISITS_PERIOD_MS, visits_on_period);
    return sum;
}

/* Where this is counted; a new user finds a place unless there are many. */
static struct visits_sum *visits_place(struct visits *visits, const struct visit *visit)
{
    struct visits_sum *sum = visits_find(visits, visit->action, visit->user);
    if (sum)
        return sum;
    if (visits->count < VISITS_USERS)
        return visits_begin(visits, visit->action, visit->user);
    sum = visits_find(visits, visit->action, NULL);
    return sum ? sum : visits_begin(visits, visit->action, NULL);
}

void visits_add(struct visits *visits, const struct visit *visit)
{
    const struct clock *clock = loop_clock(visits->loop);
    struct visits_sum *sum = visits_place(visits, visit);
    if (sum->user && sum->told < VISITS_EACH) {
        sum->told++;
        visits_tell_one(visits, visit);
        return;
    }
    int64_t now_ms = clock->wall_ms(clock);
    bool typed = visit->action == VISIT_INPUT;
    if (sum->times++ == 0)
        sum->first_ms = typed ? visit->first_ms : now_ms;
    sum->last_ms = typed ? visit->last_ms : now_ms;
    sum->bytes += visit->bytes;
    sum->viewer = visit->viewer;
}

void visits_tell(struct visits *visits)
{
    LIST_FOR_EACH(link, &visits->sums)
    visits_tell_sum(visits, LIST_ENTRY(link, struct visits_sum, link));
}

struct visits *visits_new(struct loop *loop, visits_row_fn *on_row, void *owner)
{
    struct visits *visits = MEMORY_NEW(struct visits);
    *visits = (struct visits){.loop = loop, .on_row = on_row, .owner = owner};
    list_init(&visits->sums);
    return visits;
}

void visits_free(struct visits **where)
{
    struct visits *visits = *where;
    if (!visits)
        return;
    loop_timer_stop(&visits->period);
    visits_tell(visits);
    LIST_FOR_EACH(link, &visits->sums)
    visits_drop(visits, LIST_ENTRY(link, struct visits_sum, link));
    free(visits);
    *where = NULL;
}
