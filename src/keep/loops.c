/* One item per loop, and two ways for a run to happen: a job of our own, or a question that a gate asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"

#include "keep/loop_policy.h"
#include "keep/loops.h"

enum {
    LOOPS_LOOK_MS = 200,    /* at a target that is still starting */
    LOOPS_CLOCK_MS = 60000, /* the wall clock may be put forward or back while `at` waits */
    LOOPS_NAME_SIZE = 80,
    LOOPS_TEXT_SIZE = 512,
};

enum loops_state {
    LOOPS_IDLE,    /* not started yet */
    LOOPS_WAITING, /* for the time of its next run */
    LOOPS_RUNNING, /* a job, or a question to a gate, is open */
    LOOPS_ENDED,   /* nothing runs and nothing shall */
};

struct loops_item {
    struct loops *loops;
    const struct config_loop *config;
    char name[LOOPS_NAME_SIZE]; /* of its jobs */
    enum loops_state state;
    struct loop_timer due; /* the next run; with http also the next look at the target */
    int64_t due_wall_ms;
    struct job *job;
    uint64_t generation;
    uint32_t asked; /* number of the open question whose answer counts; 0: none */
    uint32_t last_asked;
    unsigned open; /* questions that will still be answered, to whatever end */
    bool leaving;  /* no longer configured: goes when nothing of it runs, and `config` is not looked at */
    bool renewed;  /* changed while it ran: the next run is a first one */
    int64_t started_ms; /* of the run under way, CLOCK_BOOTTIME */
    bool judged;        /* the run under way has failed already: its time is over */
    uint64_t runs, skipped;
    unsigned failures; /* in a row */
    bool known;        /* there is a last run, the following is of it */
    bool ok;
    char text[LOOPS_TEXT_SIZE];
    int64_t ended_ms; /* CLOCK_BOOTTIME */
    int64_t after_ms;
};

struct loops {
    struct loops_settings settings;
    struct loop *loop;
    struct loops_item **items;
    size_t count;
    bool started;
    bool stopping;
    struct loop_task ended;
    void (*on_stopped)(void *owner);
    void *stopped_owner;
};

static void loops_run(struct loops_item *item);

static int64_t loops_now_ms(const struct loops *loops)
{
    const struct clock *clock = loop_clock(loops->loop);
    return clock->boottime_ms(clock);
}

static int64_t loops_wall_ms(const struct loops *loops)
{
    const struct clock *clock = loop_clock(loops->loop);
    return clock->wall_ms(clock);
}

static void loops_journal(struct loops_item *item, const char *event, json_t *evidence)
{
    const struct loops_settings *settings = &item->loops->settings;
    CHECK(evidence);
    settings->events->on_journal(settings->owner, item->name, event, evidence);
    json_decref(evidence);
}

static void loops_changed(const struct loops *loops)
{
    loops->settings.events->on_change(loops->settings.owner);
}

/* --- the next run --------------------------------------------------------------------------------- */

static void loops_wait(struct loops_item *item);

static void loops_on_due(struct loop_timer *timer)
{
    struct loops_item *item = LIST_ENTRY(timer, struct loops_item, due);
    if (!item->config->every_ms && loops_wall_ms(item->loops) < item->due_wall_ms)
        loops_wait(item);
    else
        loops_run(item);
}

static void loops_wait(struct loops_item *item)
{
    int64_t delay_ms = item->due_wall_ms - loops_wall_ms(item->loops);
    if (!item->config->every_ms && delay_ms > LOOPS_CLOCK_MS)
        delay_ms = LOOPS_CLOCK_MS;
    item->state = LOOPS_WAITING;
    loop_timer_start(item->loops->loop, &item->due, delay_ms > 0 ? delay_ms : 0, loops_on_due);
}

static struct loop_policy_now loops_policy_now(const struct loops_item *item)
{
    struct loop_policy_now now = {
        .failures = item->failures, .wall_ms = loops_wall_ms(item->loops), .zone = localtime_r};
    CHECK(getrandom(&now.random, sizeof now.random, 0) == (ssize_t)sizeof now.random);
    return now;
}

static void loops_wait_for(struct loops_item *item, int64_t pause_ms)
{
    int64_t wall_ms = loops_wall_ms(item->loops);
    item->due_wall_ms = pause_ms < INT64_MAX - wall_ms ? wall_ms + pause_ms : INT64_MAX;
    loops_wait(item);
}

static void loops_check_stopped(struct loops *loops);
static void loops_leave(struct loops_item *item);

static void loops_wait_for_first(struct loops_item *item)
{
    const struct loop_policy_now now = loops_policy_now(item);
    item->renewed = false;
    loops_wait_for(item, loop_policy_first(item->config, &now));
}

/* The run under way is over: the next one is waited for, or none. */
static void loops_go_on(struct loops_item *item)
{
    struct loops *loops = item->loops;
    if (loops->stopping || item->leaving) {
        item->state = LOOPS_ENDED;
        loops_check_stopped(loops);
    } else if (item->renewed) {
        loops_wait_for_first(item);
    } else {
        const struct loop_policy_now now = loops_policy_now(item);
        loops_wait_for(item, loop_policy_pause(item->config, &now));
    }
    if (item->leaving)
        loops_leave(item);
    loops_changed(loops);
}

/* --- what became of a run -------------------------------------------------------------------------- */

static void loops_tell(struct loops_item *item, bool recovered)
{
    const struct loops_settings *settings = &item->loops->settings;
    if (recovered)
        loops_journal(item, "loop-recovered", json_pack("{s:s}", "text", item->text));
    if (!item->ok)
        loops_journal(item, "loop-failed",
                      json_pack("{s:s, s:i, s:I, s:I, s:I}", "text", item->text, "failures", item->failures,
                                "after_ms", (json_int_t)item->after_ms, "generation",
                                (json_int_t)item->generation, "pid",
                                (json_int_t)(item->job ? job_record(item->job)->main.pid : 0)));
    settings->events->on_result(settings->owner, item->config->name, item->failures, item->text);
}

static void loops_judge(struct loops_item *item, bool ok, const char *text)
{
    bool recovered = ok && item->failures > 0;
    item->known = true;
    item->ok = ok;
    item->failures = ok ? 0 : item->failures + 1;
    item->ended_ms = loops_now_ms(item->loops);
    item->after_ms = item->ended_ms - item->started_ms;
    snprintf(item->text, sizeof item->text, "%s", text);
    utf8_clean(item->text);
    loops_tell(item, recovered);
}

static void loops_finish(struct loops_item *item, bool ok, const char *text)
{
    /* What we end ourselves says nothing of the loop. */
    if (!item->judged && !item->loops->stopping && !item->leaving && !item->renewed)
        loops_judge(item, ok, text);
    item->ended_ms = loops_now_ms(item->loops);
    job_free(&item->job);
    item->asked = 0;
    loops_go_on(item);
}

/* --- a command ------------------------------------------------------------------------------------- */

static void loops_on_late(void *owner)
{
    struct loops_item *item = owner;
    char text[LOOPS_TEXT_SIZE], time[TEXT_NUMBER_SIZE];
    snprintf(text, sizeof text, "did not end within %s", text_of_duration(item->config->timeout_ms, time));
    item->judged = true;
    loops_judge(item, false, text);
    loops_changed(item->loops);
}

static void loops_on_over(void *owner, const struct job_end *end)
{
    loops_finish(owner, end->ok, end->cause.text);
}

/* The row of a failure comes at its end, with the pid. */
static void loops_on_job_journal(void *owner, const char *event, const json_t *evidence)
{
    static const char *const usual[] = {"spawn", "started", "exit"};
    struct loops_item *item = owner;
    const struct loops_settings *settings = &item->loops->settings;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(event, usual[i]) == 0)
            return;
    settings->events->on_journal(settings->owner, item->name, event, evidence);
}

static void loops_run_command(struct loops_item *item)
{
    static const struct job_events events = {
        .on_late = loops_on_late, .on_over = loops_on_over, .on_journal = loops_on_job_journal};
    struct error error = {0};
    const struct job_settings job = {
        .shared = item->loops->settings.jobs,
        .name = item->name,
        .item = &item->config->item,
        .directory = item->config->directory,
        .command = &item->config->command,
        .timeout_ms = item->config->timeout_ms,
        .generation = &item->generation,
        .events = &events,
        .owner = item,
    };
    item->job = job_start(&job, &error);
    if (!item->job)
        loops_finish(item, false, error.text);
}

/* --- a request ------------------------------------------------------------------------------------- */

static const struct target_row *loops_target(const struct loops_item *item, int *socket)
{
    const struct targets *targets = item->loops->settings.targets;
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, socket);
        if (strcmp(row->name, item->config->http.to) == 0)
            return row;
    }
    return NULL;
}

static void loops_on_answer(void *owner, uint32_t tag, bool ok, const char *text)
{
    struct loops_item *item = owner;
    item->open--;
    if (item->asked == tag)
        loops_finish(item, ok, text);
    else if (item->leaving)
        loops_leave(item);
}

static void loops_ask(struct loops_item *item, const struct target_row *row, int socket, int64_t timeout_ms)
{
    const struct loops_settings *settings = &item->loops->settings;
    struct prober_question question = prober_about(row, socket);
    question.method = item->config->http.method;
    question.path = item->config->http.path;
    question.timeout_ms = timeout_ms;
    question.on_done = loops_on_answer;
    question.owner = item;
    question.tag = ++item->last_asked;
    item->asked = item->last_asked;
    item->open++;
    settings->events->on_ask(settings->owner, &question);
}

static void loops_fail_target(struct loops_item *item, const struct target_row *row)
{
    char text[LOOPS_TEXT_SIZE];
    snprintf(text, sizeof text, "%s is %s%s%s", row->name, target_state_name(row->state),
             row->cause.text[0] ? ": " : "", row->cause.text);
    loops_finish(item, false, text);
}

static void loops_run_http(struct loops_item *item);

static void loops_on_look(struct loop_timer *timer)
{
    loops_run_http(LIST_ENTRY(timer, struct loops_item, due));
}

/* A target that is starting is waited for, one that nobody wants now is left in peace, one that has failed is
 * our failure too. */
static void loops_run_http(struct loops_item *item)
{
    int socket = -1;
    const struct target_row *row = loops_target(item, &socket);
    int64_t rest_ms = item->started_ms + item->config->timeout_ms - loops_now_ms(item->loops);
    CHECK(row);
    if (row->ready) {
        loops_ask(item, row, socket, rest_ms > 1 ? rest_ms : 1);
    } else if (!row->wanted && row->state == TARGET_DOWN) {
        item->skipped++;
        loops_go_on(item);
    } else if (row->state == TARGET_STARTING && rest_ms > 0) {
        loop_timer_start(item->loops->loop, &item->due, LOOPS_LOOK_MS, loops_on_look);
    } else {
        loops_fail_target(item, row);
    }
}

static void loops_run(struct loops_item *item)
{
    item->state = LOOPS_RUNNING;
    item->judged = false;
    item->runs++;
    item->started_ms = loops_now_ms(item->loops);
    if (item->config->command.count)
        loops_run_command(item);
    else
        loops_run_http(item);
    loops_changed(item->loops);
}

/* --- from outside ---------------------------------------------------------------------------------- */

static struct loops_item *loops_add(struct loops *loops, const struct config_loop *config)
{
    struct loops_item *item = MEMORY_NEW(struct loops_item);
    item->loops = loops;
    item->config = config;
    snprintf(item->name, sizeof item->name, "loop:%s", config->name);
    loops->items = memory_resize(loops->items, (loops->count + 1) * sizeof(struct loops_item *));
    loops->items[loops->count++] = item;
    return item;
}

struct loops *loops_new(const struct loops_settings *settings)
{
    struct loops *loops = MEMORY_NEW(struct loops);
    loops->settings = *settings;
    loops->loop = settings->jobs->targets.loop;
    for (size_t i = 0; i < settings->config->count; i++)
        loops_add(loops, &settings->config->items[i]);
    return loops;
}

void loops_start(struct loops *loops)
{
    loops->started = true;
    for (size_t i = 0; i < loops->count; i++)
        loops_wait_for_first(loops->items[i]);
    loops_changed(loops);
}

/* --- another configuration ------------------------------------------------------------------------- */

static const char *loops_short_name(const struct loops_item *item)
{
    return item->name + sizeof "loop:" - 1;
}

static void loops_free_item(struct loops_item *item)
{
    loop_timer_stop(&item->due);
    job_free(&item->job);
    loop_free_later(item->loops->loop, item, free);
}

/* Goes as soon as nothing of it runs and no question of it is open. */
static void loops_leave(struct loops_item *item)
{
    struct loops *loops = item->loops;
    if (item->job || item->open)
        return;
    size_t at = 0;
    while (loops->items[at] != item)
        at++;
    memmove(&loops->items[at], &loops->items[at + 1], (loops->count - at - 1) * sizeof(struct loops_item *));
    loops->count--;
    loops_free_item(item);
}

static void loops_end_run(struct loops_item *item)
{
    loop_timer_stop(&item->due);
    item->asked = 0;
    if (item->job)
        job_stop(item->job, JOB_GRACE_MS);
}

static void loops_remove(struct loops_item *item)
{
    const struct loops_settings *settings = &item->loops->settings;
    item->leaving = true;
    loops_end_run(item);
    settings->events->on_result(settings->owner, loops_short_name(item), 0, "it is not configured any more");
    if (!item->job)
        item->state = LOOPS_ENDED;
    loops_leave(item);
}

static void loops_renew(struct loops_item *item)
{
    loops_end_run(item);
    if (item->job)
        item->renewed = true;
    else if (item->loops->started)
        loops_wait_for_first(item);
}

static const struct config_loop *loops_find_config(const struct config_loops *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->items[i].name, name) == 0)
            return &config->items[i];
    return NULL;
}

static bool loops_has(const struct loops *loops, const char *name)
{
    for (size_t i = 0; i < loops->count; i++)
        if (!loops->items[i]->leaving && strcmp(loops_short_name(loops->items[i]), name) == 0)
            return true;
    return false;
}

void loops_reload(struct loops *loops, const struct config_loops *config)
{
    for (size_t i = loops->count; i-- > 0;) {
        struct loops_item *item = loops->items[i];
        const struct config_loop *now =
            item->leaving ? NULL : loops_find_config(config, loops_short_name(item));
        const struct config_loop *before = item->config;
        item->config = now;
        if (!now && !item->leaving)
            loops_remove(item);
        else if (now && !loop_policy_same(before, now))
            loops_renew(item);
    }
    for (size_t i = 0; i < config->count && !loops->stopping; i++) {
        if (loops_has(loops, config->items[i].name))
            continue;
        struct loops_item *item = loops_add(loops, &config->items[i]);
        if (loops->started)
            loops_wait_for_first(item);
    }
    loops->settings.config = config;
    loops_changed(loops);
}

/* --- the end --------------------------------------------------------------------------------------- */

static void loops_on_ended(struct loop_task *task)
{
    struct loops *loops = LIST_ENTRY(task, struct loops, ended);
    void (*done)(void *owner) = loops->on_stopped;
    loops->on_stopped = NULL;
    if (done)
        done(loops->stopped_owner);
}

static void loops_check_stopped(struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        if (loops->items[i]->state == LOOPS_RUNNING)
            return;
    loop_task_start(loops->loop, &loops->ended, loops_on_ended);
}

void loops_stop(struct loops *loops, void (*done)(void *owner), void *owner)
{
    loops->stopping = true;
    loops->on_stopped = done;
    loops->stopped_owner = owner;
    for (size_t i = 0; i < loops->count; i++) {
        loops_end_run(loops->items[i]);
        if (!loops->items[i]->job)
            loops->items[i]->state = LOOPS_ENDED;
    }
    loops_check_stopped(loops);
}

void loops_hurry(struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        if (loops->items[i]->job)
            job_stop(loops->items[i]->job, 0);
}

bool loops_vital_fails(const struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        if (!loops->items[i]->leaving && loops->items[i]->config->vital && loops->items[i]->failures)
            return true;
    return false;
}

/* --- what is shown --------------------------------------------------------------------------------- */

static json_t *loops_time(const struct loops *loops, int64_t boottime_ms)
{
    char text[CLOCK_TEXT_SIZE];
    return json_string(clock_format(loops_wall_ms(loops) - (loops_now_ms(loops) - boottime_ms), text));
}

static json_t *loops_describe_last(const struct loops_item *item)
{
    if (!item->known)
        return json_null();
    return json_pack("{s:b, s:s, s:o, s:I}", "ok", item->ok, "text", item->text, "ended",
                     loops_time(item->loops, item->ended_ms), "after_ms", (json_int_t)item->after_ms);
}

static json_t *loops_describe_run(const struct loops_item *item)
{
    if (item->state != LOOPS_RUNNING)
        return json_null();
    return json_pack("{s:I, s:o}", "pid", (json_int_t)(item->job ? job_record(item->job)->main.pid : 0),
                     "started", loops_time(item->loops, item->started_ms));
}

static json_t *loops_describe_next(const struct loops_item *item)
{
    char text[CLOCK_TEXT_SIZE];
    if (item->state != LOOPS_WAITING || item->due_wall_ms == INT64_MAX)
        return json_null();
    return json_string(clock_format(item->due_wall_ms, text));
}

static json_t *loops_describe_item(const struct loops_item *item)
{
    static const char *const states[] = {"idle", "waiting", "running", "ended"};
    const struct config_loop *config = item->config;
    char every[TEXT_NUMBER_SIZE];
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:b}", "name", config->name, "state", states[item->state],
        "kind", config->command.count ? "command" : "http", config->every_ms ? "every" : "at",
        config->every_ms ? text_of_duration(config->every_ms, every) : config->at, "vital", config->vital,
        "runs", (json_int_t)item->runs, "failures", (json_int_t)item->failures, "skipped",
        (json_int_t)item->skipped, "ok", item->failures == 0);
    json_object_set_new(row, "last", loops_describe_last(item));
    json_object_set_new(row, "age_ms",
                        item->known ? json_integer(loops_now_ms(item->loops) - item->ended_ms) : json_null());
    json_object_set_new(row, "run", loops_describe_run(item));
    json_object_set_new(row, "next", loops_describe_next(item));
    return row;
}

json_t *loops_describe(const struct loops *loops)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < loops->count; i++)
        if (!loops->items[i]->leaving)
            json_array_append_new(rows, loops_describe_item(loops->items[i]));
    return rows;
}

void loops_free(struct loops **where)
{
    struct loops *loops = *where;
    if (!loops)
        return;
    for (size_t i = 0; i < loops->count; i++)
        loops_free_item(loops->items[i]);
    loop_task_stop(&loops->ended);
    free(loops->items);
    loop_free_later(loops->loop, loops, free);
    *where = NULL;
}
